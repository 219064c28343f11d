//! Which savepoints of a transaction are open.

use std::cell::{Cell, RefCell};

/// The savepoints of a running transaction that are open: ascending numbers, never reused.
#[derive(Default)]
pub(crate) struct OpenSavepoints {
    open: RefCell<Vec<u64>>,
    taken: Cell<u64>,
}

impl OpenSavepoints {
    /// The newest one that is open; 0 if there is none.
    pub(crate) fn newest(&self) -> u64 {
        self.open.borrow().last().copied().unwrap_or(0)
    }

    /// Takes the next one.
    pub(crate) fn take(&self) -> u64 {
        let number = self.taken.get() + 1;
        self.taken.set(number);
        self.open.borrow_mut().push(number);
        number
    }

    pub(crate) fn is_open(&self, number: u64) -> bool {
        self.open.borrow().binary_search(&number).is_ok()
    }

    /// Forgets this one, if it is open, and all later ones.
    pub(crate) fn close_from(&self, number: u64) {
        let open = &mut *self.open.borrow_mut();
        open.truncate(open.partition_point(|earlier| *earlier < number));
    }
}
