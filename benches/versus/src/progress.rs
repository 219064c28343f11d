//! A bar on the standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template(
            "[{elapsed_precise}/{duration_precise}] {bar:30} {pos}/{len} {msg}",
        );
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// One step has begun.
    pub fn step(&self, what: &str) {
        self.say(what);
        self.0.inc(1);
    }

    /// A line that stays.
    pub fn warn(&self, what: &str) {
        self.0.suspend(|| eprintln!("warning: {what}"));
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
