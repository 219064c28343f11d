//! The six workloads, each a stream of transactions that is the same for every engine.

use crate::engine::{Data, Engine};
use crate::random::Random;

const KEYS: usize = 100_000;
/// 100,000 entries before the run.
const ACCOUNTS: u64 = 5_000;
const ENTRIES: u64 = 20;
const SCAN: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    ReadOne,
    ChangeOne,
    ReadEightChangeTwo,
    Scan,
    Insert,
    Ledger,
}

impl Workload {
    pub const ALL: [Self; 6] = [
        Self::ReadOne,
        Self::ChangeOne,
        Self::ReadEightChangeTwo,
        Self::Scan,
        Self::Insert,
        Self::Ledger,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOne => "read one key",
            Self::ChangeOne => "read, change, write one key",
            Self::ReadEightChangeTwo => "read 8, change 2",
            Self::Scan => "scan 100",
            Self::Insert => "insert a new key",
            Self::Ledger => "ledger: sum 20 entries, insert one",
        }
    }

    pub fn data(self, keys: &[u64]) -> Data<'_> {
        match self {
            Self::Ledger => Data::Ledger { accounts: ACCOUNTS, entries: ENTRIES },
            _ => Data::Points(keys),
        }
    }

    /// So many transactions at most in one run, or the data would be another afterwards:
    /// the ledger grows by a fifth, the points by a half.
    pub fn most_transactions(self) -> usize {
        match self {
            Self::Ledger => 20_000,
            Self::Insert => KEYS / 2,
            _ => usize::MAX,
        }
    }

    /// Whether what is read is the same in whichever order threads get through.
    pub fn reads_do_not_depend_on_order(self) -> bool {
        matches!(self, Self::ReadOne | Self::Scan | Self::Insert)
    }

    /// Runs so many transactions; the result depends on all that they read.
    pub fn run(self, engine: &dyn Engine, keys: &[u64], stream: &mut Stream, count: usize) -> u64 {
        let mut checksum = 0_u64;
        for _ in 0..count {
            checksum = checksum.wrapping_add(self.transact(engine, keys, stream));
        }
        checksum
    }

    fn transact(self, engine: &dyn Engine, keys: &[u64], stream: &mut Stream) -> u64 {
        let mut key = || keys[stream.random.below(keys.len() as u64) as usize];
        match self {
            Self::ReadOne => engine.read_one(key()),
            Self::ChangeOne => engine.add_to_one(key(), 1),
            Self::ReadEightChangeTwo => {
                let keys = std::array::from_fn(|_| key());
                engine.read_eight_add_to_two(&keys, 1)
            }
            Self::Scan => engine.scan(key(), SCAN),
            Self::Insert => {
                // Random, so one of 100,000 keys is hardly ever met again; and if it is,
                // every engine meets it.
                let key = stream.random.next();
                engine.insert(key, key);
                0
            }
            Self::Ledger => {
                let account = stream.random.below(ACCOUNTS);
                engine.add_ledger_entry(account, stream.next_entry(), 1)
            }
        }
    }
}

/// The keys of the points, in the order in which they are loaded.
pub fn keys(seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed, 0);
    (0..KEYS).map(|_| random.next()).collect()
}

/// What one thread draws its transactions from.
pub struct Stream {
    random: Random,
    entry: u64,
}

impl Stream {
    pub fn new(seed: u64, thread: u64, repeat: u32) -> Self {
        // Entries of different threads never meet, nor those that were loaded.
        let random = Random::new(seed, 1 + thread + (u64::from(repeat) << 8));
        Self { random, entry: (thread + 1) << 32 }
    }

    fn next_entry(&mut self) -> u64 {
        self.entry += 1;
        self.entry
    }
}
