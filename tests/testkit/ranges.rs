//! Wide ranges are drawn otherwise than narrow ones, and mean the same.
//!
//! As lists a history has no ranges: each key of one is a read of its own. So the same
//! history, judged in both forms, must keep the same levels.

use precedent::testkit::{AnomalyKind, History, Level, Recording, check};
use precedent::{Database, Isolation, Table};

use crate::tools::{Random, judge, kept};

const KEYS: u32 = 700;

/// Interleaved transactions over a table of many keys, of which few change.
fn recorded(isolation: Isolation, seed: u64) -> History {
    let recording = Recording::new();
    let db = Database::builder().isolation(isolation).recorder(recording.clone()).build();
    let table: Table<u32, u32> = db.table("t").expect("a new table");
    let mut random = Random::new(seed);
    db.transact(|tx| Ok((0..KEYS).step_by(3).for_each(|key| tx.insert(&table, key, 0))))
        .expect("alone");
    let mut open: Vec<_> = (0..4).map(|_| db.begin()).collect();
    for _ in 0..50 {
        let at = random.below(open.len());
        let tx = &open[at];
        let key = (random.below(7) as u32 * 97 + random.below(3) as u32).min(KEYS - 1);
        match random.below(8) {
            0 => assert!(tx.count(&table, key..) <= KEYS as usize),
            1 => assert!(tx.count(&table, ..key) <= KEYS as usize),
            2 => tx.range(&table, ..).take(random.below(200)).for_each(drop),
            3 => tx.range(&table, key..).rev().take(random.below(200)).for_each(drop),
            4 | 5 => tx.insert(&table, key, 1),
            6 => tx.remove(&table, &key),
            _ => {
                let done = std::mem::replace(&mut open[at], db.begin());
                done.commit().map_or_else(|error| assert!(error.is_retryable()), drop);
            }
        }
    }
    drop(open);
    recording.take()
}

#[test]
fn a_wide_range_means_the_same_as_a_read_of_each_of_its_keys() {
    let mut broken = 0;
    for seed in 0..150 {
        for isolation in [Isolation::Serializable, Isolation::Snapshot] {
            let history = recorded(isolation, seed);
            let verdict = check(&history);
            let lists = judge(&history.to_list_append());
            let text = history.to_json_lines();
            assert_eq!(kept(&verdict), kept(&lists), "{verdict}\n{lists}\n{text}");
            assert!(isolation == Isolation::Snapshot || verdict.holds(Level::StrictSerializable));
            broken += usize::from(!verdict.holds(Level::Serializable));
        }
    }
    assert!((20..140).contains(&broken), "{broken} of 150 under snapshot isolation");
}

#[test]
fn the_key_of_a_wide_range_is_named() {
    // A thousand keys that were removed; a reader of all of them, and a writer of another one.
    let removed: Vec<String> = (0..1_000).map(|key| format!("[\"d\",\"t\",{key},1]")).collect();
    let text = format!(
        "{{\"tx\":1,\"snapshot\":0,\"commit\":1,\"ops\":[{}]}}\n\
         {{\"tx\":2,\"snapshot\":1,\"commit\":3,\"ops\":[[\"scan\",\"t\",[\"=\",0],null,[]],\
         [\"w\",\"u\",1,3]]}}\n\
         {{\"tx\":3,\"snapshot\":1,\"commit\":2,\"ops\":[[\"r\",\"u\",1,null],[\"w\",\"t\",500,2]]}}\n",
        removed.join(",")
    );
    let verdict = judge(&text);
    assert!(verdict.has(AnomalyKind::G2) && verdict.has(AnomalyKind::WriteSkew), "{verdict}");
    let told = verdict.anomalies()[0].to_string();
    assert!(told.contains("T2 read a range around t[500] before T3 wrote version 2"), "{told}");
    // What the transaction had written itself it did not look at.
    let verdict = judge(&text.replace("null,[]]", "null,[],[500]]"));
    assert!(verdict.holds(Level::StrictSerializable), "{verdict}");
}
