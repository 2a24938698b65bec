//! RDS DB instances (facts 2.1). Aurora, Multi-AZ DB clusters, RDS Custom and Outposts are not this type.
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, permissions, the commands for a person |
//! | `settings` | the keys of `with:` |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | a status's phase |
//! | `calls` | the requests to RDS |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |

pub mod facts;
pub mod metadata;
pub mod readiness;
pub mod settings;

#[cfg(feature = "aws")]
pub mod calls;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod preflight;
