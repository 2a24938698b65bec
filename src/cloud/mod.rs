//! The seam: what a drill needs of a cloud, as traits and plain data. No SDK type, no HTTP.
//!
//! An implementation takes *one* look or makes *one* request. It never loops (but for paging one list to its end),
//! sleeps, retries, journals or prints: order, deadlines, pace, retries and the ledger belong to the engine (`run`).

pub mod archive;
pub mod check;
pub mod data;
pub mod error;
pub mod ground;
pub mod leftover;
pub mod likeness;
pub mod remote;
pub mod resource;
pub mod signature;
pub mod surroundings;
pub mod vault;

use std::sync::Arc;

use crate::cloud::archive::Archive;
use crate::cloud::data::{Buckets, Instances, Metrics, Tables};
use crate::cloud::ground::{Ground, Secrets};
use crate::cloud::leftover::Listings;
use crate::cloud::remote::{Remote, Tunnels};
use crate::cloud::resource::ResourceCalls;
use crate::cloud::signature::Signatures;
use crate::cloud::surroundings::Surroundings;
use crate::cloud::vault::{CopyHistory, Vault};
use crate::words::kind::ResourceKind;

/// One side's handles, as `cli` built them.
#[derive(Clone)]
pub struct Cloud {
    /// AWS Backup in the destination.
    pub vault: Arc<dyn Vault>,
    /// Copy jobs, seen from the source: all that a drill reads there, unless a probe compares with the source.
    pub copies: Arc<dyn CopyHistory>,
    /// Identity, network, keys in the destination.
    pub ground: Arc<dyn Ground>,
    /// What a preflight asks besides: roles, policies, quotas, settings of AWS Backup in the destination.
    pub surroundings: Arc<dyn Surroundings>,
    /// Secrets in the destination.
    pub secrets: Arc<dyn Secrets>,
    /// Scripts on instances and functions in the destination.
    pub remote: Arc<dyn Remote>,
    /// Tables in the destination.
    pub tables: Arc<dyn Tables>,
    /// Buckets in the destination.
    pub buckets: Arc<dyn Buckets>,
    /// Metrics in the destination.
    pub metrics: Arc<dyn Metrics>,
    /// Instances in the destination.
    pub instances: Arc<dyn Instances>,
    /// Ways through instances in the destination.
    pub tunnels: Arc<dyn Tunnels>,
    /// Tables in the source: read only where a probe compares with them.
    pub source_tables: Arc<dyn Tables>,
    /// Buckets in the source, likewise.
    pub source_buckets: Arc<dyn Buckets>,
    /// The keys that sign evidence, as whom the destination is reached.
    pub signatures: Arc<dyn Signatures>,
    /// Where evidence is archived, likewise.
    pub archive: Arc<dyn Archive>,
    /// The calls of each resource type in the destination; none for the type whose calls the definition describes.
    pub resources: Arc<dyn Fn(ResourceKind) -> Option<Arc<dyn ResourceCalls>> + Send + Sync>,
    /// What its runs were last told of leftovers in the destination.
    pub listings: Arc<Listings>,
}
