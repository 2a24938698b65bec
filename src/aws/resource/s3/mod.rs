//! S3 buckets (facts 2.8).
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `metadata` | the keys of `with:`, and what `StartRestoreJob` is sent |
//! | `message` | what a message on a completed job says against it |
//! | `calls` | the requests to S3, as far as they look, tag and delete the empty bucket |
//! | `lay` | the bucket that is restored into, before the job |
//! | `empty` | what is in a bucket, removed a page at a time |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |
//!
//! AWS Backup restores into a bucket that is there already, in the region of the recovery point. The run makes it:
//! with the run's name, not public, versioned as the restore wants it, in the ledger before it exists. Of the source's
//! bucket only objects, their tags and, if they are asked for, their ACLs come back: no policy, no lifecycle, no
//! replication, no notifications, and every storage class becomes STANDARD.

mod facts;
pub mod message;
pub mod metadata;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod empty;
#[cfg(feature = "aws")]
mod lay;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod preflight;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

pub use facts::S3;

/// The calls, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::S3Calls::new(clients))
}
