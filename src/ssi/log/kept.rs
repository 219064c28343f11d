//! The log by itself: what it keeps, what it forgets, and what it tells of both.

use std::sync::Arc;

use crate::bugs::Bugs;
use crate::ssi::conflict::TransactionId;
use crate::ssi::entries::Overwriter;
use crate::ssi::footprint::{Body, Footprint, Witness};
use crate::ssi::log::{
    BATCH, Bounds, CommitLog, FORGET, Horizon, Moved, NEVER, SECOND_LOOK, SPARE, Stance,
};
use crate::ssi::share::share;
use crate::ssi::view::View;

fn log(retained: usize) -> CommitLog {
    CommitLog::new(Bounds { retained, dangers: 2 }, Bugs::NONE)
}

/// A transaction that read and wrote one key each, by their records' numbers.
fn body(snapshot: u64, read: usize, wrote: usize) -> Arc<Body> {
    let mut footprint = Footprint { observes: true, ..Footprint::default() };
    footprint.reads.add_key(read);
    footprint.writes.add_key(wrote);
    let id = TransactionId::from(snapshot);
    Arc::new(Body { id, label: None, snapshot, sharing: 0, footprint })
}

fn commits(log: &CommitLog, count: u64) {
    for _ in 0..count {
        let newest = log.base() + log.lengths().0 as u64;
        assert_eq!(log.append(&body(newest, 1, 2), Stance::Blind), Ok(newest + 1));
    }
}

/// The first commit that was read around.
fn around(commit: u64) -> Overwriter {
    Overwriter { commit, body: body(0, 1, 2), witness: Witness::default() }
}

/// A commit that read around another one.
fn edged(log: &CommitLog, snapshot: u64, low: u64) {
    let mut view = View::new(snapshot);
    log.catch_up(&mut view, true).expect("nothing is gone");
    log.append(&body(snapshot, 1, 2), Stance::Edged(&view, around(low))).expect("it saw all");
}

fn horizon(low_water: u64, published: u64) -> Horizon {
    Horizon { low_water, danger: low_water, published }
}

#[test]
fn what_is_forgotten_is_counted_as_folded_only_where_somebody_older_was_active() {
    let log = log(4);
    commits(&log, 10);
    assert_eq!((log.base(), log.retained(), log.folded()), (0, 10, 0));
    // Nobody is older than 3; half of the bound stays.
    assert!(!log.forget(horizon(3, 10)).is_full());
    assert_eq!((log.base(), log.retained(), log.folded()), (8, 2, 5));
    commits(&log, 4);
    // At the mark itself nothing is folded, nor beyond what is published.
    log.forget(horizon(10, 10));
    assert_eq!((log.base(), log.folded()), (10, 5));
    commits(&log, 2);
    log.forget(horizon(10, 12));
    assert_eq!((log.base(), log.folded()), (12, 7));
}

#[test]
fn at_its_bound_the_log_is_not_folded() {
    let log = log(4);
    commits(&log, 4);
    log.forget(horizon(0, 4));
    assert_eq!((log.base(), log.folded()), (0, 0));
    commits(&log, 1);
    log.forget(horizon(0, 5));
    assert_eq!((log.base(), log.folded()), (3, 3));
}

#[test]
fn only_so_many_are_forgotten_at_a_time_and_whoever_forgets_is_told() {
    let log = log(usize::MAX);
    let many = FORGET as u64;
    commits(&log, 2 * many + 1);
    assert!(log.forget(horizon(many - 1, 9 * many)).entries.len() == FORGET - 1);
    assert!(log.forget(horizon(2 * many - 1, 9 * many)).is_full());
    assert!(!log.forget(horizon(2 * many, 9 * many)).is_full());
    assert_eq!((log.base(), log.retained()), (2 * many, 1));
}

#[test]
fn readers_go_when_nobody_is_older_and_count_against_the_bound() {
    let log = log(9);
    commits(&log, 2);
    for snapshot in [0, 1, 2] {
        log.end_reader(&body(snapshot, 1, 1), 2, true).expect("no danger");
    }
    log.end_reader(&body(2, 1, 1), 2, false).expect("no danger");
    assert_eq!((log.lengths(), log.retained()), ((2, 3, 0), 5));
    assert_eq!(log.forget(horizon(1, 2)).readers.len(), 2);
    assert_eq!((log.lengths(), log.retained()), ((1, 1, 0), 2));
    assert_eq!(log.forget(horizon(2, 2)).readers.len(), 1);
    assert_eq!((log.lengths(), log.retained()), ((0, 0, 0), 0));
}

#[test]
fn readers_that_are_too_many_fold_the_log_up_to_their_snapshots() {
    let log = log(4);
    commits(&log, 4);
    for snapshot in [1, 2, 3, 4] {
        log.end_reader(&body(snapshot, 1, 1), 4, true).expect("no danger");
    }
    // Two may stay: so those at 1 and 2 go, and the entries that are that old.
    log.forget(horizon(0, 4));
    assert_eq!((log.base(), log.lengths()), (2, (2, 2, 0)));
    assert_eq!(log.end_reader(&body(1, 1, 1), 4, true), Ok(()));
    assert_eq!(log.lengths().1, 2, "what was folded past is not published");
}

#[test]
fn the_oldest_snapshot_is_that_of_what_is_still_there() {
    let log = log(99);
    assert_eq!(log.oldest_snapshot(), NEVER);
    for snapshot in [0, 0, 1, 0, 3, 2] {
        log.append(&body(snapshot, 1, 2), Stance::Blind).expect("blind");
    }
    let mut oldest = Vec::new();
    for low_water in 0..=6 {
        log.forget(horizon(low_water, 6));
        oldest.push(log.oldest_snapshot());
    }
    assert_eq!(oldest, [0, 0, 0, 0, 2, 2, NEVER]);
}

#[test]
fn whoever_is_older_than_what_was_forgotten_is_sent_away() {
    let log = log(usize::MAX);
    commits(&log, 9);
    log.forget(horizon(4, 9));
    let (mut late, mut in_time) = (View::new(3), View::new(4));
    assert_eq!(log.catch_up(&mut late, false), Err(Moved::Folded));
    assert_eq!(log.append(&body(3, 1, 1), Stance::Blind), Err(Moved::Folded));
    assert_eq!(log.catch_up(&mut in_time, false), Ok(()));
    let seen: Vec<u64> = in_time.window.entries().map(|entry| entry.commit).collect();
    assert_eq!((seen, in_time.position()), ((5..=9).collect(), 9));
    assert_eq!(log.append(&body(4, 1, 1), Stance::Blind), Ok(10));
}

#[test]
fn a_view_holds_the_readers_that_are_younger_than_it_however_many() {
    let log = log(usize::MAX);
    commits(&log, 3);
    for at in 0..3 * BATCH {
        log.end_reader(&body(at as u64 % 4, 1, 1), 3, true).expect("no danger");
    }
    let mut view = View::new(1);
    log.catch_up(&mut view, true).expect("nothing is gone");
    assert_eq!(view.readers.len(), 3 * BATCH / 2, "those at 2 and 3");
    log.end_reader(&body(3, 1, 1), 3, true).expect("no danger");
    let appended = log.append(&body(1, 3, 3), Stance::Edged(&view, around(2)));
    assert_eq!(appended, Err(Moved::On), "there is one more");
    let mut view = View::new(1);
    log.catch_up(&mut view, true).expect("nothing is gone");
    assert_eq!(view.readers.len(), 3 * BATCH / 2 + 1);
    assert_eq!(log.append(&body(1, 3, 3), Stance::Edged(&view, around(2))), Ok(4));
}

#[test]
fn a_second_look_is_short_and_asks_whether_the_news_could_meet_what_was_read() {
    let log = log(usize::MAX);
    let view = View::new(0);
    commits(&log, SECOND_LOOK as u64);
    assert_eq!(log.append(&body(0, 2, 9), Stance::Clear(&view)), Err(Moved::On));
    assert_eq!(log.append(&body(0, 3, 9), Stance::Exactly(&view)), Err(Moved::On));
    let appended = log.append(&body(0, 3, 9), Stance::Clear(&view));
    assert_eq!(appended, Ok(SECOND_LOOK as u64 + 1));
    // Now there is one more than it looks at.
    assert_eq!(log.append(&body(0, 3, 9), Stance::Clear(&view)), Err(Moved::On));
}

#[test]
fn danger_is_announced_by_who_read_around_somebody_and_merged_beyond_the_bound() {
    let log = log(usize::MAX);
    commits(&log, 3);
    assert!(!log.in_danger(2) && log.newest_outside_danger(2) == 2);
    edged(&log, 1, 2);
    let inside: Vec<u64> = (0..6).filter(|at| log.in_danger(*at)).collect();
    assert_eq!(inside, [2, 3]);
    let outside: Vec<u64> = (0..6).map(|at| log.newest_outside_danger(at)).collect();
    assert_eq!(outside, [0, 1, 1, 1, 4, 5]);
    assert_eq!(log.end_reader(&body(3, 1, 1), 3, true), Err(Moved::On));
    assert_eq!(log.end_reader(&body(3, 1, 1), 4, true), Ok(()));
    for _ in 0..3 {
        commits(&log, 3);
        let newest = log.lengths().0 as u64;
        edged(&log, newest - 1, newest);
        assert!(log.lengths().2 <= 2);
    }
    assert_eq!(log.dangers_merged(), 2);
    assert!(log.in_danger(5) && log.in_danger(9), "the first three have become one");
    log.forget(horizon(12, 16));
    assert!(!log.in_danger(2) && !log.in_danger(11), "nobody is that old");
    assert!(log.in_danger(15));
    assert_eq!(log.end_reader(&body(0, 1, 1), 0, true), Ok(()));
}

fn readers(log: &CommitLog, snapshots: impl IntoIterator<Item = u64>) {
    for snapshot in snapshots {
        log.end_reader(&body(snapshot, 1, 1), snapshot, true).expect("no danger");
    }
}

#[test]
fn readers_that_share_stand_in_the_order_of_their_numbers() {
    let log = log(99);
    readers(&log, [1, 2, 1, 3]);
    let mut state = log.state.lock();
    let mut all = Vec::new();
    assert!(state.copy_published(&mut all));
    let sharing = share(all);
    let replaced: Vec<_> = sharing.replaced.iter().map(|reader| reader.number).collect();
    assert_eq!((sharing.joined.len(), replaced), (1, vec![1, 3]));
    assert_eq!(sharing.joined[0].body.sharing, 1, "with one beside itself");
    state.replace_readers(sharing.joined, &sharing.replaced);
    let left: Vec<_> = state.readers.iter().map(|one| (one.number, one.body.snapshot)).collect();
    assert_eq!(left, [(2, 2), (3, 1), (4, 3)]);
    assert_eq!(state.readers_weight, 3);
}

#[test]
fn however_many_readers_there_are_all_of_them_are_copied() {
    let log = log(99);
    readers(&log, (0..2 * BATCH as u64 + 5).map(|n| n % 3));
    let mut all = Vec::new();
    while !log.state.lock().copy_published(&mut all) {}
    assert!(all.iter().map(|reader| reader.number).eq(1..=2 * BATCH as u64 + 5));
}

#[test]
fn readers_are_shared_once_in_a_sixteenth_of_the_bound() {
    let log = log(320);
    commits(&log, 321);
    let shared = |new: u64| {
        readers(&log, (0..new).map(|_| 7));
        log.share_readers().len()
    };
    assert_eq!((shared(20), shared(1)), (0, 21));
    assert_eq!((shared(20), shared(1), shared(20)), (0, 22, 0));
}

#[test]
fn readers_too_go_only_so_many_at_a_time() {
    let log = log(usize::MAX);
    commits(&log, 1);
    readers(&log, (0..FORGET as u64 + 3).map(|_| 0));
    assert_eq!(log.forget(horizon(1, 1)).readers.len(), FORGET);
    assert_eq!(log.forget(horizon(1, 1)).readers.len(), 3);
}

#[test]
fn room_for_marks_is_given_back_by_halves_but_a_little_stays() {
    let (log, few) = (log(usize::MAX), log(usize::MAX));
    commits(&log, 8 * FORGET as u64);
    commits(&few, 100);
    let room = |log: &CommitLog| log.state.lock().oldest.capacity();
    let (most, least) = (room(&log), room(&few));
    let mut rooms = (0..12).map(|_| {
        log.forget(horizon(8 * FORGET as u64, 8 * FORGET as u64));
        room(&log)
    });
    assert!(rooms.by_ref().take(6).all(|room| room == most), "a quarter of it is in use");
    let rooms: Vec<_> = rooms.collect();
    assert_eq!(rooms, [most / 2, most / 4, SPARE, SPARE, SPARE, SPARE]);
    few.forget(horizon(100, 100));
    assert_eq!(room(&few), least);
}

#[test]
fn a_view_tells_who_wrote_what_was_asked_for_and_who_overwrote_what_was_read() {
    let log = log(99);
    commits(&log, 3);
    let mut view = View::new(0);
    log.catch_up(&mut view, true).expect("nothing is gone");
    let changed = body(0, 1, 2).footprint.writes;
    assert!(view.writers_of(&changed, 2).map(|entry| entry.commit).eq([1, 2]));
    view.overwriters.push((2, Witness::default()));
    assert!(view.overwriters().map(|(entry, _)| entry.commit).eq([2]));
    assert_eq!(view.first_overwriter().map(|first| first.commit), Some(2));
}
