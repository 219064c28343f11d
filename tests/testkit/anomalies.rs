//! Each anomaly by itself, and next to it what is none.

use precedent::testkit::{AnomalyKind, Level};

use crate::tools::{judge, kept, kinds};

/// A history of committed transactions, each with its own snapshot and commit.
fn lines(txs: &[(u64, u64, &str)]) -> String {
    let line = |(number, (snapshot, commit, ops)): (usize, &(u64, u64, &str))| {
        let number = number + 1;
        format!("{{\"tx\":{number},\"snapshot\":{snapshot},\"commit\":{commit},\"ops\":[{ops}]}}\n")
    };
    txs.iter().enumerate().map(line).collect()
}

/// Completions of lists, each by a process of its own.
fn lists(txs: &[(&str, &str)]) -> String {
    let line = |(process, (kind, ops)): (usize, &(&str, &str))| {
        format!("{{\"type\":\"{kind}\",\"process\":{process},\"value\":[{ops}]}}\n")
    };
    txs.iter().enumerate().map(line).collect()
}

#[track_caller]
fn is_only(text: &str, kind: AnomalyKind) {
    let verdict = judge(text);
    assert_eq!(kinds(&verdict), [kind], "{verdict}");
    let stronger = Level::ALL.into_iter().filter(|level| *level < kind.breaks());
    assert!(stronger.eq(kept(&verdict)), "{verdict}");
}

#[track_caller]
fn is_fine(text: &str) {
    let verdict = judge(text);
    assert_eq!(kept(&verdict), Level::ALL, "{verdict}");
}

#[test]
fn writes_that_interleave_are_g0() {
    let reader = r#"["r","x",[1,2]],["r","y",[2,1]]"#;
    let txs = [
        ("ok", r#"["append","x",1],["append","y",1]"#),
        ("ok", r#"["append","x",2],["append","y",2]"#),
    ];
    let verdict = judge(&lists(&[txs[0], txs[1], ("ok", reader)]));
    assert_eq!(kinds(&verdict), [AnomalyKind::G0], "{verdict}");
    is_fine(&lists(&[txs[0], txs[1], ("ok", r#"["r","x",[1,2]],["r","y",[1,2]]"#)]));
}

#[test]
fn a_read_of_what_failed_is_g1a() {
    let read = ("ok", r#"["r","x",[1]]"#);
    is_only(&lists(&[("fail", r#"["append","x",1]"#), read]), AnomalyKind::G1a);
    // It may have taken effect.
    is_fine(&lists(&[("info", r#"["append","x",1]"#), read]));
    let over = ("ok", r#"["r","x",[1,2]]"#);
    let verdict =
        judge(&lists(&[("fail", r#"["append","x",1]"#), ("ok", r#"["append","x",2]"#), over]));
    assert!(verdict.has(AnomalyKind::G1a), "{verdict}");
}

#[test]
fn a_read_of_what_its_writer_wrote_over_is_g1b() {
    let writer = ("ok", r#"["append","x",1],["append","x",2]"#);
    let verdict = judge(&lists(&[writer, ("ok", r#"["r","x",[1]]"#)]));
    assert!(verdict.has(AnomalyKind::G1b), "{verdict}");
    is_fine(&lists(&[writer, ("ok", r#"["r","x",[1,2]]"#)]));
}

#[test]
fn two_that_read_one_another_are_g1c() {
    let one = ("ok", r#"["append","x",1],["r","y",[1]]"#);
    is_only(&lists(&[one, ("ok", r#"["append","y",1],["r","x",[1]]"#)]), AnomalyKind::G1c);
    is_fine(&lists(&[one, ("ok", r#"["append","y",1],["r","x",[]]"#)]));
}

#[test]
fn lists_that_fork_are_no_order() {
    let appends = [("ok", r#"["append","x",1]"#), ("ok", r#"["append","x",2]"#)];
    let verdict = judge(&lists(&[
        appends[0],
        appends[1],
        ("ok", r#"["r","x",[1,2]]"#),
        ("ok", r#"["r","x",[2]]"#),
    ]));
    assert!(verdict.has(AnomalyKind::IncompatibleOrder), "{verdict}");
    let verdict = judge(&lists(&[appends[0], ("ok", r#"["r","x",[1,1]]"#)]));
    assert!(verdict.has(AnomalyKind::IncompatibleOrder), "{verdict}");
}

#[test]
fn whoever_contradicts_himself_is_told() {
    let append = ("ok", r#"["append","x",1]"#);
    let verdict = judge(&lists(&[append, ("ok", r#"["r","x",[]],["r","x",[1]]"#)]));
    assert!(verdict.has(AnomalyKind::Internal), "{verdict}");
    let verdict = judge(&lists(&[("ok", r#"["append","x",1],["r","x",[]]"#)]));
    assert!(verdict.has(AnomalyKind::Internal), "{verdict}");
    let registers = r#"{"type":"ok","process":0,"value":[["w",1,5],["r",1,6]]}"#;
    assert!(judge(registers).has(AnomalyKind::Internal));
}

#[test]
fn a_lost_update_is_named() {
    let verdict = judge(&lines(&[
        (0, 1, r#"["w","t","x",1]"#),
        (1, 2, r#"["r","t","x",1],["w","t","x",2]"#),
        (1, 3, r#"["r","t","x",1],["w","t","x",3]"#),
    ]));
    assert_eq!(kinds(&verdict), [AnomalyKind::LostUpdate, AnomalyKind::GSingle], "{verdict}");
    assert_eq!(verdict.strongest(), Some(Level::ReadCommitted));
    is_fine(&lines(&[
        (0, 1, r#"["w","t","x",1]"#),
        (1, 2, r#"["r","t","x",1],["w","t","x",2]"#),
        (2, 3, r#"["r","t","x",2],["w","t","x",3]"#),
    ]));
}

#[test]
fn a_read_that_is_half_old_and_half_new_is_g_single() {
    let writer = (0, 1, r#"["w","t","x",1],["w","t","y",1]"#);
    let torn = (1, 2, r#"["r","t","x",1],["r","t","y",0],["w","t","z",2]"#);
    is_only(&lines(&[writer, torn]), AnomalyKind::GSingle);
}

#[test]
fn four_in_a_ring_with_two_antidependencies_apart_are_g_nonadjacent() {
    is_only(
        &lines(&[
            (0, 1, r#"["w","t","a",1],["w","t","b",1]"#),
            (1, 2, r#"["w","t","x",2]"#),
            (1, 3, r#"["w","t","y",3]"#),
            (2, 4, r#"["r","t","x",2],["r","t","y",null],["w","t","p",4]"#),
            (3, 5, r#"["r","t","y",3],["r","t","x",0],["w","t","q",5]"#),
        ]),
        AnomalyKind::GNonadjacent,
    );
}

#[test]
fn a_write_skew_is_g2_item_and_a_phantom_g2() {
    let points = judge(&lines(&[
        (0, 1, r#"["r","t","x",null],["w","t","y",1]"#),
        (0, 2, r#"["r","t","y",null],["w","t","x",2]"#),
    ]));
    assert_eq!(kinds(&points), [AnomalyKind::G2Item], "{points}");
    let ranges = judge(&lines(&[
        (0, 1, r#"["scan","t",["=","a"],["<","c"],[]],["w","t","y",1]"#),
        (0, 2, r#"["r","t","y",null],["w","t","b",2]"#),
    ]));
    assert_eq!(kinds(&ranges), [AnomalyKind::G2], "{ranges}");
    assert!(points.has(AnomalyKind::WriteSkew) && ranges.has(AnomalyKind::WriteSkew));
    is_fine(&lines(&[
        (0, 1, r#"["scan","t",["=","a"],["<","c"],[]],["w","t","y",1]"#),
        (0, 2, r#"["r","t","y",null],["w","t","c",2]"#),
    ]));
}

#[test]
fn an_own_key_is_no_gap_of_a_range() {
    let other = (0, 2, r#"["r","t","y",null],["w","t","b",2]"#);
    is_fine(&lines(&[(0, 1, r#"["scan","t",null,null,[["b","own"]]],["w","t","y",1]"#), other]));
    is_fine(&lines(&[(0, 1, r#"["scan","t",null,["<","c"],[],["b"]],["w","t","y",1]"#), other]));
}

#[test]
fn a_ring_of_readers_and_writers_is_the_read_only_anomaly() {
    let text = lines(&[
        (0, 1, r#"["w","t","x",1],["w","t","y",1]"#),
        (1, 2, r#"["r","t","y",1],["w","t","y",2]"#),
        (1, 3, r#"["r","t","x",1],["r","t","y",1],["w","t","x",3]"#),
    ]);
    is_fine(&text);
    let reader =
        r#"{"tx":9,"snapshot":2,"end":"certified","ops":[["r","t","x",1],["r","t","y",2]]}"#;
    let verdict = judge(&(text + reader));
    assert_eq!(kinds(&verdict), [AnomalyKind::G2Item], "{verdict}");
    assert!(verdict.has(AnomalyKind::ReadOnly), "{verdict}");
}

#[test]
fn real_time_counts_only_between_an_end_and_a_later_begin() {
    let text = |called: u64| {
        format!(
            "{{\"tx\":1,\"called\":1,\"ended\":5,\"commit\":1,\"ops\":[[\"w\",\"t\",\"x\",1]]}}\n\
             {{\"tx\":2,\"called\":{called},\"ended\":9,\"snapshot\":0,\"end\":\"certified\",\
             \"ops\":[[\"r\",\"t\",\"x\",null]]}}\n"
        )
    };
    is_only(&text(6), AnomalyKind::RealTime);
    is_fine(&text(5));
    is_fine(&text(4));
}

#[test]
fn whoever_failed_is_in_no_circle() {
    let skew = lines(&[
        (0, 1, r#"["r","t","x",null],["w","t","y",1]"#),
        (0, 2, r#"["r","t","y",null],["w","t","x",2]"#),
    ]);
    for end in ["conflict", "rolled back", "limit", "time out", "failed"] {
        let one = skew.replacen("\"commit\":2", &format!("\"end\":\"{end}\""), 1);
        assert_ne!(one, skew);
        is_fine(&one);
    }
    assert_eq!(kinds(&judge(&skew)), [AnomalyKind::G2Item]);
}

#[test]
fn a_circle_is_told_in_words_as_a_graph_and_as_a_picture() {
    let verdict = judge(&lines(&[
        (0, 1, r#"["r","t","<x>",null],["w","t","y",1]"#),
        (0, 2, r#"["r","t","y",null],["w","t","<x>",2]"#),
    ]));
    let cycle = verdict.anomalies()[0].cycle().expect("a circle");
    assert!(cycle.to_string().contains("read t[<x>] before T2 wrote version 2 (rw)"), "{cycle}");
    assert!(cycle.dot().contains("\"T1\" -> \"T2\" [label=\"rw t[<x>]\"];"), "{}", cycle.dot());
    assert!(
        cycle.svg().contains("t[&lt;x&gt;]") && !cycle.svg().contains("<x>"),
        "{}",
        cycle.svg()
    );
}

#[test]
fn many_who_found_nothing_are_each_before_all_who_wrote() {
    // More than are drawn one by one, so that helpers stand between.
    let mut txs: Vec<(&str, String)> = Vec::new();
    for writer in 0..20 {
        txs.push(("ok", format!(r#"["r","x",[]],["append","x",{writer}]"#)));
    }
    let text: Vec<(&str, &str)> = txs.iter().map(|(kind, ops)| (*kind, ops.as_str())).collect();
    let verdict = judge(&lists(&text));
    assert!(verdict.has(AnomalyKind::LostUpdate) && verdict.has(AnomalyKind::G2Item), "{verdict}");
    let blind: Vec<(&str, String)> =
        (0..20).map(|writer| ("ok", format!(r#"["append","x",{writer}]"#))).collect();
    let readers = (0..20).map(|_| ("ok", r#"["r","x",[]]"#.to_owned()));
    let all: Vec<(&str, String)> = blind.into_iter().chain(readers).collect();
    let text: Vec<(&str, &str)> = all.iter().map(|(kind, ops)| (*kind, ops.as_str())).collect();
    is_fine(&lists(&text));
}
