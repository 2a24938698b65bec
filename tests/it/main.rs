//! The one integration binary: each further one would link the AWS SDKs again.

mod crash;

mod guard;
mod harness;
mod layers;
mod pick;
mod postgres;
mod probes;
mod report;
mod validate;
mod verdict;
mod wire;
