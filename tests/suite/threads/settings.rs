//! From which seed: `PRECEDENT_SEED`, printed with every summary.

use crate::support;

/// The seed of everything random.
pub fn seed() -> u64 {
    match std::env::var("PRECEDENT_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("PRECEDENT_SEED={text} is no number")),
        Err(_) => 1,
    }
}

/// Prints what a test did, and at which size.
pub fn summary(title: &str, lines: &str) {
    let size = std::env::var("PRECEDENT_SIZE").unwrap_or_else(|_| "1".to_owned());
    support::summary(&format!(
        "{title} (PRECEDENT_SIZE={size} PRECEDENT_SEED={})\n{lines}",
        seed()
    ));
}
