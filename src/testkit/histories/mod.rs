//! Histories as small scripts: a story, one step a line, and who must be refused.
//!
//! A file holds one script, or several under `=== name` lines:
//!
//! ```text
//! # Write skew: each doctor sees that the other one is on call and goes off duty.
//! in every order
//! init ada=1 bob=1
//! T1 get bob -> 1
//! T1 insert ada 0
//! T1 commit
//! T2 get ada -> 1
//! T2 insert bob 0
//! T2 commit
//! then the last to commit conflicts
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `# …` | the story |
//! | `in every order` | every interleaving of the transactions is run, not the order written |
//! | `init k=v …` | the first commit |
//! | `setup <step>` | one more transaction of its own before anything begins; or `setup collect` |
//! | `T1 <step>` | a step of a transaction; `-> a` is what it returns without sliding, `-> a \| b` and with it |
//! | `db noise 1000`, `db collect` | unrelated commits in another table; a collection |
//! | `then …` | `nobody conflicts`, `T1 T3 conflict`, `exactly one conflicts`, `the last to commit conflicts` |
//! | `sliding …` | the same with sliding on, where it differs |
//! | `finally k=v k=none …` | the state at the end, without sliding |
//!
//! | step | call |
//! |---|---|
//! | `begin`, `begin read` | begins here; who has no such step begins before the first one |
//! | `get k`, `peek k`, `has k`, `first`, `last` | reads of keys |
//! | `count a..b`, `is_empty a..b` | reads of ranges |
//! | `range a..b rev skip 5 take 1`, `keys …`, `values …` | the rows, driven so far |
//! | `where a..b > 10` | a range with a predicate |
//! | `insert k 1`, `remove k`, `remove_range a..b` | writes |
//! | `replace k 1`, `take k`, `insert_if_absent k 1`, `update k 5`, `get_or_insert k 1` | both; `update` adds |
//! | `savepoint s`, `rollback_to s`, `release s` | savepoints by names of the script's own |
//! | `commit`, `fail`, `rollback`, `drop` | the end; `fail` is a closure that returns `Err` |
//!
//! Keys are text, or `7/42` in a second table of pairs; `""` is the empty key and `\0` the
//! smallest character. Ranges are written as in Rust, with `a<..b` for an excluded start.

mod orders;
mod play;
mod read;
mod script;
mod tell;
mod verify;

pub use read::parse;
pub use script::Script;
pub use verify::Failure;
