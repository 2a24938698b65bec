//! The edge: everything that speaks to AWS, behind the traits of [`crate::cloud`].
//!
//! Invariant: no type of the SDK leaves this folder, and no text of AWS leaves it untamed. A call here takes one look
//! or makes one request; order, deadlines, pace, retries and the ledger belong to the engine. `cli` builds a session
//! here and hands the traits on; the pure stages see no more than [`resource::facts`], through the type
//! [`crate::cloud::resource::Types`].
//!
//! Everything that needs the SDK is behind the feature `aws`. The facts of resource types and the lists of permissions
//! are always there.

pub mod permissions;
pub mod resource;

#[cfg(feature = "aws")]
pub mod archive;
#[cfg(feature = "aws")]
pub mod buckets;
#[cfg(feature = "aws")]
mod callers;
#[cfg(feature = "aws")]
pub mod elsewhere;
#[cfg(feature = "aws")]
pub mod error;
#[cfg(feature = "aws")]
pub mod exchange;
#[cfg(feature = "aws")]
pub mod ground;
#[cfg(feature = "aws")]
pub mod handle;
#[cfg(feature = "aws")]
pub mod instances;
#[cfg(feature = "aws")]
pub mod limit;
#[cfg(feature = "aws")]
pub mod metrics;
#[cfg(feature = "aws")]
mod nulls;
#[cfg(feature = "aws")]
mod paging;
#[cfg(feature = "aws")]
pub mod remote;
#[cfg(feature = "aws")]
mod scope;
#[cfg(feature = "aws")]
pub mod secrets;
#[cfg(feature = "aws")]
pub mod session;
#[cfg(feature = "aws")]
pub mod signature;
#[cfg(feature = "aws")]
pub mod surroundings;
#[cfg(feature = "aws")]
pub mod tables;
#[cfg(feature = "aws")]
mod time;
#[cfg(feature = "aws")]
pub mod tunnel;
#[cfg(feature = "aws")]
pub mod vault;
#[cfg(feature = "aws")]
pub mod witness;
