//! Seeded bugs: each protocol struct can be broken on purpose, in models only.
//!
//! A model that passes proves little unless the same model fails when the protocol is
//! broken. In every other build [`Bugs`] has no size and answers `false`.

/// One way to break a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    /// `begin` does not load the published timestamp again after its fence.
    NoSecondLoad,
    /// A commit is acknowledged before the published timestamp has reached it.
    EarlyAcknowledge,
    /// A reader looks for danger in an earlier step than the one that publishes it.
    CheckBeforePublish,
    /// A committer with a backward edge does not announce its danger interval.
    NoAnnouncement,
    /// A commit is appended without looking at what came since it was certified.
    NoSecondLook,
    /// A reader with an older writer beside it does not publish its reads.
    NeverPublish,
    /// Whoever follows a chain announces it without a fence before the first step.
    WalkUnannounced,
    /// A commit does not ask whether it was given up before it starts.
    CommitUnasked,
    /// A commit does not wait at a gate that another has shut.
    PassShutGate,
    /// The gate opens without waking those who wait at it.
    OpenSilently,
    /// Whoever asked for a turn at the gate takes it as soon as the gate is open.
    OutOfTurn,
}

#[cfg(not(precedent_loom))]
mod imp {
    /// No bug is seeded.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Bugs;

    impl Bugs {
        pub(crate) const NONE: Self = Self;

        #[expect(clippy::unused_self, reason = "models have a value to ask")]
        pub(crate) const fn has(self, _bug: super::Bug) -> bool {
            false
        }
    }
}

#[cfg(precedent_loom)]
mod imp {
    /// At most one seeded bug.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Bugs(Option<super::Bug>);

    impl Bugs {
        pub(crate) const NONE: Self = Self(None);

        #[cfg_attr(not(test), expect(dead_code, reason = "an embedder's models seed no bugs"))]
        pub(crate) const fn with(bug: super::Bug) -> Self {
            Self(Some(bug))
        }

        pub(crate) fn has(self, bug: super::Bug) -> bool {
            self.0 == Some(bug)
        }
    }
}

pub(crate) use imp::Bugs;
