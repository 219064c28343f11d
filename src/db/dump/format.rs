//! The format of a dump: a magic number, then blocks with checksums.
//!
//! `docs/dump-format.md` describes it. Nothing here knows rows or tables.

use std::io::{self, Read, Write};

use crc32fast::Hasher;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::dump::error::DumpError;

/// What every dump begins with.
const MAGIC: [u8; 8] = *b"precdump";
/// The one format that there is so far.
const FORMAT: u32 = 1;
/// A block's kind and length.
const HEADER: usize = 9;

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Once, first.
    Head = 1,
    /// A table begins.
    Table = 2,
    /// Some of its rows.
    Rows = 3,
    /// It ends.
    TableEnd = 4,
    /// The dump ends.
    End = 5,
}

/// Of the whole dump: timestamp, whether it is safe, number of tables.
pub(super) type Head = (u64, bool, u64);
/// Of a table: its name, the types of key and value.
pub(super) type TableHead = (String, String, String);
/// Of a table's end: number of rows.
pub(super) type TableEnd = u64;
/// Of the dump's end: number of bytes before this block.
type End = u64;

/// The checksum of a block. It covers that of the block before, so that the last one
/// covers them all. (A checksum over blocks that end with their own would not: what it
/// makes of such a block depends on nothing but its length.)
fn checksum(before: u32, header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&before.to_le_bytes());
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// What stands for the checksum before the first block.
fn first_checksum() -> u32 {
    checksum(0, &MAGIC, &FORMAT.to_le_bytes())
}

pub(super) struct Writer<'w> {
    out: &'w mut dyn Write,
    /// Of the last block.
    checksum: u32,
    bytes: u64,
}

impl<'w> Writer<'w> {
    pub(super) fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        let mut writer = Self { out, checksum: first_checksum(), bytes: 0 };
        writer.put(&MAGIC)?;
        writer.put(&FORMAT.to_le_bytes())?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    pub(super) fn block(&mut self, kind: Kind, body: &[u8]) -> io::Result<()> {
        let mut header = [kind as u8; HEADER];
        header[1..].copy_from_slice(&(body.len() as u64).to_le_bytes());
        self.checksum = checksum(self.checksum, &header, body);
        self.put(&header)?;
        self.put(body)?;
        self.put(&self.checksum.to_le_bytes())
    }

    /// A block that holds one value of the format's own.
    pub(super) fn value(&mut self, kind: Kind, value: &impl Serialize) -> Result<(), DumpError> {
        let mut body = Vec::new();
        encode(value, &mut body).map_err(io::Error::other)?;
        Ok(self.block(kind, &body)?)
    }

    /// The last block.
    pub(super) fn end(mut self) -> Result<u64, DumpError> {
        let end: End = self.bytes;
        self.value(Kind::End, &end)?;
        self.out.flush()?;
        Ok(self.bytes)
    }
}

pub(super) struct Reader<'r> {
    input: &'r mut dyn Read,
    /// Of the last block.
    checksum: u32,
    bytes: u64,
}

/// A block whose checksum is right.
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    /// Where it began.
    pub(super) offset: u64,
}

impl<'r> Reader<'r> {
    pub(super) fn new(input: &'r mut dyn Read) -> Result<Self, DumpError> {
        let mut reader = Self { input, checksum: first_checksum(), bytes: 0 };
        let begin = reader.up_to(MAGIC.len() as u64)?;
        if !MAGIC.starts_with(&begin) {
            return Err(DumpError::NotADump);
        }
        if begin.len() < MAGIC.len() {
            return Err(reader.truncated());
        }
        let found = u32::from_le_bytes(reader.array()?);
        if found != FORMAT {
            return Err(DumpError::UnknownFormat { found, known: FORMAT });
        }
        Ok(reader)
    }

    fn truncated(&self) -> DumpError {
        DumpError::Truncated { bytes: self.bytes }
    }

    /// That many bytes, or what is left. Never makes room for more than there is.
    fn up_to(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Read::take(&mut *self.input, count).read_to_end(&mut bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes)
    }

    fn exactly(&mut self, count: u64) -> Result<Vec<u8>, DumpError> {
        let bytes = self.up_to(count)?;
        if bytes.len() as u64 == count { Ok(bytes) } else { Err(self.truncated()) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DumpError> {
        let bytes = self.exactly(N as u64)?;
        bytes.try_into().map_err(|_| self.truncated())
    }

    pub(super) fn block(&mut self) -> Result<Block, DumpError> {
        let offset = self.bytes;
        let header: [u8; HEADER] = self.array()?;
        let mut length = [0; 8];
        length.copy_from_slice(&header[1..]);
        let body = self.exactly(u64::from_le_bytes(length))?;
        let stated = u32::from_le_bytes(self.array()?);
        self.checksum = checksum(self.checksum, &header, &body);
        match kind(header[0]) {
            Some(kind) if stated == self.checksum => Ok(Block { kind, body, offset }),
            _ => Err(DumpError::Damaged { offset }),
        }
    }

    /// Checks the last block, and that nothing follows it.
    pub(super) fn end(&mut self, block: &Block) -> Result<(), DumpError> {
        let stated: End = block.value()?;
        if stated != block.offset {
            return Err(DumpError::Damaged { offset: block.offset });
        }
        let offset = self.bytes;
        let rest = self.up_to(1)?;
        if rest.is_empty() { Ok(()) } else { Err(DumpError::TrailingBytes { offset }) }
    }
}

fn kind(byte: u8) -> Option<Kind> {
    let kinds = [Kind::Head, Kind::Table, Kind::Rows, Kind::TableEnd, Kind::End];
    kinds.into_iter().find(|kind| *kind as u8 == byte)
}

impl Block {
    /// The one value of the format's own that it holds.
    pub(super) fn value<T: DeserializeOwned>(&self) -> Result<T, DumpError> {
        let mut body = &self.body[..];
        let value = decode(&mut body).ok().filter(|_| body.is_empty());
        value.ok_or(DumpError::Damaged { offset: self.offset })
    }
}

/// Appends a value.
pub(super) fn encode<T: Serialize>(value: &T, to: &mut Vec<u8>) -> Result<(), String> {
    ciborium::into_writer(value, to).map_err(|error| match error {
        ciborium::ser::Error::Value(reason) => reason,
        ciborium::ser::Error::Io(error) => error.to_string(),
    })
}

/// Takes a value off the front.
pub(super) fn decode<T: DeserializeOwned>(from: &mut &[u8]) -> Result<T, String> {
    use ciborium::de::Error;
    ciborium::from_reader(from).map_err(|error| match error {
        Error::Semantic(_, reason) => reason,
        Error::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
        Error::Io(_) | Error::Syntax(_) => "it does not end where the type does".to_owned(),
    })
}
