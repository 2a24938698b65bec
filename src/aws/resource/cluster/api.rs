//! The requests about clusters, in words that belong to none of the three SDKs. Each is one request, or one list to its
//! end. Texts are harmless already.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::aws::resource::cluster::settings::Capacity;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::arn::Arn;
use crate::words::secret::Secret;

/// A cluster, as it was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    /// Its ARN.
    pub(crate) arn: Option<String>,
    /// The service's word for its state.
    pub(crate) status: String,
    /// Its engine; empty where the answer names none.
    pub(crate) engine: String,
    /// Its engine's version.
    pub(crate) engine_version: Option<String>,
    /// `serverless` for Serverless v1, which has no members; Aurora only.
    pub(crate) engine_mode: Option<String>,
    /// Where the writer answers. The name is given long before anything answers to it.
    pub(crate) endpoint: Option<String>,
    /// Where the readers answer.
    pub(crate) reader_endpoint: Option<String>,
    /// TCP port of both.
    pub(crate) port: Option<i32>,
    /// Deletion protection.
    pub(crate) protected: Option<bool>,
    /// Whether its storage is encrypted.
    pub(crate) encrypted: Option<bool>,
    /// The key of that.
    pub(crate) kms_key: Option<String>,
    /// Its storage's type.
    pub(crate) storage_type: Option<String>,
    /// Its subnet group.
    pub(crate) subnet_group: Option<String>,
    /// Its parameter group.
    pub(crate) parameter_group: Option<String>,
    /// Whether one can log in with IAM credentials; not with DocumentDB.
    pub(crate) iam_login: Option<bool>,
    /// The range of its serverless members.
    pub(crate) capacity: Option<Capacity>,
    /// The members that it lists: name, and whether it is the writer.
    pub(crate) members: Vec<(String, bool)>,
    /// The global cluster that it belongs to.
    pub(crate) global: Option<String>,
}

/// A cluster, or a snapshot of one, as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct ListedCluster {
    /// The cluster's name.
    pub(crate) name: String,
    /// Its own ARN.
    pub(crate) arn: Arn,
    /// The service's word for its state.
    pub(crate) status: String,
    /// The cluster's engine.
    pub(crate) engine: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
}

/// An instance, as it was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) id: String,
    /// The service's word for its state.
    pub(crate) status: String,
    /// The cluster that it belongs to.
    pub(crate) cluster: Option<String>,
    /// Its class.
    pub(crate) class: Option<String>,
    /// Its engine's version.
    pub(crate) engine_version: Option<String>,
    /// Its zone.
    pub(crate) zone: Option<String>,
    /// Whether its storage is encrypted.
    pub(crate) encrypted: Option<bool>,
    /// Whether it has a public address.
    pub(crate) public: Option<bool>,
}

/// A member to be added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewMember<'a> {
    /// Its name.
    pub(crate) id: &'a str,
    /// Its cluster.
    pub(crate) cluster: &'a str,
    /// Its engine: the cluster's.
    pub(crate) engine: &'a str,
    /// Its class.
    pub(crate) class: &'a str,
}

/// A subnet group, as it was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubnetGroup {
    /// Its VPC.
    pub(crate) vpc: Option<String>,
    /// `Complete`, or another word.
    pub(crate) status: Option<String>,
    /// The zone of each of its subnets.
    pub(crate) zones: Vec<String>,
}

/// One of the three services.
#[async_trait]
pub(crate) trait ClusterApi: Send + Sync {
    /// `rds:DescribeDBClusters`. None: the service says that there is no such cluster.
    async fn cluster(&self, name: &str) -> Result<Option<Cluster>, CloudError>;

    /// `rds:DescribeDBClusters` of the region, to the end of the list: those of all three services.
    async fn clusters(&self) -> Result<Vec<ListedCluster>, CloudError>;

    /// `rds:DescribeDBClusterSnapshots` of the region, to the end of the list. Without a type: manual and automated ones.
    async fn kept_snapshots(&self, kind: Option<&str>) -> Result<Vec<ListedCluster>, CloudError>;

    /// `rds:DescribeDBInstances` of a cluster, to the end of the list.
    async fn members(&self, cluster: &str) -> Result<Vec<Member>, CloudError>;

    /// `rds:DescribeDBInstances` by name. None: the service says that there is no such instance.
    async fn member(&self, id: &str) -> Result<Option<Member>, CloudError>;

    /// `rds:CreateDBInstance`, never with a public address.
    async fn add_member(&self, new: NewMember<'_>) -> Result<(), CloudError>;

    /// `rds:DeleteDBInstance`, without a final snapshot.
    async fn remove_member(&self, id: &str) -> Result<(), CloudError>;

    /// `rds:ModifyDBCluster`: the range of serverless members, at once.
    async fn scale(&self, cluster: &str, capacity: Capacity) -> Result<(), CloudError>;

    /// `rds:ModifyDBCluster`: deletion protection off, at once.
    async fn unprotect(&self, cluster: &str) -> Result<(), CloudError>;

    /// `rds:ModifyDBCluster`: another master password, at once. Neptune has no users with passwords.
    async fn set_password(&self, _cluster: &str, _password: &Secret) -> Result<(), CloudError> {
        let message = "its clusters have no master password: they are entered with IAM credentials";
        Err(CloudError::new("rds:ModifyDBCluster", ErrorKind::Invalid, "none", message, None))
    }

    /// `rds:DeleteDBCluster`, without a final snapshot (trap 24) and, where there are such, without automated backups.
    async fn remove_cluster(&self, cluster: &str) -> Result<(), CloudError>;

    /// `rds:ListTagsForResource`.
    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError>;

    /// `rds:RemoveTagsFromResource`.
    async fn untag(&self, arn: &str, keys: Vec<String>) -> Result<(), CloudError>;

    /// `rds:AddTagsToResource`.
    async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError>;

    /// `rds:DescribeDBClusterSnapshots`, to the end of the list. Without a type: manual and automated ones.
    async fn snapshots(&self, cluster: &str, kind: Option<&str>) -> Result<Vec<String>, CloudError>;

    /// `rds:DescribeDBClusterAutomatedBackups`, to the end of the list. Only Aurora has them.
    async fn automated_backups(&self, _cluster: &str) -> Result<Vec<String>, CloudError> {
        Ok(Vec::new())
    }

    /// `rds:DescribeDBSubnetGroups`. None: the answer does not hold it.
    async fn subnet_group(&self, name: &str) -> Result<Option<SubnetGroup>, CloudError>;

    /// `rds:DescribeOrderableDBInstanceOptions`: whether an engine can be had on a class.
    async fn offers(&self, engine: &str, class: &str) -> Result<bool, CloudError>;

    /// `rds:DescribeDBClusterParameterGroups`: the group's family, where the answer names it.
    async fn parameter_group(&self, name: &str) -> Result<Option<String>, CloudError>;
}
