//! A persistent B+-tree: a clone is one reference count, a change copies one path.
//!
//! Both the index of a table (whose items are shared records) and the write set of a
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

/// Items in a leaf and children of an inner node, at most. Tiny where tests want splits.
#[cfg(not(any(test, precedent_tiny, precedent_loom, fuzzing)))]
const FANOUT: usize = 32;
#[cfg(any(test, precedent_tiny, precedent_loom, fuzzing))]
const FANOUT: usize = 4;

/// Levels, at most: with nodes at least half full at each split, 2^32 items.
const DEPTH: usize = 33;

/// A persistent, ordered set of items; the order is whatever the caller compares by.
pub(crate) struct Tree<P> {
    root: Arc<Node<P>>,
    len: usize,
}

#[derive(Clone)]
pub(crate) enum Node<P> {
    Leaf(Vec<P>),
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
        Self { root: Arc::clone(&self.root), len: self.len }
    }
}

impl<P> Default for Tree<P> {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
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
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The position of the item that compares equal, or the one where it would go.
    /// O(log n) comparisons; `compare` tells how an item relates to what is sought.
    pub(crate) fn find(&self, mut compare: impl FnMut(&P) -> Ordering) -> Result<Path, Path> {
        let mut path = Path::START;
        let mut node = &*self.root;
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
        let Node::Leaf(items) = &**self.leaf(path) else {
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

    /// Every item in order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&P)) {
        fn walk<P>(node: &Node<P>, visit: &mut impl FnMut(&P)) {
            match node {
                Node::Leaf(items) => items.iter().for_each(visit),
                Node::Inner(children) => children.iter().for_each(|(_, child)| walk(child, visit)),
            }
        }
        walk(&self.root, &mut visit);
    }

    /// What the nodes take, in bytes: the items themselves, not what they own.
    pub(crate) fn bytes(&self) -> usize {
        fn walk<P>(node: &Node<P>) -> usize {
            let held = match node {
                Node::Leaf(items) => items.capacity() * size_of::<P>(),
                Node::Inner(children) => {
                    let own = children.capacity() * size_of::<(P, Arc<Node<P>>)>();
                    own + children.iter().map(|(_, child)| walk(child)).sum::<usize>()
                }
            };
            held + shared_bytes::<Node<P>>()
        }
        walk(&self.root)
    }

    /// Where the prefix ends: a position in a leaf (maybe its end) and the leaf's length.
    fn boundary(&self, mut within: impl FnMut(&P) -> bool) -> (Path, usize) {
        let mut path = Path::START;
        let mut node = &*self.root;
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

    fn leaf(&self, path: &Path) -> &Arc<Node<P>> {
        let mut node = &self.root;
        let mut level = 0;
        while let Node::Inner(children) = &**node {
            node = &children[usize::from(path.steps[level])].1;
            level += 1;
        }
        node
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
        let mut node = &*self.root;
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
        let mut node = &*self.root;
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
        let mut level: Vec<(P, Arc<Node<P>>)> =
            chunks(items).map(|items| (items[0].clone(), Arc::new(Node::Leaf(items)))).collect();
        while level.len() > 1 {
            level = chunks(level)
                .map(|children| (children[0].0.clone(), Arc::new(Node::Inner(children))))
                .collect();
        }
        level.pop().map_or_else(Self::default, |(_, root)| Self { root, len })
    }

    /// Puts an item where [`find`](Self::find) on this very tree said that it would go.
    /// O(log n), no comparison; shared nodes on the path are copied.
    pub(crate) fn insert_at(&mut self, path: &Path, item: P) {
        self.len += 1;
        if let Some((bound, right)) = insert(unshare(&mut self.root), &path.steps, item) {
            // The first bound is never asked; any item will do.
            let left = std::mem::replace(&mut self.root, Arc::new(Node::Leaf(Vec::new())));
            self.root = Arc::new(Node::Inner(vec![(bound.clone(), left), (bound, right)]));
        }
    }

    /// Puts another item in the place of one; both must compare equal.
    pub(crate) fn replace_at(&mut self, path: &Path, item: P) -> P {
        let mut node = unshare(&mut self.root);
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
        let (item, _) = remove(unshare(&mut self.root), &path.steps);
        while let Node::Inner(children) = &mut *unshare(&mut self.root) {
            match children.len() {
                0 => self.root = Arc::new(Node::Leaf(Vec::new())),
                1 => {
                    if let Some((_, child)) = children.pop() {
                        self.root = child;
                    }
                }
                _ => break,
            }
        }
        item
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
            let right = split(items, step)?;
            Some((right[0].clone(), Arc::new(Node::Leaf(right))))
        }
        Node::Inner(children) => {
            let split_off = insert(unshare(&mut children[step].1), &steps[1..], item)?;
            children.insert(step + 1, split_off);
            let right = split(children, step + 1)?;
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

/// Halves an overfull node; one that grows at its end keeps all but the last, so that
/// ascending keys leave full nodes behind.
fn split<T>(entries: &mut Vec<T>, inserted: usize) -> Option<Vec<T>> {
    if entries.len() <= FANOUT {
        return None;
    }
    let appended = inserted + 1 == entries.len();
    let at = if appended { entries.len() - 1 } else { entries.len() / 2 };
    let mut right = Vec::with_capacity(FANOUT + 1);
    right.extend(entries.drain(at..));
    Some(right)
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
    fn new(tree: &Tree<P>, path: Path) -> Self {
        Self { leaf: Arc::clone(tree.leaf(&path)), slot: path.slot(), path }
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
        let ends = ends.map(|(front, back)| (End::new(&tree, front), End::new(&tree, back)));
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
            match self.tree.next_leaf(&front.path) {
                Some(path) => *front = End::new(&self.tree, path),
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
            match self.tree.previous_leaf(&back.path) {
                Some(path) => *back = End::new(&self.tree, path),
                None => self.ends = None,
            }
        }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::{Span, Tree};

    /// A generator good enough to shuffle with.
    fn random(seed: &mut u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    }

    fn one_in(n: u64, seed: &mut u64) -> bool {
        random(seed).is_multiple_of(n)
    }

    fn toggle(tree: &mut Tree<u64>, key: u64) {
        match tree.find(|item| item.cmp(&key)) {
            Ok(path) => assert_eq!(tree.remove_at(&path), key),
            Err(path) => tree.insert_at(&path, key),
        }
    }

    fn items(tree: &Tree<u64>) -> Vec<u64> {
        let mut items = Vec::new();
        tree.for_each(|item| items.push(*item));
        items
    }

    #[test]
    fn it_holds_what_a_b_tree_set_holds_and_clones_stay_as_they_were() {
        let (mut tree, mut model, mut seed) = (Tree::default(), BTreeSet::new(), 1);
        let mut frozen = Vec::new();
        for step in 0..4_000 {
            // Grows at first, shrinks at the end.
            let key = random(&mut seed) % 300;
            let grow = step < 2_000;
            if model.contains(&key) != grow || one_in(4, &mut seed) {
                toggle(&mut tree, key);
                if !model.remove(&key) {
                    model.insert(key);
                }
            }
            if step % 500 == 0 {
                frozen.push((tree.clone(), model.clone()));
            }
            assert_eq!(tree.len(), model.len());
            assert_eq!(tree.get(|item| item.cmp(&key)).copied(), model.get(&key).copied());
        }
        frozen.push((tree, model));
        for (tree, model) in frozen {
            assert_eq!(items(&tree), model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_tree_of_sorted_items_is_like_one_that_they_were_put_into() {
        let mut seed = 5;
        for len in 0..150 {
            let mut model: BTreeSet<u64> = (0..len).map(|item| item * 3).collect();
            let mut tree = Tree::from_sorted(model.iter().copied().collect());
            assert_eq!((tree.len(), tree.is_empty()), (model.len(), model.is_empty()));
            let span = Span::new(tree.clone(), |item| *item < 9, |item| *item <= 60);
            assert_eq!(span.front(), model.range(9..=60).next());
            assert_eq!(span.back(), model.range(9..=60).next_back());
            for step in 0..3 * len + 10 {
                let key = random(&mut seed) % (3 * len + 10);
                let shrinking = step > 2 * len;
                if model.contains(&key) == shrinking || one_in(3, &mut seed) {
                    toggle(&mut tree, key);
                    if !model.remove(&key) {
                        model.insert(key);
                    }
                }
                assert_eq!(tree.get(|item| item.cmp(&key)).copied(), model.get(&key).copied());
            }
            assert_eq!(items(&tree), model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_span_meets_in_the_middle_whatever_end_it_is_driven_from() {
        let (mut tree, mut seed) = (Tree::default(), 7);
        (0..200).filter(|key| key % 3 != 0).for_each(|key| toggle(&mut tree, key));
        for _ in 0..500 {
            let (low, high) = (random(&mut seed) % 210, random(&mut seed) % 210);
            let mut span = Span::new(tree.clone(), |item| *item < low, |item| *item <= high);
            let expected: Vec<u64> =
                items(&tree).into_iter().filter(|item| (low..=high).contains(item)).collect();
            let (mut front, mut back) = (Vec::new(), Vec::new());
            while let Some(&item) = span.front() {
                if one_in(2, &mut seed) {
                    front.push(item);
                    span.advance();
                } else {
                    back.extend(span.back().copied());
                    span.retreat();
                }
            }
            front.extend(back.into_iter().rev());
            assert_eq!(front, expected, "{low}..={high}");
        }
    }

    #[test]
    fn a_comparator_without_order_gets_nonsense_and_nothing_worse() {
        let (mut tree, mut seed) = (Tree::default(), 3);
        for key in 0..500 {
            let path = tree.find(|_| random(&mut seed).cmp(&(1 << 30)));
            match path {
                Ok(path) if one_in(2, &mut seed) => {
                    tree.remove_at(&path);
                }
                Ok(path) | Err(path) => tree.insert_at(&path, key),
            }
            let mut other = seed ^ 99;
            let mut span =
                Span::new(tree.clone(), |_| one_in(2, &mut seed), |_| one_in(2, &mut other));
            // Ends: each step leaves an item behind.
            while span.front().is_some() {
                span.advance();
            }
        }
        assert_eq!(items(&tree).len(), tree.len());
    }
}
