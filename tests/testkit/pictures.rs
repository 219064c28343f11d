//! Pictures: what is in them, and that they are whole.

use std::path::Path;

use precedent::testkit::{History, Recording, check, histories, timeline};
use precedent::{Database, Isolation, Table};

const READ_ONLY: &str = "# The read-only anomaly.
    init x=0 y=0
    T1 begin
    T1 get x
    T1 get y
    T2 begin
    T2 get y
    T2 insert y 1
    T2 commit
    T3 begin read
    T3 get x
    T3 get y
    T3 commit
    T1 insert x 1
    T1 commit
    T4 begin
    T4 remove x
    T4 rollback
    then T1 conflicts";

fn history() -> History {
    let loose = || Database::builder().isolation(Isolation::Snapshot);
    let scripts = histories::parse(READ_ONLY).expect("a script");
    scripts[0].record(loose).expect("no limit is met").remove(0)
}

/// The double booking of the docs.
fn booked_twice() -> History {
    let recording = Recording::new();
    let loose = Database::builder().isolation(Isolation::Snapshot);
    let db = loose.recorder(recording.clone()).build();
    let bookings: Table<(u32, u32), u32> = db.table("bookings").expect("a new table");
    let (ada, bob) = (db.begin(), db.begin());
    for (tx, name, from) in [(&ada, "ada", 10), (&bob, "bob", 11)] {
        tx.label(name);
        assert_eq!(tx.count(&bookings, (7, 0)..(7, 24)), 0);
        tx.insert(&bookings, (7, from), from + 2);
    }
    ada.commit().expect("the first one");
    bob.commit().expect("under snapshot isolation");
    db.read(|tx| assert_eq!(tx.count(&bookings, ..), 2)).expect("nobody is in the way");
    recording.take()
}

#[test]
fn the_docs_show_what_is_drawn_and_what_is_told() {
    let history = booked_twice();
    let verdict = check(&history);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let picture = folder.join("09-time-line.svg");
    let drawn = timeline::svg(&history, &verdict);
    if std::env::var_os("PRECEDENT_RENEW").is_some() {
        std::fs::write(&picture, &drawn).expect("the docs can be written");
    }
    let shown = std::fs::read_to_string(&picture).expect("the docs have it");
    assert!(shown == drawn, "PRECEDENT_RENEW=1 cargo test --test testkit docs renews the picture");
    let chapter = folder.join("09-checking-your-own-transactions.md");
    let chapter = std::fs::read_to_string(chapter).expect("the docs have it");
    let told = verdict.anomalies()[0].to_string();
    assert!(chapter.contains(&told), "not in the docs:\n{told}");
}

/// Every tag that is opened is closed, in order.
fn assert_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{text}");
        } else if !tag.ends_with('/') && !tag.starts_with('!') && !tag.starts_with("meta") {
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            open.push(name);
            if matches!(name, "script" | "style") {
                let close = format!("</{name}>");
                rest = &rest[rest.find(&close).expect("it ends")..];
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_time_line_shows_every_transaction_version_and_the_circle() {
    let history = history();
    let svg = timeline::svg(&history, &check(&history));
    assert_well_formed(&svg);
    assert_eq!(svg.matches("class=\"tx\"").count(), 5, "init and four others");
    assert_eq!(svg.matches("<circle").count(), 4, "two versions of each of two keys");
    assert_eq!(svg.matches("url(#tip-circle)").count(), 3, "three arrows in a circle");
    assert!(svg.contains("T3 read words[y]: version 2"));
}

#[test]
fn a_page_is_whole_and_loads_nothing() {
    let history = history();
    let page = timeline::html(&history, &check(&history));
    assert_well_formed(&page);
    assert!(page.contains("<h1>read-only anomaly: "));
    for elsewhere in ["src=", "href=", "@import", "url(http"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn names_cannot_break_out_of_a_page() {
    let text = r#"{"tx":1,"label":"</script><b>\u0001","commit":1,"ops":[["w","<t>","</svg>",1]]}"#;
    let history = History::parse(text).expect("a history");
    let verdict = check(&history);
    for page in [timeline::html(&history, &verdict), timeline::svg(&history, &verdict)] {
        assert_well_formed(&page);
        assert!(!page.contains("<b>") && page.contains("&lt;t&gt;"), "{page}");
    }
}

#[test]
fn of_a_long_history_the_circle_is_shown_and_what_is_around_it() {
    let mut text: String = (1..=500)
        .map(|tx| {
            let (key, before) = (tx % 7, tx - 1);
            format!("{{\"tx\":{tx},\"snapshot\":{before},\"commit\":{tx},\"ops\":[[\"w\",\"t\",{key},{tx}]]}}\n")
        })
        .collect();
    text += "{\"tx\":501,\"snapshot\":500,\"commit\":501,\"ops\":[[\"r\",\"t\",90,null],[\"w\",\"t\",91,501]]}\n\
             {\"tx\":502,\"snapshot\":500,\"commit\":502,\"ops\":[[\"r\",\"t\",91,null],[\"w\",\"t\",90,502]]}\n";
    let history = History::parse(&text).expect("a history");
    let page = timeline::html(&history, &check(&history));
    assert!(page.contains("462 more transactions are not shown"), "{page}");
    assert_eq!(page.matches("url(#tip-circle)").count(), 2);
    assert!(page.contains("T501") && page.contains("T502"));
}

#[test]
fn a_history_without_timestamps_is_drawn_by_its_lines() {
    let text = r#"{"type":"invoke","process":0,"value":[["append","x",1]]}
                  {"type":"invoke","process":1,"value":[["r","x",null]]}
                  {"type":"ok","process":0,"value":[["append","x",1]]}
                  {"type":"ok","process":1,"value":[["r","x",[1]]]}"#;
    let history = History::parse(text).expect("a history");
    let svg = timeline::svg(&history, &check(&history));
    assert_well_formed(&svg);
    assert_eq!(svg.matches("class=\"tx\"").count(), 2);
    assert_eq!(svg.matches("class=\"edge\"").count(), 1);
}
