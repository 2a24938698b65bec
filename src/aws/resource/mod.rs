//! Resource types: one folder or file a type, with both halves of the seam ([`crate::cloud::resource`]).
//!
//! Adding a type: its file here with `ResourceFacts` and `ResourceCalls`, and one line in each match below. The rest of
//! the list stands in CONTRIBUTING, "Add a resource type".

pub mod rds;

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;
use crate::cloud::resource::ResourceFacts;
use crate::words::kind::ResourceKind;

/// What a type knows without asking anybody.
#[must_use]
pub fn facts(kind: ResourceKind) -> &'static dyn ResourceFacts {
    match kind {
        ResourceKind::Rds => &rds::facts::Rds,
    }
}

/// The calls of a type, over one side's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(kind: ResourceKind, clients: &Clients) -> Arc<dyn ResourceCalls> {
    match kind {
        ResourceKind::Rds => Arc::new(rds::calls::RdsCalls::new(clients)),
    }
}
