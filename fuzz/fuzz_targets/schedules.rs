//! Interleaved transactions on one thread, judged by the values that they saw.
//!
//! An input is a list of steps of three bytes each, blanks between them skipped: what,
//! which transaction (`0` to `3`), which key (`a` to `d`, `_` where there is none). Every
//! input means something, and the seeds in `corpus/schedules` can be read:
//!
//! ```text
//! r0a r0b r1a r1b w0a w1b c0_ c1_
//! ```
//!
//! | step | does |
//! | --- | --- |
//! | `b` | begins (any other step begins, too, if nothing is open) |
//! | `r` | reads the key |
//! | `w` `d` | writes a new value, deletes |
//! | `s` `t` | scans from the key on, or down from the key to the first |
//! | `n` | takes only the next key from the key on |
//! | `p` | scans everything for even values |
//! | `m` | removes everything from the key on |
//! | `v` `u` | takes a savepoint; undoes what was written since the newest one |
//! | `c` | commits |
//! | `e` | ends as a reader: what it saw is certified, its writes are dropped |
//! | `x` | rolls back |
//!
//! These begin nothing; what they take is one for each digit:
//!
//! | step | does |
//! | --- | --- |
//! | `l` | loads the key and the next one in bulk |
//! | `g` | collects |
//! | `h` | takes a safe snapshot; looks at the one taken before, and drops it |
//! | `k` | pins; looks at what was pinned before, and lets it go |
//! | `f` | looks at a snapshot as many commits ago as the key says |
//!
//! What is judged: with a fixed snapshot, every read returns the state at the begin. Fixed
//! or sliding, some serial order of the certified transactions explains all that they
//! saw, and keeps the order of those that did not overlap. Safe snapshots have a place in
//! it, too, and every detached snapshot shows the state at its timestamp. A refused
//! transaction had seen something that was overwritten since it began. All of it holds as
//! well if the log keeps hardly any commit.

#![no_main]

#[path = "schedules/history.rs"]
mod history;
#[path = "schedules/judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = history::decode(bytes);
    for sliding in [false, true] {
        for folding in [false, true] {
            judge::judge(&history::run(&steps, sliding, folding), sliding);
        }
    }
});
