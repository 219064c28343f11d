//! What must abort and does not fit a script: the closures of `transact` and `read`, whose
//! answers are certified, and what a conflict says about itself.

use precedent::{ConflictReason, Database, EdgeKind, Error, Isolation, Table, Transaction};

use crate::support::{assert_at_rest, assert_explains};

/// Checking and savings account of the read-only anomaly, with a withdrawal that is
/// under way and has seen both of them empty.
struct Bank {
    db: Database,
    accounts: Table<&'static str, i64>,
}

const CHECKING: &str = "checking";
const SAVINGS: &str = "savings";

impl Bank {
    fn open() -> Self {
        // Sliding would lead the statements out of the trap.
        let db = Database::builder().name("bank").sliding(false).build();
        let accounts = db.table("accounts").expect("a new table");
        let bank = Self { db, accounts };
        bank.set(CHECKING, 0);
        bank.set(SAVINGS, 0);
        bank
    }

    fn set(&self, account: &'static str, balance: i64) {
        self.db
            .transact(|tx| Ok(tx.insert(&self.accounts, account, balance)))
            .expect("nobody else is there");
    }

    fn balance<M>(&self, tx: &Transaction<'_, M>, account: &'static str) -> i64 {
        tx.get(&self.accounts, &account).copied().unwrap_or(0)
    }

    /// Sees both accounts, charges a fee for overdrawing them, and waits to be committed.
    fn withdrawal(&self) -> Transaction<'static> {
        let tx = self.db.begin_owned();
        tx.label("withdrawal");
        let total = self.balance(&tx, CHECKING) + self.balance(&tx, SAVINGS);
        assert_eq!(total, 0);
        tx.insert(&self.accounts, CHECKING, -11);
        tx
    }

    fn deposit(&self) {
        let deposit = |tx: &Transaction<'_>| {
            tx.label("deposit");
            tx.update(&self.accounts, &SAVINGS, |balance| balance + 20);
            Ok(())
        };
        self.db.transact(deposit).expect("nobody else writes here");
    }
}

#[derive(Debug, PartialEq)]
enum Refusal {
    /// The two balances that the decision rests on.
    Because(i64, i64),
    Database(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Database(error.to_string())
    }
}

#[test]
fn a_refusal_that_rests_on_an_impossible_state_is_run_again() {
    let bank = Bank::open();
    let mut withdrawal = Some(bank.withdrawal());
    bank.deposit();
    let mut runs = 0;
    let refused = bank.db.try_transact(|tx| -> Result<(), Refusal> {
        runs += 1;
        assert_eq!(tx.attempt(), runs);
        let savings = bank.balance(tx, SAVINGS);
        if let Some(withdrawal) = withdrawal.take() {
            withdrawal.commit().expect("goes before the deposit");
        }
        let checking = bank.balance(tx, CHECKING);
        tx.insert(&bank.accounts, "refusals", 1);
        Err(Refusal::Because(checking, savings))
    });
    // (0, 20) was seen by the first run, and no serial order has it.
    assert_eq!(refused, Err(Refusal::Because(-11, 20)));
    assert_eq!(runs, 2);
    assert_at_rest(&bank.db, 2);
}

#[test]
fn a_refusal_that_rests_on_a_real_state_is_returned_at_once() {
    let bank = Bank::open();
    bank.deposit();
    let mut runs = 0;
    let refused = bank.db.try_transact(|tx| -> Result<(), Refusal> {
        runs += 1;
        tx.insert(&bank.accounts, "refusals", 1);
        Err(Refusal::Because(bank.balance(tx, CHECKING), bank.balance(tx, SAVINGS)))
    });
    assert_eq!(refused, Err(Refusal::Because(0, 20)));
    assert_eq!(runs, 1);
    assert_at_rest(&bank.db, 2);
}

#[test]
fn a_withdrawal_dies_after_a_refusal_that_missed_it() {
    let bank = Bank::open();
    let withdrawal = bank.withdrawal();
    bank.deposit();
    let refused = bank.db.try_transact(|tx| -> Result<(), Refusal> {
        Err(Refusal::Because(bank.balance(tx, CHECKING), bank.balance(tx, SAVINGS)))
    });
    assert_eq!(refused, Err(Refusal::Because(0, 20)));
    assert_explains(&withdrawal.commit().expect_err("the refusal was already returned"));
    assert_at_rest(&bank.db, 2);
}

#[test]
fn a_read_of_an_impossible_state_is_run_again() {
    let bank = Bank::open();
    let mut withdrawal = Some(bank.withdrawal());
    bank.deposit();
    let mut runs = 0;
    let statement = bank.db.read(|tx| {
        runs += 1;
        let savings = bank.balance(tx, SAVINGS);
        if let Some(withdrawal) = withdrawal.take() {
            withdrawal.commit().expect("goes before the deposit");
        }
        (bank.balance(tx, CHECKING), savings)
    });
    assert_eq!(statement.expect("certified"), (-11, 20));
    assert_eq!(runs, 2);
    assert_at_rest(&bank.db, 2);
}

#[test]
fn a_statement_that_returned_kills_the_withdrawal_that_it_missed() {
    let bank = Bank::open();
    let withdrawal = bank.withdrawal();
    bank.deposit();
    let statement = |tx: &precedent::ReadTransaction<'_>| {
        (bank.balance(tx, CHECKING), bank.balance(tx, SAVINGS))
    };
    assert_eq!(bank.db.read(statement).expect("certified"), (0, 20));
    assert_explains(&withdrawal.commit().expect_err("the statement was already printed"));
    assert_at_rest(&bank.db, 2);
}

#[test]
fn a_conflict_names_the_transactions_and_the_keys_of_its_cycle() {
    let bank = Bank::open();
    let withdrawal = bank.withdrawal();
    bank.deposit();
    let statement = bank.db.begin_read();
    statement.label("statement");
    assert_eq!(bank.balance(&statement, CHECKING), 0);
    assert_eq!(bank.balance(&statement, SAVINGS), 20);
    let statement_at = statement.read_timestamp();
    statement.finish().expect("so far nothing is wrong");
    let error = withdrawal.commit().expect_err("closes the cycle");
    assert_explains(&error);
    let cycle = error.conflict().expect("a conflict").cycle();
    let told: Vec<_> = cycle
        .iter()
        .map(|edge| (edge.from().label(), edge.kind(), edge.key(), edge.to().label()))
        .collect();
    let expected = vec![
        (Some("withdrawal"), EdgeKind::Rw, Some("\"savings\""), Some("deposit")),
        (Some("deposit"), EdgeKind::Start, None, Some("statement")),
        (Some("statement"), EdgeKind::Rw, Some("\"checking\""), Some("withdrawal")),
    ];
    assert_eq!(told, expected, "{error}");
    assert_eq!(cycle[1].to().read_timestamp(), statement_at);
    for name in ["withdrawal", "deposit", "statement", "accounts", "savings", "checking"] {
        assert!(error.to_string().contains(name), "{name} is missing: {error}");
    }
}

#[test]
fn a_transaction_whose_read_and_written_key_was_overwritten_is_doomed() {
    let bank = Bank::open();
    let tx = bank.db.begin();
    let old = bank.balance(&tx, CHECKING);
    tx.insert(&bank.accounts, CHECKING, old + 1);
    assert!(!tx.is_doomed());
    bank.set(CHECKING, 5);
    // It goes on reading its snapshot, or what it wrote itself.
    assert_eq!(bank.balance(&tx, CHECKING), old + 1);
    assert_eq!(bank.balance(&tx, SAVINGS), 0);
    assert_explains(&tx.commit().expect_err("an update would be lost"));
    assert_at_rest(&bank.db, 2);
}

#[test]
fn under_snapshot_isolation_a_lost_update_dies_and_write_skew_does_not() {
    let db = Database::builder().isolation(Isolation::Snapshot).build();
    let accounts: Table<u64, i64> = db.table("accounts").expect("a new table");
    let (first, second, third) = (db.begin(), db.begin(), db.begin());
    for tx in [&first, &second, &third] {
        assert_eq!(tx.count(&accounts, ..), 0);
    }
    first.insert(&accounts, 1, 1);
    second.insert(&accounts, 2, 2);
    third.insert(&accounts, 1, 3);
    first.commit().expect("the first committer");
    second.commit().expect("nobody else wrote its key; that is the anomaly");
    let error = third.commit().expect_err("the second committer of a key");
    let conflict = error.conflict().expect("a conflict");
    assert_eq!(conflict.reason(), ConflictReason::FirstCommitterWins);
    let edge = &conflict.cycle()[0];
    assert_eq!((edge.kind(), edge.key()), (EdgeKind::Ww, Some("1")));
    assert_eq!(conflict.cycle().len(), 1);
    assert_at_rest(&db, 2);
}
