//! Why a dump was not written, or not loaded.

use std::fmt;
use std::io;

use crate::error::Error;

/// Why a dump could not be written or loaded. A load that fails has loaded nothing.
///
/// ```
/// use precedent::{DumpError, Load};
/// let error = Load::read_from(&b"a picture of a cat"[..]).unwrap_err();
/// assert!(matches!(error, DumpError::NotADump));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DumpError {
    /// The stream could not be written or read.
    Io(io::Error),
    /// The database refused the load. Nothing was loaded.
    Database(Error),
    /// It does not begin as a dump does.
    NotADump,
    /// A dump in a format that this version of the crate does not know.
    UnknownFormat {
        /// The format's number.
        found: u32,
        /// The one that is known.
        known: u32,
    },
    /// The dump ends in the middle. It was cut off when it was written or copied: use
    /// another copy.
    Truncated {
        /// How many bytes there were.
        bytes: u64,
    },
    /// Something in the dump was changed after it was written: use another copy.
    Damaged {
        /// Where the block begins that does not match its checksum or its place.
        offset: u64,
    },
    /// Something follows the end of the dump.
    TrailingBytes {
        /// Where the dump ends.
        offset: u64,
    },
    /// A table was named twice.
    TableTwice {
        /// The table.
        table: String,
    },
    /// A table that was asked for is not in the dump.
    TableMissing {
        /// The table.
        table: String,
    },
    /// The dump holds tables that nobody asked for. Name them too.
    TablesLeftOver {
        /// The tables.
        tables: Vec<String>,
    },
    /// A table that was to be loaded has rows already.
    TableNotEmpty {
        /// The table.
        table: String,
    },
    /// A row could not be written: its type refuses, or reading it back would give
    /// something else.
    Encode {
        /// The table.
        table: String,
        /// The row's number, from 0.
        row: u64,
        /// Why.
        reason: String,
    },
    /// A row is not of the types of the table. Load it with the types that it was dumped
    /// with, or with ones that read the same data.
    Decode {
        /// The table.
        table: String,
        /// The row's number, from 0.
        row: u64,
        /// The types of key and value that were dumped.
        dumped_as: String,
        /// The types that were asked for.
        asked_for: String,
        /// Why it could not be read.
        reason: String,
    },
    /// Two rows have keys that are equal in the type that was asked for.
    DuplicateKey {
        /// The table.
        table: String,
        /// The key, as `Debug` prints it.
        key: String,
    },
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the stream of the dump failed: {error}"),
            Self::Database(error) => write!(f, "the database refused the load: {error}"),
            Self::NotADump => f.write_str("this is not a dump"),
            Self::UnknownFormat { found, known } => {
                write!(f, "the dump has format {found}; only format {known} is known")
            }
            Self::Truncated { bytes } => {
                write!(f, "the dump is incomplete: it ends after {bytes} bytes")
            }
            Self::Damaged { offset } => {
                write!(f, "the dump is damaged in the block at byte {offset}")
            }
            Self::TrailingBytes { offset } => {
                write!(f, "the dump ends at byte {offset}, but more bytes follow")
            }
            Self::TableTwice { table } => write!(f, "table {table:?} was named twice"),
            Self::TableMissing { table } => write!(f, "table {table:?} is not in the dump"),
            Self::TablesLeftOver { tables } => {
                write!(f, "nobody asked for these tables of the dump: {tables:?}")
            }
            Self::TableNotEmpty { table } => write!(f, "table {table:?} is not empty"),
            Self::Encode { table, row, reason } => {
                write!(f, "row {row} of table {table:?} cannot be dumped: {reason}")
            }
            Self::Decode { table, row, dumped_as, asked_for, reason } => write!(
                f,
                "row {row} of table {table:?}, dumped as {dumped_as}, is no {asked_for}: {reason}"
            ),
            Self::DuplicateKey { table, key } => {
                write!(f, "table {table:?} would hold the key {key} twice")
            }
        }
    }
}

impl std::error::Error for DumpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for DumpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for DumpError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}
