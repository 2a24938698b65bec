//! EFS file systems (facts 2.6). A restore makes the file system and no mount target: `finish` adds those.
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, parts, permissions, the commands for a person |
//! | `settings` | the keys of `with:` |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | the phase of a file system and its mount targets |
//! | `calls` | the requests to EFS |
//! | `look` | what EFS lists of one file system |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |

pub mod facts;
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

pub use facts::Efs;

/// The calls, over the destination's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::EfsCalls::new(clients))
}
