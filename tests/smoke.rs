//! A first look at the whole.
use precedent::{Database, Error, Table};

#[test]
fn the_ledger_phantom_cannot_happen() -> Result<(), Error> {
    let db = Database::builder().sliding(false).build();
    let t: Table<(u64, u64), i64> = db.table("ledger")?;
    db.transact(|tx| {
        tx.insert(&t, (42, 0), 100);
        Ok(())
    })?;
    let a = db.begin();
    let b = db.begin();
    let sum = |tx: &precedent::Transaction<'_>| tx.values(&t, (42, 0)..(43, 0)).sum::<i64>();
    assert_eq!((sum(&a), sum(&b)), (100, 100));
    a.insert(&t, (42, 1), -100);
    b.insert(&t, (42, 2), -100);
    a.commit()?;
    let error = b.commit().unwrap_err();
    println!("{error}\n{}", error.conflict().unwrap().dot());
    Ok(())
}

#[test]
fn threads_count_to_the_number_of_commits() -> Result<(), Error> {
    let db = Database::new();
    let t: Table<u64, u64> = db.table("n")?;
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..20_000 {
                    db.transact(|tx| {
                        let n = tx.get(&t, &1).copied().unwrap_or(0);
                        tx.insert(&t, 1, n + 1);
                        Ok(())
                    })
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(db.read(|tx| tx.get(&t, &1).copied())?, Some(80_000));
    println!("{:?}", db.stats());
    db.collect();
    println!("{:?}", db.stats());
    Ok(())
}
