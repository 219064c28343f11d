//! Tries every order in which transactions can be interleaved. See [`Explore`].

mod effects;
mod explorer;
mod failure;
mod plan;
mod report;
mod shrink;
mod stage;
mod strategy;
mod trial;
mod words;

pub use failure::{Failure, ScriptError};
pub use plan::Explore;
pub use report::Report;
pub use trial::Trial;
