//! Histories as text.
//!
//! | form | what it is |
//! | --- | --- |
//! | [`lines`] | JSON lines of this crate's own, which hold all that is known |
//! | [`elle`] | the two forms of Elle and `adya`: appends to lists, writes of registers |

mod elle;
mod elle_out;
mod lines;
mod lines_out;
mod parse;
