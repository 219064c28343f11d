//! The bank: what a program that uses the crate would hold.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use precedent::{Commit, Database, Error, Isolation, Table, Transaction};

pub struct Bank {
    db: Database,
    /// (account, number) -> cents. Whoever writes an entry numbers it, so that no two
    /// transactions write the same key.
    entries: Table<(u64, u64), i64>,
}

/// One line of a ledger; `cents` is negative for a withdrawal.
#[derive(Clone, Copy)]
pub struct Entry {
    pub account: u64,
    pub number: u64,
    pub cents: i64,
}

/// What a withdrawal answers.
pub enum Reply {
    Paid { statement_length: usize },
    Insufficient,
}

struct Statement {
    balance: i64,
    length: usize,
}

impl Bank {
    pub fn open(isolation: Isolation) -> Result<Self, Error> {
        let db = Database::builder().isolation(isolation).build();
        let entries = db.table("ledger")?;
        Ok(Self { db, entries })
    }

    /// For the forced overlap, which begins and commits by hand.
    pub fn begin(&self) -> Transaction<'_> {
        self.db.begin()
    }

    /// Inserts blindly: it observed nothing, so it never conflicts.
    pub fn deposit(&self, entry: Entry) -> Result<Commit, Error> {
        let ((), commit) = self.db.transact_with_commit(|tx| {
            tx.label("deposit");
            tx.insert(&self.entries, (entry.account, entry.number), entry.cents);
            Ok(())
        })?;
        Ok(commit)
    }

    /// Withdraws if there is enough. `attempts` tells how often the closure ran.
    pub fn withdraw(&self, entry: Entry, attempts: &mut u32) -> Result<(Reply, Commit), Error> {
        self.db.transact_with_commit(|tx| {
            *attempts = tx.attempt();
            Ok(self.try_withdraw(tx, entry))
        })
    }

    /// Sums the account, and pays if there is enough.
    pub fn try_withdraw(&self, tx: &Transaction<'_>, entry: Entry) -> Reply {
        tx.label("withdrawal");
        let statement = self.statement(tx, entry.account);
        if statement.balance < -entry.cents {
            return Reply::Insufficient;
        }
        tx.insert(&self.entries, (entry.account, entry.number), entry.cents);
        Reply::Paid { statement_length: statement.length }
    }

    /// Puts one entry in the place of a whole statement. Tried once: if somebody else was
    /// faster, a later withdrawal will see to it.
    pub fn carry_forward(&self, account: u64, number: u64) -> Result<Commit, Error> {
        let tx = self.db.begin();
        tx.label("carrying forward");
        let balance = self.statement(&tx, account).balance;
        for key in tx.keys(&self.entries, entries_of(account)) {
            tx.remove(&self.entries, key);
        }
        tx.insert(&self.entries, (account, number), balance);
        tx.commit()
    }

    /// The balance of every account, from one snapshot.
    pub fn balances(&self) -> Result<BTreeMap<u64, i64>, Error> {
        self.db.read(|tx| {
            let mut balances = BTreeMap::new();
            for (&(account, _), cents) in tx.range(&self.entries, ..) {
                *balances.entry(account).or_default() += cents;
            }
            balances
        })
    }

    fn statement(&self, tx: &Transaction<'_>, account: u64) -> Statement {
        let mut statement = Statement { balance: 0, length: 0 };
        for cents in tx.values(&self.entries, entries_of(account)) {
            statement.balance += cents;
            statement.length += 1;
        }
        statement
    }
}

fn entries_of(account: u64) -> RangeInclusive<(u64, u64)> {
    (account, 0)..=(account, u64::MAX)
}
