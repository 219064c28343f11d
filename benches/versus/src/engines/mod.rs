//! The contestants.

mod arc_swap;
mod dry;
mod fjall;
mod maps;
mod precedent;
mod redb;
mod skipdb;
mod surrealmx;
mod txn_db;

pub use arc_swap::Swapped;
pub use dry::Dry;
pub use fjall::Fjall;
pub use maps::{UnderMutex, UnderRwLock};
pub use precedent::{Precedent, Ruled};
pub use redb::Redb;
pub use skipdb::SkipDb;
pub use surrealmx::SurrealMx;
pub use txn_db::TxnDb;

use crate::engine::{About, Contestant};

/// All of them; the first is the one that the others are compared with, the last ones are
/// its variants, which take part only when they are asked to.
pub const CONTESTANTS: [About; 14] = [
    Precedent::ABOUT,
    SurrealMx::ABOUT,
    SkipDb::ABOUT,
    TxnDb::ABOUT,
    Fjall::ABOUT,
    Redb::ABOUT,
    Swapped::ABOUT,
    UnderRwLock::ABOUT,
    UnderMutex::ABOUT,
    Dry::ABOUT,
    Ruled::<1>::ABOUT,
    Ruled::<2>::ABOUT,
    Ruled::<3>::ABOUT,
    Ruled::<4>::ABOUT,
];

/// What is to be done with an engine as a type.
pub trait Visit {
    type Output;
    fn visit<C: Contestant>(self) -> Self::Output;
}

/// Goes from a place in [`CONTESTANTS`] to the type that stands there.
pub fn with<T: Visit>(engine: usize, visit: T) -> T::Output {
    match engine {
        0 => visit.visit::<Precedent>(),
        1 => visit.visit::<SurrealMx>(),
        2 => visit.visit::<SkipDb>(),
        3 => visit.visit::<TxnDb>(),
        4 => visit.visit::<Fjall>(),
        5 => visit.visit::<Redb>(),
        6 => visit.visit::<Swapped>(),
        7 => visit.visit::<UnderRwLock>(),
        8 => visit.visit::<UnderMutex>(),
        9 => visit.visit::<Dry>(),
        10 => visit.visit::<Ruled<1>>(),
        11 => visit.visit::<Ruled<2>>(),
        12 => visit.visit::<Ruled<3>>(),
        13 => visit.visit::<Ruled<4>>(),
        _ => unreachable!("there are {} engines", CONTESTANTS.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTESTANTS, Visit, with};
    use crate::engine::Contestant;

    struct Name;

    impl Visit for Name {
        type Output = &'static str;
        fn visit<C: Contestant>(self) -> &'static str {
            C::ABOUT.name
        }
    }

    #[test]
    fn every_place_has_the_engine_that_the_list_says() {
        for (place, about) in CONTESTANTS.iter().enumerate() {
            assert_eq!(with(place, Name), about.name);
        }
    }
}
