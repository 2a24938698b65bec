//! Amazon DocumentDB clusters (facts 2.2). Instance-based ones: elastic clusters have an API of their own.

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
    kind: ResourceKind::DocumentDb,
    word: "DocumentDB",
    noun: "a DocumentDB cluster",
    engine: "docdb",
    sole_engine: true,
    command: "docdb",
    keeps_backups: false,
    capacity: (0.5, 256.0),
    port_doc: "TCP port that the cluster listens on. Default: the source's. DocumentDB wants TLS unless a \
               parameter group switches it off: a probe that speaks to it must trust Amazon's CA bundle \
               (global-bundle.pem).",
    permissions: PERMISSIONS,
};

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's. DocumentDB has none of its own.
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

/// [`ResourceFacts`](crate::cloud::resource::ResourceFacts) of DocumentDB clusters.
#[derive(Debug, Clone, Copy)]
pub struct DocumentDb;

cluster_facts!(DocumentDb, FAMILY);

/// [`ResourceCalls`] of DocumentDB clusters, over the destination's clients.
#[cfg(feature = "aws")]
#[must_use]
pub fn calls(clients: &Clients) -> Arc<dyn ResourceCalls> {
    Arc::new(ClusterCalls::new(&FAMILY, clients, Arc::new(clients.docdb.clone())))
}
