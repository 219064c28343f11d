//! Point reads: own writes first, then the index, at a snapshot that may slide.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::store::version::Version;
use crate::tx::core::Core;
use crate::tx::hook::Sight;
use crate::tx::live::Hit;
use crate::tx::table::{Key, Value};
use crate::tx::tx_table::TxTable;

/// A tracked point read.
pub(crate) fn read<'t, K, V, Q>(
    core: &'t Core<'_>,
    table: &'t TxTable<K, V>,
    key: &Q,
) -> Option<&'t V>
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    core.hook().before_read();
    core.before_read();
    let own = {
        let _comparing = core.comparing();
        table.writes.get(key)
    };
    if let Some(own) = own {
        core.hook().read(&table.table.name, || key.to_owned(), &Sight::Own);
        return own;
    }
    let version = visible(core, table, key);
    if version.is_none() && core.is_tracked() {
        remember_absence(core, table, key);
    }
    let sight = version.map_or(Sight::Absent, |version| Sight::Version(version.begin()));
    core.hook().read(&table.table.name, || key.to_owned(), &sight);
    version?.value()
}

/// The version that the snapshot sees, after sliding if something newer is there. A hit
/// is remembered.
fn visible<'t, K, V, Q>(
    core: &'t Core<'_>,
    table: &'t TxTable<K, V>,
    key: &Q,
) -> Option<&'t Version<V>>
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ?Sized,
{
    loop {
        let snapshot = core.snapshot();
        let found = {
            let _comparing = core.comparing();
            table.look_up(key, snapshot, core.walker())
        };
        match found {
            None => return None,
            // Ends: a slide takes the snapshot to the published timestamp, and each
            // further one is another transaction's commit.
            Some(found) if found.newest > snapshot && core.slide() => {}
            Some(found) => {
                if let (Some(version), true) = (found.version, core.is_tracked()) {
                    table.reads.borrow_mut().hit(Hit::new(found.record, version));
                    core.count_observation();
                }
                return found.version;
            }
        }
    }
}

/// An absence is remembered by its key, once.
fn remember_absence<K, V, Q>(core: &Core<'_>, table: &TxTable<K, V>, key: &Q)
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    // For the clone and the drop of a key too: nothing may slide before it is noted.
    let _comparing = core.comparing();
    loop {
        let absences = table.reads.borrow().observed.absences.clone();
        let found = absences.find(|absent| (***absent).borrow().cmp(key));
        let Err(path) = found else { return };
        let kept = Arc::new(key.to_owned().into());
        let noted = {
            let known = &mut table.reads.borrow_mut().observed.absences;
            // A comparator may have read something absent in between: look again.
            let same = known.same(&absences);
            if same {
                drop(absences);
                known.insert_at(&path, kept);
            }
            same
        };
        if noted {
            core.count_observation();
            return;
        }
    }
}
