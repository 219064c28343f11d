//! What an engine must be able to do to take part.

/// The rows that an engine holds before a run.
pub enum Data<'a> {
    /// Random keys, each with itself as its value.
    Points(&'a [u64]),
    /// (account, entry) -> cents: so many accounts with so many entries of 1 each.
    Ledger { accounts: u64, entries: u64 },
}

/// One method is one transaction. Each returns something that depends on all it read, for
/// the checksum; each retries until it has committed.
pub trait Engine: Send + Sync {
    /// The value of a key.
    fn read_one(&self, key: u64) -> u64;
    /// Adds to the value of a key; returns the old one.
    fn add_to_one(&self, key: u64, delta: u64) -> u64;
    /// The sum of eight values; adds to the first two.
    fn read_eight_add_to_two(&self, keys: &[u64; 8], delta: u64) -> u64;
    /// The sum of the values of the first `count` keys from here on.
    fn scan(&self, from: u64, count: usize) -> u64;
    /// Inserts a key that is new.
    fn insert(&self, key: u64, value: u64);
    /// The sum of an account's entries; inserts one more.
    fn add_ledger_entry(&self, account: u64, entry: u64, cents: u64) -> u64;
    /// A number that depends on every row, however they came about.
    fn state(&self) -> u64;
}

/// An engine's name, and how it is made.
pub struct Contestant {
    pub name: &'static str,
    pub make: fn(&Data<'_>) -> Box<dyn Engine>,
}

/// What a row contributes to [`Engine::state`]. Ledger keys are folded by the caller.
pub fn row_state(key: u64, value: u64) -> u64 {
    (key ^ value.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) ^ value
}

/// A ledger key as one number, for [`row_state`].
pub fn ledger_key(account: u64, entry: u64) -> u64 {
    account.rotate_left(40) ^ entry
}

/// The rows of a ledger before a run.
pub fn ledger_rows(accounts: u64, entries: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..accounts).flat_map(move |account| (0..entries).map(move |entry| (account, entry)))
}
