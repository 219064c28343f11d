//! The walk-through of docs/11: a booking transaction, checked by its user.

use precedent::testkit::{Explore, Report};
use precedent::{Database, Error, Isolation, Table, Transaction};

/// (room, first day) -> (the day of departure, guest).
type Bookings = Table<(u32, u32), (u32, &'static str)>;

/// Books room 7 if nobody has it on any of these days; true if it was free.
fn book(
    tx: &Transaction<'_>,
    bookings: &Bookings,
    days: std::ops::Range<u32>,
    guest: &'static str,
) -> Result<bool, Error> {
    let mut earlier = tx.range(bookings, (7, 0)..(7, days.end));
    let free = earlier.all(|(_, (departure, _))| *departure <= days.start);
    if free {
        tx.insert(bookings, (7, days.start), (days.end, guest));
    }
    Ok(free)
}

/// Ada wants to stay from day 1 to 3, Bob from 2 to 4.
fn two_guests(isolation: Isolation, prune: bool) -> Report {
    Explore::new(|db| db.table("bookings"))
        .builder(move || Database::builder().isolation(isolation))
        .transaction("ada", |tx, bookings| book(tx, bookings, 1..3, "ada"))
        .transaction("bob", |tx, bookings| book(tx, bookings, 2..4, "bob"))
        .prune(prune)
        .invariant(|after| {
            let promised = after.results().iter().filter(|told| matches!(told, Ok(true))).count();
            let booked = after.database().begin().count(after.state(), ..);
            match (promised, booked) {
                (1, 1) => Ok(()),
                _ => Err(format!("room 7 was promised to {promised}, and booked for {booked}")),
            }
        })
        .every()
}

#[test]
fn the_double_booking_is_found_among_all_interleavings_under_snapshot_isolation() {
    let all = two_guests(Isolation::Snapshot, false);
    assert!(all.is_complete() && all.failures() > 0, "{all}");
    let failure = all.failure().unwrap();
    assert_eq!(failure.message(), "room 7 was promised to 2, and booked for 2");
    let pruned = two_guests(Isolation::Snapshot, true);
    assert!(pruned.is_complete() && pruned.schedules() < all.schedules(), "{pruned}");
    assert_eq!(pruned.failure().unwrap().message(), failure.message());
}

#[test]
fn the_double_booking_is_absent_from_all_interleavings_under_serializable() {
    for prune in [false, true] {
        let report = two_guests(Isolation::Serializable, prune);
        assert!(report.is_complete() && report.failure().is_none(), "{report}");
        assert!(report.refusals() > 0, "somebody must have been refused: {report}");
    }
}

/// What docs/11 prints.
#[test]
fn the_chapter_shows_what_is_printed() {
    let chapter = include_str!("../../docs/11-trying-every-interleaving.md");
    let snapshot = two_guests(Isolation::Snapshot, false).to_string();
    let serializable = two_guests(Isolation::Serializable, false).to_string();
    let missing: Vec<_> = [snapshot, serializable]
        .into_iter()
        .filter(|text| !chapter.contains(text.trim_end()))
        .collect();
    assert!(missing.is_empty(), "the chapter does not show this:\n{}", missing.join("\n---\n"));
}
