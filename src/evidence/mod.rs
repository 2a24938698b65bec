//! Evidence: what a concluded run leaves, so that somebody who was not there can check it later. Pure.
//!
//! `manifest` lists a bundle's files and what the run was; `statement` puts that into in-toto's form, and `dsse` signs it
//! with a key of `key`. `bundle` makes the files from a journal. `verify` says what a bundle proves: `recompute` judges the
//! run again from the journal alone. `addendum` is what was found afterwards.
//!
//! Files are read and written by others: bytes come in, bytes go out.

pub mod addendum;
pub mod bundle;
pub mod dsse;
pub mod key;
pub mod manifest;
pub mod recompute;
pub mod statement;
pub mod verify;
