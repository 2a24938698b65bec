//! Storage Gateway volumes (facts 2.9). They are restored as EBS volumes, which needs no gateway, or as volumes of a
//! gateway in the destination.
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `settings` | the keys of `with:`, and which of the two ways it says |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | a gateway volume's phase |
//! | `calls` | which way the requests go; an EBS volume is [`crate::aws::resource::ebs`]'s matter |
//! | `gateway`, `look` | the requests to Storage Gateway, and what their answers show |
//! | `leftovers` | the lists in which `drill sweep` looks |

mod facts;
pub mod metadata;
pub mod readiness;
pub mod settings;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod gateway;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod look;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

pub use facts::StorageGateway;

/// The calls, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::StorageGatewayCalls::new(clients))
}
