//! What keys and values may be: Rust types for the engines that take them, bytes for those
//! that do not. Workloads speak of both as numbers.

use std::fmt::Debug;
use std::sync::Arc;

use txn_core::CheapClone;

/// Below this all numbers of keys lie; the table goes above it where there are no tables.
pub const KEY_BITS: u32 = 56;
const MASK: u64 = (1 << KEY_BITS) - 1;
/// Bits for the second part of a pair in its number.
const SECOND_BITS: u32 = 40;

/// A key, in one to one relation to a number below 2^56.
pub trait Key: Ord + Clone + CheapClone + Debug + Send + Sync + 'static {
    /// The order of these is that of the keys.
    type Bytes: AsRef<[u8]>;
    /// How `redb` is told of the bytes: of fixed width, if they are.
    type Redb: redb::Key + 'static;

    /// The same key, apart from those of other tables, for engines with only one. Table 0
    /// is the key itself.
    fn in_table(self, table: u8) -> Self;
    /// No key is smaller.
    fn first() -> Self;
    /// No key of the table is greater.
    fn last_in_table(table: u8) -> Self;
    fn bytes(&self) -> Self::Bytes;
    /// The number, without the table.
    fn number(&self) -> u64;
    fn number_of_bytes(bytes: &[u8]) -> u64;
    fn redb(bytes: &Self::Bytes) -> <Self::Redb as redb::Value>::SelfType<'_>;
}

/// Keys that are made from one number.
pub trait Single: Key {
    fn of(number: u64) -> Self;
}

/// A value that stands for an amount.
pub trait Value: Clone + Send + Sync + 'static {
    type Bytes: AsRef<[u8]>;
    type Redb: redb::Value + 'static;

    fn hold(amount: u64) -> Self;
    /// Looks at every byte.
    fn amount(&self) -> u64;
    fn bytes_of(amount: u64) -> Self::Bytes;
    fn amount_of_bytes(bytes: &[u8]) -> u64;
    fn redb(bytes: &Self::Bytes) -> <Self::Redb as redb::Value>::SelfType<'_>;
}

impl Key for u64 {
    type Bytes = [u8; 8];
    type Redb = &'static [u8; 8];

    fn in_table(self, table: u8) -> Self {
        self | (u64::from(table) << KEY_BITS)
    }

    fn first() -> Self {
        0
    }

    fn last_in_table(table: u8) -> Self {
        MASK.in_table(table)
    }

    fn bytes(&self) -> [u8; 8] {
        self.to_be_bytes()
    }

    fn number(&self) -> u64 {
        self & MASK
    }

    fn number_of_bytes(bytes: &[u8]) -> u64 {
        big_endian(bytes).number()
    }

    fn redb(bytes: &[u8; 8]) -> &[u8; 8] {
        bytes
    }
}

impl Single for u64 {
    fn of(number: u64) -> Self {
        number
    }
}

/// Two numbers, below 2^16 and 2^40.
impl Key for (u64, u64) {
    type Bytes = [u8; 16];
    type Redb = &'static [u8; 16];

    fn in_table(self, table: u8) -> Self {
        (self.0.in_table(table), self.1)
    }

    fn first() -> Self {
        (0, 0)
    }

    fn last_in_table(table: u8) -> Self {
        (u64::last_in_table(table), u64::MAX)
    }

    fn bytes(&self) -> [u8; 16] {
        ((u128::from(self.0) << 64) | u128::from(self.1)).to_be_bytes()
    }

    fn number(&self) -> u64 {
        ((self.0 << SECOND_BITS) | self.1) & MASK
    }

    fn number_of_bytes(bytes: &[u8]) -> u64 {
        let (first, second) = bytes.split_at(8);
        (big_endian(first), big_endian(second)).number()
    }

    fn redb(bytes: &[u8; 16]) -> &[u8; 16] {
        bytes
    }
}

/// A string of 20 characters, as names and addresses are: alike in the beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

const PREFIX: &str = "user:";

impl CheapClone for Text {}

impl Key for Text {
    type Bytes = Vec<u8>;
    type Redb = &'static [u8];

    fn in_table(self, table: u8) -> Self {
        assert_eq!(table, 0, "strings are used in one table only");
        self
    }

    fn first() -> Self {
        Self(PREFIX.to_owned())
    }

    fn last_in_table(_: u8) -> Self {
        // After every digit.
        Self(format!("{PREFIX}~"))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn number(&self) -> u64 {
        Self::number_of_bytes(self.0.as_bytes())
    }

    fn number_of_bytes(bytes: &[u8]) -> u64 {
        bytes[PREFIX.len()..].iter().fold(0, |sum, digit| {
            (sum << 4) | u64::from((digit & 0x0F) + if *digit > b'9' { 9 } else { 0 })
        })
    }

    fn redb(bytes: &Vec<u8>) -> &[u8] {
        bytes
    }
}

impl Single for Text {
    fn of(number: u64) -> Self {
        Self(format!("{PREFIX}{number:015x}"))
    }
}

impl Value for u64 {
    type Bytes = [u8; 8];
    type Redb = &'static [u8; 8];

    fn hold(amount: u64) -> Self {
        amount
    }

    fn amount(&self) -> u64 {
        *self
    }

    fn bytes_of(amount: u64) -> [u8; 8] {
        amount.to_le_bytes()
    }

    fn amount_of_bytes(bytes: &[u8]) -> u64 {
        u64::from_le_bytes(bytes.try_into().expect("every value has eight bytes"))
    }

    fn redb(bytes: &[u8; 8]) -> &[u8; 8] {
        bytes
    }
}

const WORDS: usize = 128;

/// 1 KiB, whose exclusive or is the number it stands for. Shared, as a program would do
/// that keeps such values in a persistent map.
#[derive(Clone)]
pub struct Kibibyte(Arc<[u64; WORDS]>);

fn words(number: u64) -> [u64; WORDS] {
    let mut words = std::array::from_fn(|place| number.rotate_left(place as u32) ^ place as u64);
    words[0] = 0;
    words[0] = words.iter().fold(number, |sum, word| sum ^ word);
    words
}

impl Value for Kibibyte {
    type Bytes = [u8; WORDS * 8];
    type Redb = &'static [u8; WORDS * 8];

    fn hold(amount: u64) -> Self {
        Self(Arc::new(words(amount)))
    }

    fn amount(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum ^ word)
    }

    fn bytes_of(amount: u64) -> Self::Bytes {
        let mut bytes = [0; WORDS * 8];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words(amount)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn amount_of_bytes(bytes: &[u8]) -> u64 {
        bytes.chunks_exact(8).fold(0, |sum, word| sum ^ u64::amount_of_bytes(word))
    }

    fn redb(bytes: &Self::Bytes) -> &Self::Bytes {
        bytes
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("every part of a key has eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::{Key, Kibibyte, Single, Text, Value};

    const NUMBERS: [u64; 5] = [0, 1, 0xABC, (1 << 56) - 1, 0x0012_3456_789A_BCDE];

    fn keys_are_numbers<K: Single>() {
        for number in NUMBERS {
            let key = K::of(number);
            assert_eq!(key.number(), number);
            assert_eq!(K::number_of_bytes(key.bytes().as_ref()), number);
            assert!(key <= K::last_in_table(0));
        }
    }

    #[test]
    fn a_key_made_from_a_number_gives_it_back() {
        keys_are_numbers::<u64>();
        keys_are_numbers::<Text>();
    }

    #[test]
    fn a_pair_gives_its_number_from_any_table() {
        let key = (77_u64, (3_u64 << 32) | 5);
        let elsewhere = key.in_table(6);
        assert_eq!(elsewhere.number(), key.number());
        assert_eq!(<(u64, u64)>::number_of_bytes(&elsewhere.bytes()), key.number());
        assert!(elsewhere < <(u64, u64)>::last_in_table(6));
        assert!(elsewhere > <(u64, u64)>::last_in_table(5));
    }

    #[test]
    fn the_bytes_of_keys_sort_as_the_keys() {
        let mut numbers = NUMBERS;
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by_key(Key::bytes));
        assert!(numbers.is_sorted_by_key(|one| Text::of(*one).bytes()));
        assert!(numbers.is_sorted_by_key(|one| (3, one >> 20).bytes()));
    }

    #[test]
    fn a_kibibyte_stands_for_its_number() {
        for number in NUMBERS {
            assert_eq!(Kibibyte::hold(number).amount(), number);
            assert_eq!(Kibibyte::amount_of_bytes(&Kibibyte::bytes_of(number)), number);
        }
    }
}
