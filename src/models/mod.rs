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
    explore_within(0, model);
}

/// As `explore`, with one preemption less: for models of very many steps.
fn explore_some(model: impl Fn() + Sync + Send + 'static) {
    explore_within(1, model);
}

fn explore_within(fewer: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3) - fewer);
    // Whole transactions take more steps than loom's thousand.
    builder.max_branches = 20_000;
    builder.check(model);
}
