//! The tree against a `BTreeSet`.

use std::collections::BTreeSet;

use crate::store::tree::{Span, Tree};

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
