//! Aurora clusters, of MySQL and of PostgreSQL (facts 2.2). Multi-AZ DB clusters of RDS are not this type.

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
    kind: ResourceKind::Aurora,
    word: "Aurora",
    noun: "an Aurora cluster",
    engine: "aurora",
    sole_engine: false,
    command: "rds",
    keeps_backups: true,
    capacity: (0.0, 256.0),
    port_doc: "TCP port that the cluster listens on. Default: the source's.",
    permissions: PERMISSIONS,
};

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
pub const PERMISSIONS: &[&str] = &[
    "rds:AddTagsToResource",
    "rds:CreateDBInstance",
    "rds:DeleteDBCluster",
    "rds:DeleteDBInstance",
    "rds:DescribeDBClusterAutomatedBackups",
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

/// [`ResourceFacts`](crate::cloud::resource::ResourceFacts) of Aurora clusters.
#[derive(Debug, Clone, Copy)]
pub struct Aurora;

cluster_facts!(Aurora, FAMILY);

/// [`ResourceCalls`] of Aurora clusters, over the destination's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(ClusterCalls::new(&FAMILY, clients, Arc::new(clients.rds.clone())))
}
