//! The seam: what a drill needs of a cloud, as traits and plain data. No SDK type, no HTTP.
//!
//! An implementation takes *one* look or makes *one* request. It never loops (but for paging one list to its end),
//! sleeps, retries, journals or prints: order, deadlines, pace, retries and the ledger belong to the engine (`run`).

pub mod error;
pub mod ground;
pub mod resource;
pub mod vault;

use std::sync::Arc;

use crate::cloud::ground::{Ground, Secrets};
use crate::cloud::resource::ResourceCalls;
use crate::cloud::vault::{CopyHistory, Vault};
use crate::words::kind::ResourceKind;

/// One side's handles, as `cli` built them.
#[derive(Clone)]
pub struct Cloud {
    /// AWS Backup in the destination.
    pub vault: Arc<dyn Vault>,
    /// Copy jobs, seen from the source: the one thing that a drill reads there.
    pub copies: Arc<dyn CopyHistory>,
    /// Identity, network, keys in the destination.
    pub ground: Arc<dyn Ground>,
    /// Secrets in the destination.
    pub secrets: Arc<dyn Secrets>,
    /// The calls of each resource type in the destination.
    pub resources: Arc<dyn Fn(ResourceKind) -> Arc<dyn ResourceCalls> + Send + Sync>,
}
