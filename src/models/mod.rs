//! loom models: every interleaving of the protocols, on the structs that the engine uses.
//!
//! Each protocol is modelled twice: as it is, and with a seeded bug that the same model
//! must catch. `ci/loom.sh` runs them.

mod gate;
mod index;
mod protocols;
mod transactions;

/// Runs a model with the bounds that the scripts set.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    if builder.preemption_bound.is_none() {
        builder.preemption_bound = Some(3);
    }
    // Whole transactions take more steps than loom's thousand.
    builder.max_branches = 20_000;
    builder.check(model);
}
