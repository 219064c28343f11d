//! Whether a value comes back from a dump as it went in.
//!
//! The codec writes `None` and `()` as the same null, and `Some(x)` as x. So `Some(None)`
//! and `Some(())` would come back as `None`, silently. A value is driven through this
//! probe before it is written; it writes nothing and refuses those. It also refuses what
//! is nested more deeply than the codec reads.

use std::fmt;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// The codec reads 256 levels, and counts some that are not levels here.
const DEEPEST: u32 = 120;

/// Tells why a value would not come back.
pub(super) fn check<T: Serialize>(value: &T) -> Result<(), String> {
    value.serialize(Probe { depth: 0 }).map(drop).map_err(|refusal| refusal.0)
}

#[derive(Clone, Copy)]
struct Probe {
    depth: u32,
}

/// What a value is written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    Other,
}

#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl serde::ser::Error for Refusal {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

impl Probe {
    fn inside<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, Refusal> {
        if self.depth == DEEPEST {
            return Err(Refusal::custom("it is nested too deeply"));
        }
        value.serialize(Self { depth: self.depth + 1 })
    }

    fn part<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        self.inside(value).map(drop)
    }
}

/// Types that are written as they are.
macro_rules! plain {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, _: $type) -> Result<Shape, Refusal> { Ok(Shape::Other) })*
    };
}

impl Serializer for Probe {
    type Ok = Shape;
    type Error = Refusal;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_i128: i128, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64,
    }

    fn serialize_none(self) -> Result<Shape, Refusal> {
        Ok(Shape::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, Refusal> {
        match self.inside(value)? {
            Shape::Null => Err(Refusal::custom("Some(None) or Some(()) would come back as None")),
            Shape::Other => Ok(Shape::Other),
        }
    }

    fn serialize_unit(self) -> Result<Shape, Refusal> {
        Ok(Shape::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Shape, Refusal> {
        Ok(Shape::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<Shape, Refusal> {
        Ok(Shape::Other)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Shape, Refusal> {
        self.inside(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Shape, Refusal> {
        self.inside(value).map(|_| Shape::Other)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        // As the codec.
        false
    }
}

/// What is put together from parts, in whichever way.
macro_rules! compound {
    ($($trait:ident: $method:ident($($name:ty)?),)*) => {
        $(impl $trait for Probe {
            type Ok = Shape;
            type Error = Refusal;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), Refusal> {
                self.part(value)
            }

            fn end(self) -> Result<Shape, Refusal> {
                Ok(Shape::Other)
            }
        })*
    };
}

compound! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(&'static str),
    SerializeStructVariant: serialize_field(&'static str),
}

impl SerializeMap for Probe {
    type Ok = Shape;
    type Error = Refusal;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refusal> {
        self.part(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.part(value)
    }

    fn end(self) -> Result<Shape, Refusal> {
        Ok(Shape::Other)
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::check;

    #[test]
    fn what_the_codec_would_confuse_is_refused_and_nothing_else() {
        let fine: [Result<(), String>; 6] = [
            check(&()),
            check(&None::<Option<u8>>),
            check(&Some(Some(7_u8))),
            check(&vec![Some("text"), None]),
            check(&Some([(); 2])),
            check(&Some(Ok::<(), u8>(()))),
        ];
        assert_eq!(fine, [const { Ok(()) }; 6]);
        let lost = [
            check(&Some(None::<u8>)),
            check(&Some(())),
            check(&(1, vec![Some(Some(None::<u8>))])),
            check(&Ok::<_, u8>(Some(()))),
        ];
        assert!(lost.iter().all(Result::is_err), "{lost:?}");
    }
}
