//! Neptune clusters (facts 2.2). Neptune Analytics graphs are not this type.

#[cfg(feature = "aws")]
use std::sync::Arc;

use crate::aws::resource::cluster::Family;
#[cfg(feature = "aws")]
use crate::aws::resource::cluster::calls::ClusterCalls;
use crate::aws::resource::cluster::facts::cluster_facts;
#[cfg(feature = "aws")]
use crate::aws::session::Clients;
#[cfg(feature = "aws")]
use crate::cloud::resource::ResourceCalls;
use crate::words::kind::ResourceKind;

/// What is its own among the three kinds of clusters.
pub(crate) static FAMILY: Family = Family {
    kind: ResourceKind::Neptune,
    word: "Neptune",
    noun: "a Neptune cluster",
    engine: "neptune",
    sole_engine: true,
    command: "neptune",
    keeps_backups: false,
    capacity: (1.0, 128.0),
    port_doc: "TCP port that the cluster listens on. Default: the source's. A probe reaches it in its VPC, and \
               signs its requests where the cluster wants IAM credentials.",
    permissions: PERMISSIONS,
};

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's. Neptune has none of its own.
pub const PERMISSIONS: &[&str] = &[
    "rds:AddTagsToResource",
    "rds:CreateDBInstance",
    "rds:DeleteDBCluster",
    "rds:DeleteDBInstance",
    "rds:DescribeDBClusterParameterGroups",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSubnetGroups",
    "rds:DescribeOrderableDBInstanceOptions",
    "rds:ListTagsForResource",
    "rds:ModifyDBCluster",
    "rds:RemoveTagsFromResource",
];

/// [`ResourceFacts`](crate::cloud::resource::ResourceFacts) of Neptune clusters.
#[derive(Debug, Clone, Copy)]
pub struct Neptune;

cluster_facts!(Neptune, FAMILY);

/// [`ResourceCalls`] of Neptune clusters, over the destination's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(ClusterCalls::new(&FAMILY, clients, Arc::new(clients.neptune.clone())))
}
