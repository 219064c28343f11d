//! The registry by itself, without chance.

use std::thread;

use crate::bugs::Bugs;
use crate::store::registry::{NOTHING, Registry, Role, SEGMENT, Ticket, mark, settled, unsettled};
use crate::sync::Ordering;

fn published(timestamp: u64) -> Registry {
    let registry = Registry::new(Bugs::NONE);
    registry.publish(timestamp);
    registry
}

fn pins(registry: &Registry) -> (u64, Vec<u64>) {
    let mut pins = Vec::new();
    (registry.pins(&mut pins), pins)
}

#[test]
fn a_pin_that_is_not_settled_lowers_the_floor_and_one_that_is_stays_where_it_is() {
    let registry = published(9);
    let (slot, _) = registry.claim();
    assert_eq!(pins(&registry), (9, vec![]));
    slot.pins[0].store(settled(7), Ordering::Release);
    assert_eq!(pins(&registry), (9, vec![7]));
    slot.pins[1].store(unsettled(5), Ordering::Release);
    assert_eq!(pins(&registry), (5, vec![7]));
    slot.pins[1].store(unsettled(4), Ordering::Release);
    assert_eq!(pins(&registry), (4, vec![7]));
}

#[test]
fn only_writers_below_a_timestamp_are_writers_below_it() {
    let registry = published(3);
    let reader = registry.register(Role::Reader);
    assert!(!registry.writer_below(9));
    let writer = registry.register(Role::Writer);
    assert_eq!((registry.writer_below(3), registry.writer_below(4)), (false, true));
    assert_eq!((registry.oldest_reader(), registry.oldest_writer()), (3, 3));
    registry.publish(5);
    registry.release(&writer);
    assert_eq!((registry.writer_below(9), registry.oldest_writer()), (false, 5));
    assert_eq!((registry.low_water(), registry.oldest_reader()), (3, 3));
    registry.release(&reader);
    assert_eq!(registry.low_water(), 5);
}

#[test]
fn a_walk_lasts_until_the_outermost_ends() {
    let registry = published(1);
    let ticket = registry.register(Role::Reader);
    let walker = registry.walker(&ticket);
    assert_eq!(registry.oldest_walk(), NOTHING);
    let outer = walker.walk();
    let began = registry.oldest_walk();
    assert_ne!(began, NOTHING);
    let next = registry.next_epoch();
    assert!(began < next);
    drop(walker.walk());
    let inner = walker.walk();
    drop(inner);
    assert_eq!(registry.oldest_walk(), began, "the outer one goes on");
    drop(outer);
    assert_eq!(registry.oldest_walk(), NOTHING);
    let again = walker.walk();
    assert_eq!(registry.oldest_walk(), next);
    drop(again);
    registry.release(&ticket);
}

#[test]
fn every_slot_of_a_segment_is_used_before_another_one_and_each_has_a_number_of_its_own() {
    // Each thread has a first choice of its own.
    for _ in 0..16 {
        thread::spawn(all_slots_are_used).join().expect("it does not panic");
    }
}

fn all_slots_are_used() {
    let registry = published(1);
    let tickets: Vec<Ticket> = (0..3 * SEGMENT).map(|_| registry.register(Role::Writer)).collect();
    assert_eq!((registry.slots_used(), registry.census()), (3 * SEGMENT, (3 * SEGMENT, Some(1))));
    let mut slots: Vec<_> = tickets.iter().map(|ticket| ticket.slot).collect();
    slots.sort_unstable();
    assert!(slots.into_iter().eq(0..3 * SEGMENT as u64));
    for (ended, ticket) in (1..).zip(&tickets) {
        registry.release(ticket);
        assert_eq!(registry.census().0, 3 * SEGMENT - ended);
    }
    // What was given back is found again.
    let again = registry.register(Role::Writer);
    assert!(again.slot < SEGMENT as u64);
    assert_eq!(registry.slots_used(), 3 * SEGMENT);
}

#[test]
fn a_holder_is_told_with_its_read_timestamp_tracked_or_not() {
    for role in [Role::Writer, Role::Reader, Role::Untracked] {
        let registry = published(9);
        let ticket = registry.register(role);
        registry.publish(11);
        let told = || registry.oldest_holder(1).map(|holder| (holder.timestamp, holder.doomed));
        assert_eq!(told(), Some((9, false)), "{role:?}");
        // One that slid and looks back.
        let (_, newest) = registry.pin_newest(&ticket).expect("room for a pin");
        assert_eq!(newest, 11);
        if role != Role::Untracked {
            registry.slide(&ticket, role, 11);
            assert_eq!(registry.slot(&ticket).mark.load(Ordering::Acquire), mark(role, 11));
        }
        assert_eq!(told(), Some((11, false)), "{role:?}");
        registry.release(&ticket);
        assert_eq!(told(), None);
    }
}

#[test]
fn only_who_runs_and_holds_others_back_and_is_old_enough_is_doomed() {
    let registry = published(9);
    let [old, young, committing, untracked] =
        [Role::Writer, Role::Reader, Role::Writer, Role::Untracked].map(|role| {
            let ticket = registry.register(role);
            registry.tally(&ticket).begun(5);
            ticket
        });
    registry.tally(&young).end();
    registry.tally(&young).begun(8);
    assert!(registry.start_commit(&committing));
    assert_eq!(registry.doom_begun_before(4, 9), 0);
    assert_eq!(registry.doom_begun_before(7, 9), 1);
    let doomed = [&old, &young, &committing, &untracked].map(|ticket| registry.is_doomed(ticket));
    assert_eq!(doomed, [true, false, false, false]);
    assert_eq!((registry.doom_begun_before(7, 9), registry.start_commit(&old)), (0, false));
    // Who takes the slot next began later.
    registry.release(&old);
    let next = registry.register(Role::Writer);
    assert_eq!((next.slot, registry.tally(&next).begun(9)), (old.slot, 9));
    assert!(!registry.is_doomed(&next) && registry.start_commit(&next));
}
