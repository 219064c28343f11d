//! The keys and values of the tables. Some own memory, know whether they are alive, and
//! panic in their comparator, `Clone` and `Drop` when a fuse has burnt down.

use std::cmp::Ordering;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering as Order};

use precedent::{Key, Value};

use crate::hazard::{Site, touch};

/// How many names and coins exist.
static ALIVE: AtomicI64 = AtomicI64::new(0);

/// Coins that were seen after they had been dropped, or dropped twice.
static BROKEN: AtomicU64 = AtomicU64::new(0);

pub fn alive() -> i64 {
    ALIVE.load(Order::Relaxed)
}

pub fn broken() -> u64 {
    BROKEN.load(Order::Relaxed)
}

/// A key that stands for a number, in the same order.
pub trait Id: Key {
    fn of(number: u32) -> Self;
    fn number(&self) -> u32;
}

/// A value that is worth something.
pub trait Worth: Value {
    fn of(amount: i64) -> Self;
    fn amount(&self) -> i64;
}

impl Id for u64 {
    fn of(number: u32) -> Self {
        Self::from(number)
    }

    fn number(&self) -> u32 {
        u32::try_from(*self).expect("made of one")
    }
}

impl Worth for i64 {
    fn of(amount: i64) -> Self {
        amount
    }

    fn amount(&self) -> i64 {
        *self
    }
}

/// A key of the user's.
pub struct Name {
    text: Box<str>,
}

impl Name {
    fn new(text: Box<str>) -> Self {
        ALIVE.fetch_add(1, Order::Relaxed);
        Self { text }
    }
}

impl Id for Name {
    fn of(number: u32) -> Self {
        Self::new(format!("account {number:010}").into())
    }

    fn number(&self) -> u32 {
        self.text["account ".len()..].parse().expect("ten digits")
    }
}

impl Clone for Name {
    fn clone(&self) -> Self {
        touch(Site::Clone);
        Self::new(self.text.clone())
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        touch(Site::Compare);
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Order::Relaxed);
        touch(Site::Drop);
    }
}

/// A value of the user's, with a seal that is broken when it is dropped.
pub struct Coin {
    amount: i64,
    seal: i64,
    /// Differs in size from coin to coin.
    _ballast: Box<[u8]>,
}

const SEAL: i64 = 0x5EA1_5EA1;

impl Coin {
    /// Counted, since the engine swallows a panic in a `Drop` or a predicate.
    fn look_at_seal(&self) {
        if self.seal != self.amount ^ SEAL {
            BROKEN.fetch_add(1, Order::Relaxed);
        }
    }
}

impl Worth for Coin {
    fn of(amount: i64) -> Self {
        ALIVE.fetch_add(1, Order::Relaxed);
        let ballast = vec![0; usize::from(amount.to_le_bytes()[0])].into();
        Self { amount, seal: amount ^ SEAL, _ballast: ballast }
    }

    fn amount(&self) -> i64 {
        self.look_at_seal();
        self.amount
    }
}

impl Drop for Coin {
    fn drop(&mut self) {
        self.look_at_seal();
        self.seal = !self.seal;
        ALIVE.fetch_sub(1, Order::Relaxed);
        touch(Site::Drop);
    }
}
