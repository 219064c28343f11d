//! A persistent B+-tree: a clone is one reference count, a change copies one path.
//!
//! Both the upper level of an index (whose items are its leaves) and the write set of a
//! transaction (whose items are pending writes) are such trees. Whoever holds a clone
//! holds a frozen tree, so no latch is held while user code compares keys: readers
//! search their clone, writers search a clone and then apply a [`Path`] of positions,
//! without another comparison, to the very tree that they searched.
//!
//! ```text
//!            [ - | m | t ]          inner: (separator, child); the first is unused
//!           /      |      \
//!   [a c f]     [m p]    [t x z]    leaf: items in order; never empty but at the root
//! ```
//!
//! Every leaf has the same depth, so positions compare as their paths do. There is no
//! rebalancing: a node that becomes empty goes, others may stay small. Not a single line
//! here is unsafe: a comparator that is no total order gets nonsense, never worse.

use std::cmp::Ordering;
use std::sync::Arc;

use smallvec::SmallVec;

/// Items in a leaf and children of an inner node, at most. Tiny where tests want splits.
#[cfg(not(any(test, precedent_tiny, precedent_loom, fuzzing)))]
const FANOUT: usize = 32;
#[cfg(any(test, precedent_tiny, precedent_loom, fuzzing))]
const FANOUT: usize = 4;

/// Levels, at most: with nodes at least half full at each split, 2^32 items.
const DEPTH: usize = 33;

/// A persistent, ordered set of items; the order is whatever the caller compares by.
pub(crate) struct Tree<P> {
    /// None if it is empty, which costs nothing.
    root: Option<Arc<Node<P>>>,
    len: usize,
}

#[derive(Clone)]
pub(crate) enum Node<P> {
    /// One item, as most write sets have, costs no further allocation.
    Leaf(SmallVec<[P; 2]>),
    /// A child with a lower bound of its items; the first child's bound is never asked.
    Inner(Vec<(P, Arc<Node<P>>)>),
}

/// The position of an item: an index a level, the last one within the leaf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    steps: [u8; DEPTH],
    last: u8,
}

impl Path {
    const START: Self = Self { steps: [0; DEPTH], last: 0 };

    fn push(&mut self, step: usize) {
        self.steps[usize::from(self.last)] = step as u8;
        self.last += 1;
    }

    /// The index within the leaf.
    fn slot(&self) -> usize {
        usize::from(self.steps[usize::from(self.last) - 1])
    }

    fn with_slot(mut self, slot: usize) -> Self {
        self.steps[usize::from(self.last) - 1] = slot as u8;
        self
    }
}

impl<P> Clone for Tree<P> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<P> Default for Tree<P> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

impl<P> Tree<P> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether both are the same tree, not merely equal ones.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (mine, theirs) => mine.is_none() && theirs.is_none(),
        }
    }

    /// The position of the item that compares equal, or the one where it would go.
    /// O(log n) comparisons; `compare` tells how an item relates to what is sought.
    pub(crate) fn find(&self, mut compare: impl FnMut(&P) -> Ordering) -> Result<Path, Path> {
        let mut path = Path::START;
        let Some(mut node) = self.root.as_deref() else {
            path.push(0);
            return Err(path);
        };
        loop {
            match node {
                Node::Inner(children) => {
                    let above = children[1..]
                        .partition_point(|(bound, _)| compare(bound) != Ordering::Greater);
                    path.push(above);
                    node = &children[above].1;
                }
                Node::Leaf(items) => {
                    let found = items.binary_search_by(&mut compare);
                    path.push(match found {
                        Ok(slot) | Err(slot) => slot,
                    });
                    return if found.is_ok() { Ok(path) } else { Err(path) };
                }
            }
        }
    }

    /// The item that compares equal.
    pub(crate) fn get(&self, compare: impl FnMut(&P) -> Ordering) -> Option<&P> {
        let path = self.find(compare).ok()?;
        self.item(&path)
    }

    /// The item at a position.
    pub(crate) fn item(&self, path: &Path) -> Option<&P> {
        let Node::Leaf(items) = &**self.leaf(path)? else {
            return None;
        };
        items.get(path.slot())
    }

    /// The first item that is not below, where `below` holds for a prefix of the items.
    pub(crate) fn first_not(&self, below: impl FnMut(&P) -> bool) -> Option<Path> {
        let (path, len) = self.boundary(below);
        if path.slot() < len { Some(path) } else { self.next_leaf(&path) }
    }

    /// The last item of the prefix for which `within` holds.
    pub(crate) fn last_within(&self, within: impl FnMut(&P) -> bool) -> Option<Path> {
        let (path, _) = self.boundary(within);
        match path.slot() {
            0 => self.previous_leaf(&path),
            slot => Some(path.with_slot(slot - 1)),
        }
    }

    /// The last item, and the position after it.
    pub(crate) fn end(&self) -> (Option<&P>, Path) {
        let mut path = Path::START;
        let mut node = self.root.as_deref();
        loop {
            match node {
                Some(Node::Inner(children)) => {
                    path.push(children.len() - 1);
                    node = children.last().map(|(_, child)| &**child);
                }
                Some(Node::Leaf(items)) => {
                    path.push(items.len());
                    return (items.last(), path);
                }
                None => {
                    path.push(0);
                    return (None, path);
                }
            }
        }
    }

    /// As [`last_within`](Self::last_within), the item itself.
    pub(crate) fn floor(&self, mut within: impl FnMut(&P) -> bool) -> Option<&P> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Inner(children) => {
                    let above = children[1..].partition_point(|(bound, _)| within(bound));
                    node = &children[above].1;
                }
                Node::Leaf(items) => {
                    let Some(at) = items.partition_point(&mut within).checked_sub(1) else {
                        break;
                    };
                    return Some(&items[at]);
                }
            }
        }
        // A bound may be below all that is left of its items.
        self.item(&self.last_within(within)?)
    }

    /// Every item in order.
    pub(crate) fn for_each<'t>(&'t self, mut visit: impl FnMut(&'t P)) {
        fn walk<'t, P>(node: &'t Node<P>, visit: &mut impl FnMut(&'t P)) {
            match node {
                Node::Leaf(items) => items.iter().for_each(visit),
                Node::Inner(children) => children.iter().for_each(|(_, child)| walk(child, visit)),
            }
        }
        if let Some(root) = &self.root {
            walk(root, &mut visit);
        }
    }

    /// What the nodes take, in bytes: the items themselves, not what they own.
    pub(crate) fn bytes(&self) -> usize {
        fn walk<P>(node: &Node<P>) -> usize {
            let held = match node {
                Node::Leaf(items) if items.spilled() => items.capacity() * size_of::<P>(),
                Node::Leaf(_) => 0,
                Node::Inner(children) => {
                    let own = children.capacity() * size_of::<(P, Arc<Node<P>>)>();
                    own + children.iter().map(|(_, child)| walk(child)).sum::<usize>()
                }
            };
            held + shared_bytes::<Node<P>>()
        }
        self.root.as_deref().map_or(0, walk)
    }

    /// Where the prefix ends: a position in a leaf (maybe its end) and the leaf's length.
    fn boundary(&self, mut within: impl FnMut(&P) -> bool) -> (Path, usize) {
        let mut path = Path::START;
        let Some(mut node) = self.root.as_deref() else {
            path.push(0);
            return (path, 0);
        };
        loop {
            match node {
                Node::Inner(children) => {
                    let above = children[1..].partition_point(|(bound, _)| within(bound));
                    path.push(above);
                    node = &children[above].1;
                }
                Node::Leaf(items) => {
                    path.push(items.partition_point(&mut within));
                    return (path, items.len());
                }
            }
        }
    }

    fn leaf(&self, path: &Path) -> Option<&Arc<Node<P>>> {
        let mut node = self.root.as_ref()?;
        let mut level = 0;
        while let Node::Inner(children) = &**node {
            node = &children[usize::from(path.steps[level])].1;
            level += 1;
        }
        Some(node)
    }

    /// The first item of the leaf after this position's.
    fn next_leaf(&self, path: &Path) -> Option<Path> {
        self.neighbour(path, |step, len| (step + 1 < len).then_some(step + 1), |_| 0)
    }

    /// The last item of the leaf before this position's.
    fn previous_leaf(&self, path: &Path) -> Option<Path> {
        self.neighbour(path, |step, _| step.checked_sub(1), |len| len - 1)
    }

    /// Turns off at the lowest level where there is a sibling, then goes along its edge.
    fn neighbour(
        &self,
        path: &Path,
        sibling: impl Fn(usize, usize) -> Option<usize>,
        edge: impl Fn(usize) -> usize,
    ) -> Option<Path> {
        let mut turn = None;
        let mut node = self.root.as_deref()?;
        let mut level = 0;
        while let Node::Inner(children) = node {
            let step = usize::from(path.steps[level]);
            if let Some(step) = sibling(step, children.len()) {
                turn = Some((level, step));
            }
            node = &children[step].1;
            level += 1;
        }
        let (turn, step) = turn?;
        let mut found = Path::START;
        let mut node = self.root.as_deref()?;
        for level in 0..=usize::from(path.last) - 1 {
            let at = match level.cmp(&turn) {
                Ordering::Less => usize::from(path.steps[level]),
                Ordering::Equal => step,
                Ordering::Greater => edge(node.len()),
            };
            found.push(at);
            if let Node::Inner(children) = node {
                node = &children[at].1;
            }
        }
        Some(found)
    }
}

impl<P> Node<P> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Inner(children) => children.len(),
        }
    }
}

impl<P: Clone> Tree<P> {
    /// The tree of items that are in order already. O(n), no comparison.
    pub(crate) fn from_sorted(items: Vec<P>) -> Self {
        let len = items.len();
        let mut level: Vec<(P, Arc<Node<P>>)> = chunks(items)
            .map(|items| (items[0].clone(), Arc::new(Node::Leaf(items.into()))))
            .collect();
        while level.len() > 1 {
            level = chunks(level)
                .map(|children| (children[0].0.clone(), Arc::new(Node::Inner(children))))
                .collect();
        }
        level.pop().map_or_else(Self::default, |(_, root)| Self { root: Some(root), len })
    }

    /// Puts an item where [`find`](Self::find) on this very tree said that it would go.
    /// O(log n), no comparison; shared nodes on the path are copied.
    pub(crate) fn insert_at(&mut self, path: &Path, item: P) {
        self.len += 1;
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(SmallVec::from_iter([item]))));
            return;
        };
        if let Some((bound, right)) = insert(unshare(root), &path.steps, item) {
            // The first bound is never asked; any item will do.
            let left = std::mem::replace(root, Arc::new(Node::Leaf(SmallVec::new())));
            *root = Arc::new(Node::Inner(vec![(bound.clone(), left), (bound, right)]));
        }
    }

    /// Puts another item in the place of one; both must compare equal.
    pub(crate) fn replace_at(&mut self, path: &Path, item: P) -> P {
        let mut node = self.root_mut();
        let mut level = 0;
        loop {
            let step = usize::from(path.steps[level]);
            match node {
                Node::Inner(children) => node = unshare(&mut children[step].1),
                Node::Leaf(items) => return std::mem::replace(&mut items[step], item),
            }
            level += 1;
        }
    }

    /// Takes the item at a position out.
    pub(crate) fn remove_at(&mut self, path: &Path) -> P {
        self.len -= 1;
        let (item, mut empty) = remove(self.root_mut(), &path.steps);
        while !empty && let Node::Inner(children) = self.root_mut() {
            match children.len() {
                1 => {
                    let only = children.pop();
                    self.root = only.map(|(_, child)| child);
                    empty = self.root.is_none();
                }
                _ => break,
            }
        }
        if empty {
            self.root = None;
        }
        item
    }

    /// The root for this tree alone. Only where a path leads to an item.
    fn root_mut(&mut self) -> &mut Node<P> {
        unshare(self.root.get_or_insert_with(|| Arc::new(Node::Leaf(SmallVec::new()))))
    }
}

/// What an `Arc` allocates: the value and two counts.
pub(crate) const fn shared_bytes<T>() -> usize {
    size_of::<T>() + 2 * size_of::<usize>()
}

/// The node for this tree alone, copied first if another tree shares it.
fn unshare<P: Clone>(node: &mut Arc<Node<P>>) -> &mut Node<P> {
    Arc::make_mut(node)
}

/// Inserts below a node; a node that overflows hands its right half, with its bound, up.
fn insert<P: Clone>(node: &mut Node<P>, steps: &[u8], item: P) -> Option<(P, Arc<Node<P>>)> {
    let step = usize::from(steps[0]);
    match node {
        Node::Leaf(items) => {
            items.insert(step, item);
            let at = split_at(items.len(), step)?;
            let right: SmallVec<[P; 2]> = items.drain(at..).collect();
            Some((right[0].clone(), Arc::new(Node::Leaf(right))))
        }
        Node::Inner(children) => {
            let split_off = insert(unshare(&mut children[step].1), &steps[1..], item)?;
            children.insert(step + 1, split_off);
            let right = children.split_off(split_at(children.len(), step + 1)?);
            Some((right[0].0.clone(), Arc::new(Node::Inner(right))))
        }
    }
}

/// Entries in order, as many as there may be in a node at a time.
fn chunks<T>(entries: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rest = entries.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rest.by_ref().take(FANOUT).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Where an overfull node is halved; one that grows at its end keeps all but the last, so
/// that ascending keys leave full nodes behind.
fn split_at(len: usize, inserted: usize) -> Option<usize> {
    let appended = inserted + 1 == len;
    (len > FANOUT).then_some(if appended { len - 1 } else { len / 2 })
}

/// Removes below a node; tells whether the node is empty now.
fn remove<P: Clone>(node: &mut Node<P>, steps: &[u8]) -> (P, bool) {
    let step = usize::from(steps[0]);
    match node {
        Node::Leaf(items) => {
            let item = items.remove(step);
            (item, items.is_empty())
        }
        Node::Inner(children) => {
            let (item, empty) = remove(unshare(&mut children[step].1), &steps[1..]);
            if empty {
                children.remove(step);
            }
            (item, children.is_empty())
        }
    }
}

/// A span of a frozen tree that is walked from both ends.
pub(crate) struct Span<P> {
    tree: Tree<P>,
    ends: Option<(End<P>, End<P>)>,
}

/// One end of a span: the position of the next item, and its leaf.
struct End<P> {
    /// The leaf's position; the slot stands beside it.
    path: Path,
    slot: usize,
    leaf: Arc<Node<P>>,
}

impl<P> End<P> {
    fn new(tree: &Tree<P>, path: Path) -> Option<Self> {
        Some(Self { leaf: Arc::clone(tree.leaf(&path)?), slot: path.slot(), path })
    }

    fn items(&self) -> &[P] {
        match &*self.leaf {
            Node::Leaf(items) => items,
            Node::Inner(_) => &[],
        }
    }

    /// Whether both are at the same position of their tree.
    fn meets(&self, other: &Self) -> bool {
        self.slot == other.slot && Arc::ptr_eq(&self.leaf, &other.leaf)
    }
}

impl<P> Span<P> {
    /// The items from the first that is not `below` to the last that is `within`.
    pub(crate) fn new(
        tree: Tree<P>,
        below: impl FnMut(&P) -> bool,
        within: impl FnMut(&P) -> bool,
    ) -> Self {
        let ends = tree.first_not(below).zip(tree.last_within(within));
        let ends = ends.filter(|(front, back)| front <= back);
        let ends = ends.and_then(|(front, back)| End::new(&tree, front).zip(End::new(&tree, back)));
        Self { tree, ends }
    }

    /// The next item from the front.
    pub(crate) fn front(&self) -> Option<&P> {
        self.ends.as_ref().and_then(|(front, _)| front.items().get(front.slot))
    }

    /// The next item from the back.
    pub(crate) fn back(&self) -> Option<&P> {
        self.ends.as_ref().and_then(|(_, back)| back.items().get(back.slot))
    }

    /// Leaves the front item behind.
    pub(crate) fn advance(&mut self) {
        let Some((front, back)) = &mut self.ends else { return };
        if front.meets(back) {
            self.ends = None;
        } else if front.slot + 1 < front.items().len() {
            front.slot += 1;
        } else {
            match self.tree.next_leaf(&front.path).and_then(|path| End::new(&self.tree, path)) {
                Some(next) => *front = next,
                None => self.ends = None,
            }
        }
    }

    /// Leaves the back item behind.
    pub(crate) fn retreat(&mut self) {
        let Some((front, back)) = &mut self.ends else { return };
        if front.meets(back) {
            self.ends = None;
        } else if let Some(slot) = back.slot.checked_sub(1) {
            back.slot = slot;
        } else {
            match self.tree.previous_leaf(&back.path).and_then(|path| End::new(&self.tree, path)) {
                Some(next) => *back = next,
                None => self.ends = None,
            }
        }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests;
