//! FSx file systems for Windows, Lustre and OpenZFS, and FSx for ONTAP volumes (facts 2.7).
//!
//! | file | what it knows |
//! |---|---|
//! | `flavour` | which of the four, and what may be removed of it |
//! | `windows`, `lustre`, `openzfs`, `ontap` | a flavour's keys of `with:` and its part of the metadata |
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `settings` | the keys of `with:` that flavours share |
//! | `configuration` | a flavour's JSON object inside the metadata |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | a status's phase |
//! | `calls` | the requests to FSx |
//! | `look` | what FSx says of one file system or volume |
//! | `seen` | that, as an observation |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |

pub mod facts;
pub mod flavour;
pub mod metadata;
pub mod readiness;
pub mod settings;

mod configuration;
mod lustre;
mod ontap;
mod openzfs;
mod windows;

#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod look;
#[cfg(feature = "aws")]
mod preflight;
#[cfg(feature = "aws")]
mod seen;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;

pub use facts::Fsx;

/// The calls, over the destination's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(calls::FsxCalls::new(clients))
}
