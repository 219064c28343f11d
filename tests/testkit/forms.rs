//! The forms of a history: what is written is read back, and judged alike.

use adya::{Opts, Valid, Workload};
use precedent::testkit::{History, Level, Recording, check, histories};
use precedent::{Database, Isolation, Table};

use crate::tools::{Random, judge, kept};

/// Interleaved transactions on one thread.
fn recorded(isolation: Isolation, seed: u64) -> History {
    let recording = Recording::new();
    let db = Database::builder().isolation(isolation).recorder(recording.clone()).build();
    let words: Table<String, u32> = db.table("wor\"ds").expect("a new table");
    let pairs: Table<(u8, u8), u32> = db.table("pairs").expect("a new table");
    let mut random = Random::new(seed);
    let mut open: Vec<_> = (0..3).map(|_| db.begin()).collect();
    for _ in 0..60 {
        let tx = &open[random.below(3)];
        let (word, pair) = (format!("k{}", random.below(5)), (random.below(12) as u8, 10));
        match random.below(8) {
            0 => tx.insert(&words, word, 1),
            1 => tx.insert(&pairs, pair, 1),
            2 => tx.remove(&words, &word),
            3 => tx.range(&pairs, (2, 0)..pair).take(random.below(3)).for_each(drop),
            4 => assert!(tx.count(&words, ..) < 9),
            5 => assert!(tx.get(&pairs, &pair).is_none_or(|value| *value == 1)),
            6 => assert!(tx.get(&words, &word).is_none_or(|value| *value == 1)),
            _ => {
                let at = random.below(3);
                let done = std::mem::replace(&mut open[at], db.begin());
                done.commit().map_or_else(|error| assert!(error.is_retryable()), drop);
            }
        }
    }
    drop(open);
    recording.take()
}

#[test]
fn json_lines_are_read_back_as_they_were_written() {
    for seed in 0..50 {
        let text = recorded(Isolation::Snapshot, seed).to_json_lines();
        let read = History::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read.to_json_lines(), text);
    }
}

#[test]
fn every_form_of_a_history_is_judged_alike() {
    let mut broken = 0;
    for seed in 0..200 {
        let isolation = [Isolation::Snapshot, Isolation::Serializable][seed as usize % 2];
        let history = recorded(isolation, seed);
        let verdict = check(&history);
        let levels = kept(&verdict);
        assert!(isolation == Isolation::Snapshot || levels == Level::ALL, "{verdict}");
        broken += usize::from(levels != Level::ALL);
        let lines = history.to_json_lines();
        assert_eq!(kept(&judge(&lines)), levels, "{lines}");
        let lists = history.to_list_append();
        assert_eq!(kept(&judge(&lists)), levels, "{verdict}\n{lines}\n{lists}");
        let theirs = adya::History::from_json(&lists).expect("it reads our form");
        for (level, model) in [
            (Level::Snapshot, "snapshot-isolation"),
            (Level::Serializable, "serializable"),
            (Level::StrictSerializable, "strict-serializable"),
        ] {
            let opts = Opts { models: vec![model.to_owned()], ..Opts::default() };
            let report = adya::check(&theirs, Workload::ListAppend, &opts);
            let kept = report.valid != Valid::False;
            assert_eq!(kept, levels.contains(&level), "{model}: {report:?}\n{verdict}\n{lists}");
        }
        // Registers show less, so that less is found.
        let registers = judge(&history.to_registers());
        assert!(levels.iter().all(|level| registers.holds(*level)), "{registers}\n{verdict}");
    }
    assert!((20..90).contains(&broken), "{broken} of 100 under snapshot isolation");
}

#[test]
fn a_script_of_a_history_does_the_same_again() {
    let mut conflicts = 0;
    for seed in 0..200 {
        let history = recorded(Isolation::Serializable, seed);
        let text = history.to_script().expect("it has timestamps");
        conflicts += usize::from(!text.contains("then nobody"));
        let scripts = histories::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let verified = scripts[0].verify(Database::builder);
        verified.unwrap_or_else(|failure| panic!("{failure}\n{text}\n{}", history.to_json_lines()));
        let again = scripts[0].record(|| Database::builder().sliding(false)).expect("no limit");
        assert!(check(&again[0]).holds(Level::StrictSerializable));
    }
    assert!((20..180).contains(&conflicts), "{conflicts} of 200 with conflicts");
}

#[test]
fn keys_are_in_the_order_of_their_type() {
    let recording = Recording::new();
    let db = Database::builder().recorder(recording.clone()).build();
    let table: Table<(u32, u32), u32> = db.table("t").expect("a new table");
    db.transact(|tx| Ok([(1, 10), (1, 9)].map(|key| tx.insert(&table, key, 0)))).expect("alone");
    let text = recording.take().to_json_lines();
    assert!(text.starts_with(r#"{"table":"t","keys":["(1, 9)","(1, 10)"]}"#), "{text}");
}

#[test]
fn keys_that_look_alike_stay_apart() {
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Secret(u32);
    impl std::fmt::Debug for Secret {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("secret")
        }
    }
    let recording = Recording::new();
    let db = Database::builder().recorder(recording.clone()).build();
    let table: Table<Secret, u32> = db.table("t").expect("a new table");
    db.transact(|tx| Ok([1, 2, 1].map(|key| tx.insert(&table, Secret(key), 0)))).expect("alone");
    let text = recording.take().to_json_lines();
    assert!(text.contains(r#"[["w","t","secret",1],["w","t","secret#2",1]]"#), "{text}");
}

#[test]
fn mistakes_are_told_with_their_line() {
    let good = r#"{"tx":1,"commit":1,"ops":[["w","t","x",1]]}"#;
    let wrong = [
        ("", "neither"),
        ("{\"tx\":2", "missing"),
        ("{\"tx\":-2,\"commit\":1}", "`tx`"),
        ("{\"tx\":2}", "how it ended"),
        ("{\"tx\":2,\"end\":\"happily\"}", "`happily`"),
        ("{\"tx\":2,\"commit\":1,\"ops\":7}", "`ops`"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[7]}", "array"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"r\"]]}", "table"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"r\",\"t\"]]}", "2 parts"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"q\",\"t\",1,2]]}", "`q`"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"r\",\"t\",[],2]]}", "key"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"r\",\"t\",1,\"x\"]]}", "version"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"w\",\"t\",1,\"x\"]]}", "version"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"scan\",\"t\",1,null,[]]]}", "bound"),
        ("{\"tx\":2,\"commit\":1,\"ops\":[[\"scan\",\"t\",null,null,[[1]]]]}", "row"),
        ("{\"table\":7}", "`table`"),
        ("{\"table\":\"t\",\"keys\":[null]}", "key"),
        ("{\"tx\":2,\"commit\":1} x", "follows"),
        ("{\"tx\":2,\"commit\":1,\"called\":3,\"ended\":2}", "before `called`"),
    ];
    for (line, what) in wrong.iter().skip(1) {
        let error = History::parse(&format!("{good}\n\n{line}\n{good}")).unwrap_err();
        assert_eq!(error.line(), 3, "{line}: {error}");
        assert!(error.to_string().contains(what), "{line}: {error}");
    }
    let error = History::parse("\n{\"a\":1}").unwrap_err();
    assert!(error.line() == 2 && error.to_string().contains(wrong[0].1), "{error}");
}

#[test]
fn mistakes_in_elles_forms_are_told_with_their_line() {
    let good = r#"{"type":"ok","process":0,"value":[["append",1,1]]}"#;
    let wrong = [
        ("{\"type\":\"maybe\"}", "`maybe`"),
        ("{\"value\":[]}", "`type`"),
        ("{\"type\":\"ok\",\"value\":7}", "`value`"),
        ("{\"type\":\"ok\",\"value\":[[\"r\",1]]}", "[verb,key,value]"),
        ("{\"type\":\"ok\",\"value\":[[\"cas\",1,1]]}", "cas"),
        ("{\"type\":\"ok\",\"value\":[[\"w\",1,1]]}", "registers here"),
        ("{\"type\":\"ok\",\"value\":[[\"r\",1,5]]}", "registers here"),
        ("{\"type\":\"ok\",\"value\":[[\"append\",1,null]]}", "number"),
        ("{\"type\":\"ok\",\"value\":[[\"append\",1.5,1]]}", "number"),
    ];
    for (line, what) in wrong {
        let error = History::parse(&format!("{good}\n{line}")).unwrap_err();
        assert_eq!(error.line(), 2, "{line}: {error}");
        assert!(error.to_string().contains(what), "{line}: {error}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let seeds = [
        recorded(Isolation::Snapshot, 1).to_json_lines(),
        recorded(Isolation::Snapshot, 2).to_list_append(),
        recorded(Isolation::Snapshot, 3).to_registers(),
    ];
    let mut random = Random::new(7);
    let pieces =
        ["[", "]", "\"", "null", "-1", "{}", ",", "\\u", "w", "own", "99999999999999999999"];
    for round in 0..3_000 {
        let mut text = seeds[round % 3].clone();
        for _ in 0..1 + random.below(3) {
            let mut at = random.below(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if random.below(2) == 0 {
                text.insert_str(at, pieces[random.below(pieces.len())]);
            } else {
                text.truncate(at.max(1));
            }
        }
        if let Ok(history) = History::parse(&text) {
            let _ = check(&history);
        }
    }
}
