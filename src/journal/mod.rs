//! What happened, and everything that follows from it.
//!
//! `event` is the vocabulary, `tagged` reads it; `record` is an event in its place, with its text; `chain` hashes each record over the one
//! before; `store` keeps records durably (SQLite); `state` folds events, and an event that cannot follow is an error; `ledger`, `verdict`, `measure`, `critical`, `spent` and
//! `recorded` are folds over the state. `lines` is a journal as text, one record a line; `reach` leads
//! commands for a person to what the run talked to. `private` opens files that are their owner's
//! alone: only it and `store` do I/O.

pub mod chain;
pub mod critical;
pub mod event;
pub mod ledger;
pub mod lines;
pub mod measure;
pub mod private;
pub mod reach;
pub mod record;
pub mod recorded;
pub mod spent;
pub mod state;
pub mod store;
pub mod sweep;
mod tagged;
pub mod verdict;
