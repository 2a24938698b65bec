//! The one integration binary: each further one would link the AWS SDKs again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod clients;
mod command_line;
mod crash;
mod docs;
mod drills;
mod fault;
mod guard;
mod harness;
mod kill;
mod layers;
mod pick;
mod postgres;
mod probes;
mod report;
mod select;
mod shell;
mod together;
mod types;
mod validate;
mod verdict;
mod wire;
