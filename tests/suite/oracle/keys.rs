//! Keys, sets of keys, and values, as the oracle knows them.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A key: its place in an ordered universe of 64.
///
/// Places 0 to 25 are written `a` to `z`, places 32 to 57 `A` to `Z`. A driver that has two
/// tables may give each half of the universe to one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u8);

impl Key {
    /// The key at this place.
    pub fn new(place: u8) -> Self {
        assert!(place < 64, "the oracle's universe has 64 keys");
        Self(place)
    }

    /// The key with this letter.
    pub fn named(letter: char) -> Option<Self> {
        match letter {
            'a'..='z' => Some(Self(letter as u8 - b'a')),
            'A'..='Z' => Some(Self(letter as u8 - b'A' + 32)),
            _ => None,
        }
    }

    /// Its place in the universe.
    pub fn place(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..26 => write!(f, "{}", char::from(b'a' + self.0)),
            32..58 => write!(f, "{}", char::from(b'A' + self.0 - 32)),
            other => write!(f, "#{other}"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of keys.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys(u64);

impl Keys {
    /// No key.
    pub const NONE: Self = Self(0);
    /// Every key of the universe.
    pub const ALL: Self = Self(u64::MAX);

    /// This key alone.
    pub fn only(key: Key) -> Self {
        Self(1 << key.0)
    }

    /// Every key up to this one, itself included.
    pub fn up_to(key: Key) -> Self {
        Self(u64::MAX >> (63 - key.0))
    }

    /// Every key from this one on, itself included.
    pub fn from(key: Key) -> Self {
        Self(u64::MAX << key.0)
    }

    /// Whether the key is in the set.
    pub fn contains(self, key: Key) -> bool {
        self.0 >> key.0 & 1 == 1
    }

    /// Whether no key is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set without those keys.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The smallest key.
    pub fn first(self) -> Option<Key> {
        (self.0 != 0).then(|| Key(self.0.trailing_zeros() as u8))
    }

    /// The largest key.
    pub fn last(self) -> Option<Key> {
        (self.0 != 0).then(|| Key(63 - self.0.leading_zeros() as u8))
    }

    /// The keys in order.
    pub fn iter(self) -> impl Iterator<Item = Key> {
        let mut left = self;
        std::iter::from_fn(move || {
            let key = left.first()?;
            left = left.without(Self::only(key));
            Some(key)
        })
    }
}

impl BitAnd for Keys {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Keys {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Keys {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Not for Keys {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        keys.into_iter().fold(Self::NONE, |all, key| all | Self::only(key))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A value: no two writes of a history write the same one, so a value names its version.
///
/// Its class, 0 to 63, is what predicates look at.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(u64);

impl Value {
    /// The value with this number, of this class.
    pub fn new(number: u64, class: u8) -> Self {
        assert!(class < 64, "a value is of one of 64 classes");
        Self(number << 6 | u64::from(class))
    }

    /// The value that is stored as this word.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The word that stands for it in a database.
    pub fn word(self) -> u64 {
        self.0
    }

    /// Which write of the history wrote it, counted from zero.
    pub fn number(self) -> usize {
        (self.0 >> 6) as usize
    }

    /// What predicates look at.
    pub fn class(self) -> u8 {
        (self.0 & 63) as u8
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}:{}", self.number(), self.class())
    }
}

/// A predicate: the set of classes that it accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Classes(u64);

impl Classes {
    /// The predicate that accepts the classes with these bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit for each class.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether a row with this value belongs to it.
    pub fn accepts(self, value: Value) -> bool {
        self.0 >> value.class() & 1 == 1
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..64).filter(|class| self.0 >> class & 1 == 1)).finish()
    }
}
