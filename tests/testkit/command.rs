//! The command, as a user runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const SKEW: &str = r#"{"tx":1,"snapshot":0,"commit":1,"ops":[["r","t","x",null],["w","t","y",1]]}
{"tx":2,"snapshot":0,"commit":2,"ops":[["r","t","y",null],["w","t","x",2]]}
"#;

/// Runs it with this as its standard input.
fn run(words: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_precedent-check"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end without having read all.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_code_says_whether_the_level_is_kept() {
    let (code, out, _) = run(&["-"], SKEW);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("G2-item (write skew): "), "{out}");
    let (code, out, _) = run(&["--level", "snapshot", "-"], SKEW);
    assert_eq!(code, Some(0), "{out}");
    let (code, out, _) = run(&["-", "--quiet"], SKEW.lines().next().expect("a line"));
    assert_eq!((code, out.as_str()), (Some(0), ""));
}

#[test]
fn mistakes_end_with_two_and_say_where() {
    let (code, _, err) = run(&["-"], "{\"tx\":1,\"commit\":1}\n{\"tx\":");
    assert_eq!(code, Some(2));
    assert!(err.contains("-: line 2: a value is missing"), "{err}");
    for words in [&["--level", "best", "-"][..], &["--nonsense"], &[], &["--level"], &["a", "b"]] {
        let (code, _, err) = run(words, "");
        assert_eq!(code, Some(2), "{words:?}");
        assert!(err.contains("precedent-check [OPTIONS] FILE"), "{err}");
    }
    let (code, _, err) = run(&["/no/such/file"], "");
    assert!(code == Some(2) && err.contains("/no/such/file"), "{err}");
    assert_eq!(run(&["--help"], "").0, Some(0));
}

#[test]
fn a_script_is_run_and_judged() {
    let script = "# Each reads what the other one writes.\nin every order\nT1 get x -> none\n\
                  T1 insert y 1\nT1 commit\nT2 get y -> none\nT2 insert x 1\nT2 commit\n\
                  then the last to commit conflicts\n";
    let (code, out, err) = run(&["-"], script);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("20 orders  kept"), "{out}");
    let (code, out, _) = run(&["--snapshot", "-"], script);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("20 of 20 orders break it") && out.contains("write skew"), "{out}");
    let wrong = script.replace("the last to commit conflicts", "nobody conflicts");
    let (code, out, _) = run(&["-"], &wrong);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("conflicts without sliding, and should not"), "{out}");
    let (code, _, err) = run(&["-"], &script.replace("get x", "gett x"));
    assert_eq!(code, Some(2));
    assert!(err.contains("-: line 3: not a step: gett x"), "{err}");
}

#[test]
fn the_circle_is_written_as_a_graph_and_as_a_picture() {
    let folder = std::env::temp_dir().join(format!("precedent-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let [dot, svg] =
        ["a.dot", "a.svg"].map(|name| folder.join(name).to_string_lossy().into_owned());
    assert_eq!(run(&["--dot", &dot, "--svg", &svg, "-"], SKEW).0, Some(1));
    let read = |file: &str| std::fs::read_to_string(file).expect("it was written");
    assert!(read(&dot).starts_with("digraph"));
    assert!(read(&svg).starts_with("<svg"));
    std::fs::remove_dir_all(folder).expect("it is ours");
}
