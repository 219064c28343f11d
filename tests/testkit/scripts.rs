//! Scripts: those of the project, and mistakes in others.

use std::path::Path;

use precedent::testkit::{AnomalyKind, Level, check, histories};
use precedent::{Database, Isolation};

use crate::tools::summary;

/// The project's own scripts: (file, text).
fn project() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let files = std::fs::read_dir(folder).expect("the folder of the histories");
    let mut texts: Vec<(String, String)> = files
        .map(|file| {
            let path = file.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("it can be read");
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text)
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn the_projects_scripts_are_kept_and_every_run_of_them_is_strictly_serializable() {
    let (mut scripts, mut orders) = (0, 0);
    for (file, text) in project() {
        for script in histories::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}")) {
            scripts += 1;
            orders += script
                .verify(Database::builder)
                .unwrap_or_else(|failure| panic!("{file}: {failure}"));
            for history in script.record(Database::builder).expect("no limit is met") {
                let verdict = check(&history);
                assert!(
                    verdict.holds(Level::StrictSerializable),
                    "{file}: {}: {verdict}\n{}",
                    script.name(),
                    history.to_json_lines()
                );
            }
        }
    }
    summary(&format!("{scripts} scripts in {orders} orders, all as they say"));
    assert!(scripts > 100 && orders > 1_000);
}

#[test]
fn the_same_scripts_show_anomalies_under_snapshot_isolation() {
    let mut found: Vec<AnomalyKind> = Vec::new();
    let mut weak = 0;
    for (file, text) in project() {
        for script in histories::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}")) {
            let loose = || Database::builder().isolation(Isolation::Snapshot);
            for history in script.record(loose).expect("no limit is met") {
                let verdict = check(&history);
                assert!(verdict.holds(Level::Snapshot), "{file}: {verdict}");
                weak += usize::from(!verdict.holds(Level::Serializable));
                found.extend(verdict.anomalies().iter().map(|anomaly| anomaly.kind()));
                found.extend(verdict.anomalies().iter().filter_map(|anomaly| anomaly.textbook()));
            }
        }
    }
    summary(&format!("{weak} runs under snapshot isolation are not serializable"));
    for kind in
        [AnomalyKind::G2Item, AnomalyKind::G2, AnomalyKind::WriteSkew, AnomalyKind::ReadOnly]
    {
        assert!(found.contains(&kind), "{kind} never came up");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    let wrong = [
        ("T1 commit\nthen nobody conflicts", 2, "story"),
        ("# A story.\nT1 commit", 2, "`then`"),
        ("# A story.\nT1 get\nT1 commit\nthen nobody conflicts", 2, "not a step: get"),
        ("# A story.\nT1 insert x y\nT1 commit\nthen nobody conflicts", 2, "not a number: y"),
        ("# A story.\nT1 count x\nT1 commit\nthen nobody conflicts", 2, "not a range: x"),
        ("# A story.\nT1 count 1/2..x\nT1 commit\nthen nobody conflicts", 2, "other table"),
        ("# A story.\nT1 get x\nthen nobody conflicts", 3, "T1 must end exactly once"),
        ("# A story.\nT1 commit\nT1 get x\nthen nobody conflicts", 4, "after its end"),
        (
            "# A story.\nT1 begin read\nT1 insert x 1\nT1 commit\nthen nobody conflicts",
            5,
            "cannot write",
        ),
        (
            "# A story.\nT1 get x\nT1 begin\nT1 commit\nthen nobody conflicts",
            5,
            "after its first step",
        ),
        ("# A story.\nT1 rollback_to s\nT1 commit\nthen nobody conflicts", 4, "no savepoint s"),
        ("# A story.\nT1 commit\nthen T2 conflicts", 3, "T2"),
        ("# A story.\nT1 commit\nthen somebody conflicts", 3, "somebody"),
        (
            "# A story.\nT1 collect\nT1 commit\nthen nobody conflicts",
            2,
            "not a step of a transaction",
        ),
        ("# A story.\ndb get x\nT1 commit\nthen nobody conflicts", 2, "not a step of the database"),
        ("# A story.\ninit x\nT1 commit\nthen nobody conflicts", 2, "not key=value: x"),
        ("# A story.\nsetup get x\nT1 commit\nthen nobody conflicts", 2, "a set-up writes"),
        ("# A story.\nin every order\ndb collect\nT1 commit\nthen nobody conflicts", 5, "no place"),
        ("=== a\n# A story.\nT1 commit\nthen nobody conflicts\n=== b\nT1 x", 6, "not a step"),
    ];
    for (text, line, what) in wrong {
        let error = histories::parse(text).unwrap_err();
        assert!(error.to_string().contains(what), "{text}\n{error}");
        assert_eq!(error.line(), line, "{text}\n{error}");
    }
    let steps = |name: &str| format!("{}{name} commit\n", format!("{name} get x\n").repeat(9));
    let many =
        format!("# Many.\nin every order\n{}{}then nobody conflicts", steps("T1"), steps("T2"));
    assert!(histories::parse(&many).unwrap_err().to_string().contains("more than 60000 orders"));
}

#[test]
fn every_difference_is_told() {
    let verify = |text: &str| match histories::parse(text) {
        Ok(scripts) => scripts[0].verify(Database::builder).map_err(|failure| failure.to_string()),
        Err(error) => panic!("{text}\n{error}"),
    };
    let differs = [
        ("# S.\nT1 get x -> 1\nT1 commit\nthen nobody conflicts", "it returned none"),
        ("# S.\nT1 get x -> none | 1\nT1 commit\nthen nobody conflicts", "none with sliding"),
        ("# S.\nT1 commit\nthen T1 conflicts", "T1 commits without sliding, and should not"),
        ("# S.\nT1 insert x 1\nT1 commit\nthen nobody conflicts\nfinally x=2", "finally"),
        (
            "# S.\nT1 get x\nT2 get x\nT1 insert x 1\nT2 insert x 1\nT1 commit\nT2 commit\n\
             then nobody conflicts",
            "T2 conflicts without sliding, and should not",
        ),
    ];
    for (text, what) in differs {
        let failure = verify(text).unwrap_err();
        assert!(failure.contains(what) && failure.contains("the steps were"), "{failure}");
    }
}
