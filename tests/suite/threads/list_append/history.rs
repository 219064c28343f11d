//! What threads did with lists, and the same as `adya` takes it.

use adya::History;
use adya::history::{Interner, Mop, Op, OpType, ReadValue, Scalar};

/// A list: the slot that it belongs to, and which one of the slot's lists it is.
pub type ListKey = (u64, u64);

/// One look or one append.
#[derive(Clone, Debug)]
pub enum Touch {
    /// The whole list was read; empty if there was none.
    Read(ListKey, Vec<u32>),
    /// An element was appended.
    Append(ListKey, u32),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its result was certified.
    Done,
    /// Refused or given up.
    Failed,
}

/// One attempt of a transaction.
#[derive(Clone, Debug)]
pub struct Step {
    /// By which thread.
    pub thread: usize,
    /// It began after this.
    pub from: u64,
    /// It had returned by then; if it failed, nobody cares.
    pub to: u64,
    /// What it did, in order.
    pub touches: Vec<Touch>,
    /// How it ended.
    pub fate: Fate,
}

/// Counts over all steps.
pub fn count(steps: &[Step]) -> Vec<(&'static str, u64)> {
    let fates = |wanted| steps.iter().filter(|step| step.fate == wanted).count() as u64;
    let done = steps.iter().filter(|step| step.fate == Fate::Done);
    let touches = done.flat_map(|step| &step.touches);
    let (mut reads, mut appends, mut longest) = (0, 0, 0);
    for touch in touches {
        match touch {
            Touch::Read(_, list) => {
                reads += 1;
                longest = longest.max(list.len() as u64);
            }
            Touch::Append(..) => appends += 1,
        }
    }
    vec![
        ("certified", fates(Fate::Done)),
        ("failed attempts", fates(Fate::Failed)),
        ("lists read", reads),
        ("elements appended", appends),
        ("longest list", longest),
    ]
}

/// The history of these steps, those of each thread in order: an invocation and a
/// completion for each, in the order in which they happened.
pub fn adya_history(steps: &[Step]) -> History {
    let calls = steps.iter().enumerate().map(|(at, step)| (step.from, at, false));
    let returns = steps.iter().enumerate().map(|(at, step)| (step.to, at, true));
    // At the same moment by the steps of a thread: one returns, then the next is called.
    let mut moments: Vec<(u64, usize, bool)> = calls.chain(returns).collect();
    moments.sort_unstable();
    let mut interner = Interner::default();
    let ops = moments.into_iter().enumerate().map(|(index, (time, at, returned))| {
        let step = &steps[at];
        let kind = match (returned, step.fate) {
            (false, _) => OpType::Invoke,
            (true, Fate::Done) => OpType::Ok,
            (true, Fate::Failed) => OpType::Fail,
        };
        let touches = step.touches.iter();
        let value = touches.map(|touch| mop(&mut interner, touch, returned)).collect();
        let process = Some(step.thread as i64);
        Op { index: index as u64, kind, process, value, time: Some(time as i64) }
    });
    let ops = ops.collect();
    History::from_ops(ops, interner)
}

fn mop(interner: &mut Interner, touch: &Touch, returned: bool) -> Mop {
    let mut id = |number: i64| interner.intern(Scalar::Int(number));
    let key = |(slot, list): ListKey| (slot * 1_000_000 + list) as i64;
    match touch {
        Touch::Append(list, element) => {
            Mop::Append { key: id(key(*list)), value: id(i64::from(*element)) }
        }
        Touch::Read(list, _) if !returned => {
            Mop::Read { key: id(key(*list)), value: ReadValue::Nil }
        }
        Touch::Read(list, elements) => {
            let key = id(key(*list));
            let elements = elements.iter().map(|element| id(i64::from(*element)));
            Mop::Read { key, value: ReadValue::List(elements.collect()) }
        }
    }
}
