//! A dump that was changed is refused as a whole.

use precedent::{Database, Dump, DumpError, Load, Table};

use crate::dump::{assert_nothing_loaded, fresh, small};

fn dump() -> Vec<u8> {
    let (db, tables) = small();
    tables.dump(&db.safe_snapshot()).0
}

/// Loads it into a fresh database, which must refuse it and stay empty.
fn refused(bytes: &[u8]) -> DumpError {
    let (copy, tables) = fresh();
    let result = Load::read_from(bytes).and_then(|load| tables.name(load).commit_to(&copy));
    let error = result.map(|_| ()).expect_err("a damaged dump was loaded");
    assert_nothing_loaded(&copy);
    assert!(!error.to_string().is_empty());
    error
}

#[test]
fn a_dump_that_was_cut_off_anywhere_is_refused_as_incomplete() {
    let whole = dump();
    for length in 0..whole.len() {
        let error = refused(&whole[..length]);
        let DumpError::Truncated { bytes } = error else {
            panic!("cut off after {length} bytes: {error}");
        };
        assert_eq!(bytes, length as u64);
    }
}

#[test]
fn a_dump_with_another_byte_anywhere_is_refused() {
    let whole = dump();
    for at in 0..whole.len() {
        for flipped in (0..8).map(|bit| 1 << bit).chain([0xFF]) {
            let mut other = whole.clone();
            other[at] ^= flipped;
            let error = refused(&other);
            let told = match at {
                0..8 => matches!(error, DumpError::NotADump),
                8..12 => matches!(error, DumpError::UnknownFormat { known: 1, .. }),
                _ => matches!(error, DumpError::Damaged { .. } | DumpError::Truncated { .. }),
            };
            assert!(told, "byte {at} changed by {flipped:#x}: {error}");
        }
    }
}

#[test]
fn a_dump_with_anything_behind_it_is_refused() {
    let whole = dump();
    for more in [&b"\0"[..], b"precdump", &whole] {
        let error = refused(&[&whole[..], more].concat());
        assert!(
            matches!(error, DumpError::TrailingBytes { offset } if offset == whole.len() as u64),
            "{error}"
        );
    }
}

/// Where each block of a dump begins.
fn blocks(dump: &[u8]) -> Vec<usize> {
    let mut starts = vec![12];
    while let Some(&start) = starts.last().filter(|start| **start < dump.len()) {
        let length: [u8; 8] = dump[start + 1..start + 9].try_into().expect("eight bytes");
        starts.push(start + 9 + usize::try_from(u64::from_le_bytes(length)).expect("small") + 4);
    }
    starts
}

/// The blocks of a dump in another order.
fn join(dump: &[u8], starts: &[usize], order: &[usize]) -> Vec<u8> {
    let blocks = order.iter().flat_map(|at| &dump[starts[*at]..starts[at + 1]]);
    dump[..12].iter().chain(blocks).copied().collect()
}

#[test]
fn rows_that_moved_to_another_table_are_noticed_though_every_block_is_whole() {
    let db = Database::new();
    let tables: [Table<u8, u8>; 2] =
        ["one", "two"].map(|name| db.table(name).expect("a new table"));
    let fill = |tx: &precedent::Transaction<'_>| {
        Ok(tables.iter().zip(1..).for_each(|(table, n)| tx.insert(table, n, n)))
    };
    db.transact(fill).expect("blind");
    let mut whole = Vec::new();
    let snapshot = db.safe_snapshot();
    let dump = Dump::new(&snapshot).table(&tables[0]).table(&tables[1]);
    dump.write_to(&mut whole).expect("a vector takes everything");
    let starts = blocks(&whole);
    let swapped = join(&whole, &starts, &[0, 1, 5, 3, 4, 2, 6, 7]);
    assert_eq!(swapped.len(), whole.len());
    let error = Load::read_from(&swapped[..]).expect_err("rows of the wrong tables");
    assert!(matches!(error, DumpError::Damaged { .. }), "{error}");
}

#[test]
fn a_dump_whose_blocks_were_dropped_doubled_or_swapped_is_refused() {
    let whole = dump();
    let starts = blocks(&whole);
    assert_eq!(starts.last(), Some(&whole.len()));
    let count = starts.len() - 1;
    assert_eq!(count, 10, "head, three tables, rows of two, their ends, end");
    let join = |order: &[usize]| join(&whole, &starts, order);
    let all: Vec<usize> = (0..count).collect();
    assert_eq!(join(&all), whole);
    for at in 0..count {
        let mut dropped = all.clone();
        dropped.remove(at);
        refused(&join(&dropped));
        let mut doubled = all.clone();
        doubled.insert(at, at);
        refused(&join(&doubled));
        let mut swapped = all.clone();
        swapped.swap(at, (at + 1) % count);
        refused(&join(&swapped));
    }
}

#[test]
fn what_is_no_dump_is_refused_without_reading_on() {
    for other in ["", "p", "precdum"] {
        assert!(matches!(refused(other.as_bytes()), DumpError::Truncated { .. }), "{other}");
    }
    for other in ["q", "PRECDUMP", "a picture of a cat"] {
        assert!(matches!(refused(other.as_bytes()), DumpError::NotADump), "{other}");
    }
}

#[test]
fn a_stream_that_fails_is_told_as_such() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the cable is out"))
        }
    }
    let error = Load::read_from(std::io::Read::chain(&dump()[..50], Broken)).expect_err("broken");
    assert!(matches!(error, DumpError::Io(_)) && error.to_string().contains("cable"), "{error}");

    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            if self.0 == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }
    let (db, tables) = small();
    let snapshot = db.safe_snapshot();
    let whole = dump().len();
    for room in 0..=whole {
        let error = Dump::new(&snapshot)
            .table(&tables.stock)
            .table(&tables.ledger)
            .table(&tables.empty)
            .write_to(Full(room));
        assert!(matches!(error, Err(DumpError::Io(_))), "room for {room} bytes: {error:?}");
    }
}
