//! DynamoDB tables (facts 2.3).
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, which recovery points, permissions, the commands for a person |
//! | `metadata` | the keys of `with:`, and what `StartRestoreJob` is sent |
//! | `readiness` | a table's phase |
//! | `calls` | the requests to DynamoDB |
//! | `leftovers` | the lists in which `drill sweep` looks |
//!
//! A restored table has no auto scaling, no policies, no alarms, no tags, no stream, no TTL, no point-in-time recovery
//! and no deletion protection of its source: AWS Backup does not restore them.

mod facts;
pub mod metadata;
pub mod readiness;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod leftovers;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

pub use facts::DynamoDb;

/// The calls, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::DynamoDbCalls::new(clients))
}
