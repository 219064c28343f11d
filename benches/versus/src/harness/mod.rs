//! Runs workloads on engines: for the clock, and for the judge.

mod judge;
mod load;
mod run;

pub use judge::{Judged, agree};
pub use load::{fill, state};
pub use run::{Run, Shape, histogram};

use crate::engine::Contestant;
use crate::engines::{self, Visit};
use crate::workload::{Spec, Workload};

/// A workload without its types.
pub trait Entry: Send + Sync {
    fn spec(&self) -> Spec;
    /// Loads a fresh database of an engine and measures it.
    fn run(&self, engine: usize, shape: &Shape) -> Run;
    /// Runs so many transactions on each thread, and tells what they read and left.
    fn judge(&self, engine: usize, threads: usize, count: u64, seed: u64) -> Judged;
}

impl<W: Workload> Entry for W {
    fn spec(&self) -> Spec {
        Workload::spec(self)
    }

    fn run(&self, engine: usize, shape: &Shape) -> Run {
        engines::with(engine, Measure { workload: self, shape })
    }

    fn judge(&self, engine: usize, threads: usize, count: u64, seed: u64) -> Judged {
        engines::with(engine, Judge { workload: self, threads, count, seed })
    }
}

struct Measure<'a, W> {
    workload: &'a W,
    shape: &'a Shape,
}

impl<W: Workload> Visit for Measure<'_, W> {
    type Output = Run;
    fn visit<C: Contestant>(self) -> Run {
        run::run::<W, C::Store<W::Key, W::Value>>(self.workload, self.shape, &C::ABOUT)
    }
}

struct Judge<'a, W> {
    workload: &'a W,
    threads: usize,
    count: u64,
    seed: u64,
}

impl<W: Workload> Visit for Judge<'_, W> {
    type Output = Judged;
    fn visit<C: Contestant>(self) -> Judged {
        let Self { workload, threads, count, seed } = self;
        let length = (threads, count);
        judge::judge::<W, C::Store<W::Key, W::Value>>(workload, length, seed, &C::ABOUT)
    }
}
