//! Snapshots that are no transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::db::database::Database;
use crate::error::Error;
use crate::sync;
use crate::timestamp::Timestamp;
use crate::tx::{Pin, PinGuard, Snapshot};

/// The longest sleep between two looks for a safe timestamp.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);
/// The first one.
const FIRST_SLEEP: Duration = Duration::from_micros(10);

impl Database {
    /// The newest snapshot that is safe. **It may lag, and may miss the caller's own last
    /// commit**: it goes back as far as the oldest read-write transaction that still runs,
    /// or further. Ask [`timestamp`](Snapshot::timestamp) how far, use
    /// [`safe_snapshot_at_least`](Self::safe_snapshot_at_least) to wait for a point, or
    /// [`read`](Self::read) for the newest state.
    ///
    /// Safe means: no commit, past or to come, can make this snapshot part of a cycle. So it
    /// tracks nothing and is never refused, however long it is read. Under
    /// [`Isolation::Snapshot`](crate::Isolation::Snapshot) nothing is serial, so nothing is
    /// safe, and the snapshot is simply a recent one. Waits for no transaction, never
    /// fails.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let visits: Table<u64, &str> = db.table("visits")?;
    /// db.transact(|tx| Ok(tx.insert(&visits, 1, "/home")))?;
    /// let snap = db.safe_snapshot();
    /// let report = std::thread::spawn(move || snap.count(&visits, ..));
    /// assert_eq!(report.join().unwrap(), 1);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn safe_snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::new(PinGuard::newest_safe(&self.engine)))
    }

    /// As [`safe_snapshot`](Self::safe_snapshot), but waits until the newest safe
    /// timestamp has reached `timestamp`; for example that of the caller's own commit.
    /// A timeout of zero asks once.
    ///
    /// It waits for the read-write transactions that began before that commit, so do not
    /// call it within one: it would wait for itself.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # use std::time::Duration;
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let ((), commit) = db.transact_with_commit(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// let snap = db.safe_snapshot_at_least(commit.timestamp(), Duration::from_secs(1))?;
    /// assert_eq!(snap.get(&t, &1), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SafeSnapshotTimeout`] if that takes longer than `timeout`.
    pub fn safe_snapshot_at_least(
        &self,
        timestamp: Timestamp,
        timeout: Duration,
    ) -> Result<Snapshot, Error> {
        // None: so far away that nobody will live to see it.
        let deadline = Instant::now().checked_add(timeout);
        let mut sleep = FIRST_SLEEP;
        loop {
            let snapshot = self.safe_snapshot();
            if snapshot.timestamp() >= timestamp {
                return Ok(snapshot);
            }
            let newest_safe = snapshot.timestamp();
            // Not to keep anything while it sleeps.
            drop(snapshot);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(Error::SafeSnapshotTimeout { asked_for: timestamp, newest_safe });
            }
            sync::sleep(left.map_or(sleep, |left| left.min(sleep)));
            sleep = (sleep * 2).min(LONGEST_SLEEP);
        }
    }

    /// The database as it was at a timestamp, if that can still be told: because a
    /// [`pin`](Self::pin) or a snapshot keeps it, or because nothing that it
    /// sees has been collected yet. It has a place in the serial order only if
    /// [`is_safe`](Snapshot::is_safe).
    ///
    /// ```
    /// # use precedent::{Database, Table, Timestamp};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let pin = db.pin();
    /// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// assert_eq!(db.snapshot_at(pin.timestamp())?.count(&t, ..), 0);
    /// assert!(db.snapshot_at(Timestamp::from(99)).is_err()); // not yet
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SnapshotUnavailable`] if nothing was committed at that timestamp yet, or if
    /// what it saw is not kept any more.
    pub fn snapshot_at(&self, timestamp: Timestamp) -> Result<Snapshot, Error> {
        let pin = PinGuard::at(&self.engine, u64::from(timestamp))?;
        Ok(Snapshot::new(Arc::new(pin)))
    }

    /// Keeps the newest safe timestamp available for [`snapshot_at`](Self::snapshot_at),
    /// until the pin and its clones are dropped. Like
    /// [`safe_snapshot`](Self::safe_snapshot) it may lag.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let yesterday = db.pin();
    /// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// let today = db.safe_snapshot();
    /// assert_eq!((yesterday.snapshot().count(&t, ..), today.count(&t, ..)), (0, 1));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn pin(&self) -> Pin {
        Pin::new(Arc::new(PinGuard::newest_safe(&self.engine)))
    }
}
