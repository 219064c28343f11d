//! Models of single protocols: registration, publication, the log, leases, chains.

use std::sync::Arc;

use loom::thread;

use super::explore;
use crate::bugs::{Bug, Bugs};
use crate::store::pins::Pins;
use crate::store::publisher::Publisher;
use crate::store::record::{Record, Shared};
use crate::store::registry::{Pin, Registry, Role};
use crate::store::version::{Unlinked, Version};
use crate::sync::AtomicU64;

/// One record, with the version 10 of commit 1, and a registry that has published it.
struct OneKey {
    registry: Registry,
    publisher: Publisher,
    record: Shared<u8, u64>,
}

impl OneKey {
    fn new(bugs: Bugs) -> Self {
        let record = Record::leased(7);
        let one = Self { registry: Registry::new(bugs), publisher: Publisher::new(bugs), record };
        one.record.install(one.record.take_in(Version::allocate(Some(10))), 1);
        one.publisher.installed(&one.registry, 1);
        one
    }

    fn overwrite(&self, commit: u64, value: u64) {
        assert!(self.record.lease());
        self.record.install(Version::allocate(Some(value)), commit);
        self.publisher.installed(&self.registry, commit);
    }

    /// Unlinks what nobody can see, and frees it if nobody walks. `vanished` is a pin for
    /// which the record had to wait, and which is gone. True if the record left
    /// the index.
    fn collect(&self, vanished: Option<u64>) -> bool {
        let mut pins = Vec::new();
        let horizon = self.registry.pins(&mut pins);
        let mut unlinked = Unlinked::default();
        let dead = self.record.collect(&Pins::new(pins, horizon), vanished, &mut unlinked, |_| {});
        if !unlinked.is_empty() {
            let epoch = self.registry.next_epoch();
            // If somebody walks it waits for ever, which does no harm in a model.
            if self.registry.oldest_walk() >= epoch {
                self.record.retire(unlinked, &mut Vec::new());
            }
        }
        dead
    }
}

/// A reader registers and reads while a committer overwrites and collects.
fn register_against_collect(bugs: Bugs) {
    explore(move || {
        let one = Arc::new(OneKey::new(bugs));
        let writer = {
            let one = Arc::clone(&one);
            thread::spawn(move || {
                one.overwrite(2, 20);
                one.collect(None);
            })
        };
        let ticket = one.registry.register(Role::Untracked);
        let walk = one.registry.walker(&ticket).walk();
        let seen = one.record.chain().visible_at(ticket.timestamp(), &walk);
        drop(walk);
        let expected = if ticket.timestamp() == 1 { 10 } else { 20 };
        let value = seen.and_then(|version| version.value());
        assert_eq!(value, Some(&expected), "I3: the snapshot's version was collected");
        one.registry.release(&ticket);
        writer.join().unwrap();
        one.collect(Some(1));
        assert_eq!(one.record.census().versions, 1);
    });
}

/// A reader that stays at its snapshot walks over a version that nobody can see while it
/// is unlinked.
fn walk_against_collect(bugs: Bugs) {
    explore(move || {
        let one = Arc::new(OneKey::new(bugs));
        let ticket = one.registry.register(Role::Untracked);
        one.overwrite(2, 20);
        one.overwrite(3, 30);
        let collector = {
            let one = Arc::clone(&one);
            thread::spawn(move || one.collect(None))
        };
        let walk = one.registry.walker(&ticket).walk();
        let seen = one.record.chain().visible_at(1, &walk).and_then(|version| version.value());
        drop(walk);
        assert_eq!(seen, Some(&10), "I4: a pinned version was unlinked");
        assert!(!collector.join().unwrap());
        assert_eq!(one.record.census().versions, 2, "a version between the snapshots stayed");
        one.registry.release(&ticket);
    });
}

#[test]
fn a_version_between_two_snapshots_goes_while_somebody_walks_over_it() {
    walk_against_collect(Bugs::NONE);
}

#[test]
#[should_panic(expected = "I4")]
fn a_walk_without_a_fence_is_caught() {
    walk_against_collect(Bugs::with(Bug::WalkUnannounced));
}

/// A transaction that peeked slides forward while the collector works.
fn slide_against_collect(keep_the_first: bool) {
    explore(move || {
        let one = Arc::new(OneKey::new(Bugs::NONE));
        let ticket = one.registry.register(Role::Writer);
        let collector = {
            let one = Arc::clone(&one);
            thread::spawn(move || {
                one.overwrite(2, 20);
                one.overwrite(3, 30);
                one.collect(None);
            })
        };
        let visible = |timestamp| {
            let walk = one.registry.walker(&ticket).walk();
            one.record.chain().visible_at(timestamp, &walk)
        };
        let peeked = visible(1).unwrap();
        let (_, to) = one.registry.pin_newest(&ticket).unwrap();
        if !keep_the_first {
            one.registry.unpin(&ticket, Pin::FIRST);
        }
        one.registry.slide(&ticket, Role::Writer, to);
        let now = visible(to).unwrap();
        collector.join().unwrap();
        one.collect(None);
        assert_eq!(now.value(), Some(&(to * 10)));
        assert_eq!(peeked.value(), Some(&10));
        one.registry.release(&ticket);
    });
}

#[test]
fn a_slide_pins_where_it_goes_and_what_was_peeked_at_stays() {
    slide_against_collect(true);
}

#[test]
#[should_panic(expected = "I4")]
fn a_slide_that_forgets_what_was_peeked_at_is_caught() {
    slide_against_collect(false);
}

#[test]
fn a_registered_snapshot_keeps_its_version() {
    register_against_collect(Bugs::NONE);
}

#[test]
#[should_panic(expected = "version was")]
fn a_begin_without_a_second_load_is_caught() {
    register_against_collect(Bugs::with(Bug::NoSecondLoad));
}

/// Two commits install in any order; each is visible when it is acknowledged.
fn publish_in_order(bugs: Bugs) {
    explore(move || {
        let one = Arc::new(OneKey::new(bugs));
        let next = Arc::new(AtomicU64::new(2));
        let commit = |one: &OneKey, next: &AtomicU64| {
            let commit = next.fetch_add(1, crate::sync::Ordering::AcqRel);
            one.overwrite(commit, commit * 10);
            one.publisher.wait_for(&one.registry, commit);
            let ticket = one.registry.register(Role::Untracked);
            let timestamp = ticket.timestamp();
            assert!(timestamp >= commit, "I2: acknowledged before it was published");
            let walk = one.registry.walker(&ticket).walk();
            let seen = one.record.chain().visible_at(timestamp, &walk).and_then(|v| v.value());
            drop(walk);
            assert_eq!(seen, Some(&(timestamp * 10)), "I2: published before it was installed");
            one.registry.release(&ticket);
        };
        let other = {
            let (one, next) = (Arc::clone(&one), Arc::clone(&next));
            thread::spawn(move || commit(&one, &next))
        };
        commit(&one, &next);
        other.join().unwrap();
        assert_eq!(one.registry.published(), 3);
        one.collect(None);
        assert_eq!(one.record.census().versions, 1);
    });
}

#[test]
fn a_commit_is_visible_when_it_is_acknowledged_and_complete_when_it_is_visible() {
    publish_in_order(Bugs::NONE);
}

#[test]
#[should_panic(expected = "I2")]
fn an_acknowledgement_before_publication_is_caught() {
    publish_in_order(Bugs::with(Bug::EarlyAcknowledge));
}

#[test]
fn a_record_is_either_leased_or_sealed() {
    explore(|| {
        let one = Arc::new(OneKey::new(Bugs::NONE));
        assert!(one.record.lease());
        one.record.install(Version::allocate(None), 2);
        one.publisher.installed(&one.registry, 2);
        let collector = {
            let one = Arc::clone(&one);
            thread::spawn(move || one.collect(None))
        };
        let leased = one.record.lease();
        if leased {
            one.record.install(Version::allocate(Some(30)), 3);
            one.publisher.installed(&one.registry, 3);
        }
        let dead = collector.join().unwrap();
        assert_ne!(leased, dead, "I5: a leased record left the index");
        if leased {
            let walk = one.registry.walk_anywhere();
            let seen = one.record.chain().visible_at(3, &walk).and_then(|version| version.value());
            assert_eq!(seen, Some(&30));
        }
    });
}

#[test]
fn the_low_water_mark_never_passes_an_active_writer() {
    explore(|| {
        let one = Arc::new(OneKey::new(Bugs::NONE));
        let scanner = {
            let one = Arc::clone(&one);
            thread::spawn(move || {
                one.overwrite(2, 20);
                one.registry.low_water()
            })
        };
        let ticket = one.registry.register(Role::Writer);
        let low_water = scanner.join().unwrap();
        assert!(low_water <= ticket.timestamp(), "I3: the log would forget what a writer needs");
        one.registry.slide(&ticket, Role::Writer, 2);
        assert_eq!(one.registry.low_water(), 2);
        one.registry.release(&ticket);
    });
}
