//! Resource types: one folder or file a type, with both halves of the seam ([`crate::cloud::resource`]).
//!
//! Adding a type: its file here with `ResourceFacts` and `ResourceCalls`, and one line in each match below. The rest of
//! the list stands in CONTRIBUTING, "Add a resource type".

pub mod aurora;
mod cluster;
pub mod documentdb;
pub mod dynamodb;
pub mod ebs;
pub mod ec2;
pub mod efs;
pub mod fsx;
pub mod neptune;
pub mod other;
pub mod rds;
pub mod s3;
mod shared;
pub mod storage_gateway;

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
        ResourceKind::Aurora => &aurora::Aurora,
        ResourceKind::DocumentDb => &documentdb::DocumentDb,
        ResourceKind::Neptune => &neptune::Neptune,
        ResourceKind::DynamoDb => &dynamodb::DynamoDb,
        ResourceKind::Ebs => &ebs::Ebs,
        ResourceKind::Ec2 => &ec2::Ec2,
        ResourceKind::Efs => &efs::Efs,
        ResourceKind::Fsx => &fsx::Fsx,
        ResourceKind::S3 => &s3::S3,
        ResourceKind::StorageGateway => &storage_gateway::StorageGateway,
        ResourceKind::Other => &other::Other,
    }
}

/// The calls of a type, over one side's clients. None for [`ResourceKind::Other`]: its definition says how it is asked.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(kind: ResourceKind, clients: &Clients) -> Option<Arc<dyn ResourceCalls>> {
    Some(match kind {
        ResourceKind::Rds => Arc::new(rds::calls::RdsCalls::new(clients)),
        ResourceKind::Aurora => aurora::calls(clients),
        ResourceKind::DocumentDb => documentdb::calls(clients),
        ResourceKind::Neptune => neptune::calls(clients),
        ResourceKind::DynamoDb => dynamodb::calls(clients),
        ResourceKind::Ebs => ebs::calls(clients),
        ResourceKind::Ec2 => ec2::calls(clients),
        ResourceKind::Efs => efs::calls(clients),
        ResourceKind::Fsx => fsx::calls(clients),
        ResourceKind::S3 => s3::calls(clients),
        ResourceKind::StorageGateway => storage_gateway::calls(clients),
        ResourceKind::Other => return None,
    })
}
