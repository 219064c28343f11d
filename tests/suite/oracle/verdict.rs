//! What the oracle found.

use std::fmt;

/// The judgement on one history.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What was wrong.
    pub faults: Vec<Fault>,
    /// Transactions whose writes are in.
    pub commits: u64,
    /// Transactions certified as readers.
    pub certified: u64,
    /// Transactions that were refused, conservative ones included.
    pub aborts: u64,
    /// Of those: for a bound, without a cycle.
    pub conservative: u64,
    /// Of those: because a rule other than the exact one suspected something.
    pub suspected: u64,
    /// Of the suspected ones: those that would have closed no cycle.
    pub unfounded: u64,
    sightings: u32,
}

impl Verdict {
    /// Notes a fault.
    pub fn accuse(&mut self, kind: FaultKind, story: impl Into<String>) {
        self.faults.push(Fault { kind, story: story.into() });
    }

    /// Notes that the history shows this.
    pub fn sight(&mut self, sighting: Sighting) {
        self.sightings |= 1 << sighting as u32;
    }

    /// Whether the history shows this.
    pub fn shows(&self, sighting: Sighting) -> bool {
        self.sightings >> sighting as u32 & 1 == 1
    }

    /// Whether a fault of this kind was found.
    pub fn finds(&self, kind: FaultKind) -> bool {
        self.faults.iter().any(|fault| fault.kind == kind)
    }
}

/// One thing that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of which kind.
    pub kind: FaultKind,
    /// What happened.
    pub story: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.story)
    }
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A certified transaction closed a cycle.
    MissedCycle,
    /// A refused transaction would have closed none.
    UnjustifiedAbort,
    /// The serial replay read something else, or ended in another state.
    WrongReplay,
    /// A read did not show the snapshot of its moment.
    WrongRead,
    /// A slide changed something that had been observed before.
    IllegalSlide,
    /// A reported cycle is not in the record.
    FalseReport,
    /// The engine's recorder told something else than its caller saw.
    Disagreement,
    /// A timestamp is not the one that the rules of the API name.
    WrongTimestamp,
    /// A transaction said to be doomed was committed.
    FalseDoom,
    /// A snapshot that was said to be safe is part of a cycle, or could have become one.
    UnsafeSnapshot,
    /// Something was kept that nobody can need.
    Leak,
    /// The engine panicked.
    Panic,
}

/// What a history can show, for the counters that keep the generators honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// A refusal whose shortest cycle has three members or more.
    LongCycle,
    /// A refusal whose every cycle needs an insertion into a scanned range.
    PhantomCycle,
    /// A refusal whose every cycle needs a change of a predicate.
    PredicateCycle,
    /// A refusal whose every cycle needs a transaction that only reads.
    ReadOnlyMember,
    /// A certified `Err` with an antidependency, so that it could become part of a cycle.
    CertifiedErr,
    /// A read timestamp moved.
    Slide,
    /// A refusal whose every cycle needs a committed transaction that was old enough to
    /// be forgotten when a collection ran.
    PrunedMember,
    /// A refusal whose every cycle needs a certified `Err`, or the refusal of one.
    ErrMember,
    /// The end of a transaction moved its read timestamp, and it was certified: it was
    /// older than the fold of the log.
    Folded,
    /// A transaction that undid some of its writes was certified.
    Undone,
    /// A transaction that held the gate committed, and so had somebody beside it.
    Aged,
    /// The newest safe snapshot was not the newest one.
    SafeLag,
    /// … because a danger interval was in the way, not only an open writer.
    DangerLag,
    /// A snapshot at a timestamp of the caller's choice was given.
    SnapshotAt,
    /// A snapshot that was never said to be safe would have closed a cycle.
    UnsafeCycle,
    /// Certified readers of one snapshot came to share a footprint.
    Shared,
    /// … and a refusal was reported through one.
    SharedMember,
}

impl Sighting {
    /// Every one of them, in the order of the summary.
    pub const ALL: [Self; 17] = [
        Self::LongCycle,
        Self::PhantomCycle,
        Self::PredicateCycle,
        Self::ReadOnlyMember,
        Self::CertifiedErr,
        Self::Slide,
        Self::PrunedMember,
        Self::ErrMember,
        Self::Folded,
        Self::Undone,
        Self::Aged,
        Self::SafeLag,
        Self::DangerLag,
        Self::SnapshotAt,
        Self::UnsafeCycle,
        Self::Shared,
        Self::SharedMember,
    ];

    /// Its name in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::LongCycle => "cycle of three or more",
            Self::PhantomCycle => "phantom cycle",
            Self::PredicateCycle => "predicate cycle",
            Self::ReadOnlyMember => "read-only member",
            Self::CertifiedErr => "certified Err",
            Self::Slide => "slide",
            Self::PrunedMember => "pruned member",
            Self::ErrMember => "cycle through an Err",
            Self::Folded => "folded member",
            Self::Undone => "undone, then certified",
            Self::Aged => "aged member",
            Self::SafeLag => "safe snapshot that lags",
            Self::DangerLag => "… below a danger",
            Self::SnapshotAt => "snapshot at a timestamp",
            Self::UnsafeCycle => "unsafe one, in a cycle",
            Self::Shared => "shared footprint",
            Self::SharedMember => "shared footprint, in a cycle",
        }
    }
}
