//! The tree against a `BTreeSet`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::store::tree::{FANOUT, Node, Span, Tree};

/// A generator good enough to shuffle with.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
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
        let mut span = Span::new(tree.clone(), |_| one_in(2, &mut seed), |_| one_in(2, &mut other));
        // Ends: each step leaves an item behind.
        while span.front().is_some() {
            span.advance();
        }
    }
    assert_eq!(items(&tree).len(), tree.len());
}

/// The nodes, by level from the root on.
fn levels<P>(tree: &Tree<P>) -> Vec<Vec<&Node<P>>> {
    let mut levels = Vec::new();
    let mut level: Vec<&Node<P>> = tree.root.as_deref().into_iter().collect();
    while !level.is_empty() {
        let below = level.iter().flat_map(|node| match node {
            Node::Inner(children) => children.iter().map(|(_, child)| &**child).collect(),
            Node::Leaf(_) => Vec::new(),
        });
        let below = below.collect();
        levels.push(std::mem::replace(&mut level, below));
    }
    levels
}

fn len<P>(node: &Node<P>) -> usize {
    match node {
        Node::Leaf(items) => items.len(),
        Node::Inner(children) => children.len(),
    }
}

fn ascending(count: u64) -> Tree<u64> {
    let mut tree = Tree::default();
    for item in 0..count {
        let (_, end) = tree.end();
        tree.insert_at(&end, item);
    }
    tree
}

#[test]
fn what_comes_in_its_order_leaves_full_nodes_behind() {
    let tree = ascending(FANOUT.pow(4) as u64);
    for level in levels(&tree) {
        let (_, full) = level.split_last().expect("a level has a node");
        assert!(full.iter().all(|node| len(node) == FANOUT));
    }
    assert_eq!(levels(&tree).last().map(Vec::len), Some(FANOUT.pow(3)));
}

#[test]
fn a_tree_that_has_become_small_is_low() {
    let mut tree = ascending(FANOUT.pow(3) as u64);
    for item in 1..FANOUT.pow(3) as u64 {
        toggle(&mut tree, item);
    }
    assert_eq!(items(&tree), [0]);
    assert_eq!(levels(&tree).len(), 1);
}

#[test]
fn the_same_tree_is_told_from_an_equal_one() {
    let (one, equal, empty) = (ascending(3), ascending(3), Tree::<u64>::default());
    assert!(one.same(&one.clone()) && empty.same(&Tree::default()));
    assert!(!one.same(&equal) && !one.same(&empty) && !empty.same(&one));
}

#[test]
fn the_bytes_are_those_of_every_node_and_of_what_it_has_room_for() {
    let shared = size_of::<Node<u64>>() + 2 * size_of::<usize>();
    assert_eq!([0, 1, 2].map(|count| ascending(count).bytes()), [0, shared, shared]);
    for count in [3, 10, 500] {
        let tree = ascending(count);
        let mut expected = 0;
        for node in levels(&tree).concat() {
            expected += shared;
            expected += match node {
                Node::Leaf(items) if items.len() <= 2 && !items.spilled() => 0,
                Node::Leaf(items) => items.capacity() * 8,
                Node::Inner(children) => children.capacity() * size_of::<(u64, Arc<u64>)>(),
            };
        }
        assert_eq!(tree.bytes(), expected);
    }
}
