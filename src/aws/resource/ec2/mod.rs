//! EC2 instances (facts 2.5).
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `settings` | the keys of `with:` |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | an instance's phase |
//! | `calls`, `look` | the requests to EC2, and what their answers show |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |
//!
//! AWS Backup's guide says that a restore makes an image and snapshots besides (facts 2.5, UNCONFIRMED). Nothing on
//! such a one says which restore it came from, so none is looked for or removed.

mod facts;
pub mod metadata;
pub mod readiness;
pub mod settings;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod look;
#[cfg(feature = "aws")]
mod preflight;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

pub use facts::Ec2;

/// The calls, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::Ec2Calls::new(clients))
}
