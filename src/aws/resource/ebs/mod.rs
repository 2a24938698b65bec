//! EBS volumes (facts 2.4).
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `settings` | the keys of `with:` |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | a volume's phase |
//! | `calls` | the order of the requests |
//! | `volume`, `tags` | the requests to EC2 about volumes and about tags; EC2 instances have volumes and tags too |
//! | `mount` | mounting on the probe instance, through SSM |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |

mod facts;
pub mod metadata;
pub mod readiness;
pub mod settings;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod mount;
#[cfg(feature = "aws")]
pub(crate) mod preflight;
#[cfg(feature = "aws")]
pub(crate) mod tags;
#[cfg(feature = "aws")]
pub(crate) mod volume;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

#[cfg(feature = "aws")]
pub(crate) use calls::EbsCalls;
pub use facts::Ebs;

/// The calls, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(EbsCalls::new(clients))
}
