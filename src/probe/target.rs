//! What a probe is aimed at, and what it may use. The engine builds one for each attempt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::data::{Buckets, Instances, Metrics, Tables};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Secrets;
use crate::cloud::remote::{Remote, Tunnels};
use crate::cloud::resource::{Endpoint, Observation};
use crate::words::id::Region;
use crate::words::secret::Secret;

/// The restored resource and the means to reach it.
#[derive(Clone)]
pub struct Target {
    /// Where the API says that the restored resource answers. The only loopback address that a probe may connect to.
    pub endpoint: Option<Endpoint>,
    /// The restored resource's id within its service (`vol-…`, `i-…`, a name), once it is known.
    pub identifier: Option<String>,
    /// A fresh look at the restored resource; none where nothing was restored.
    pub look: Option<Arc<dyn Look>>,
    /// Values of references, already looked up, by the reference's text (`restore.orders.endpoint.host`). Data: never
    /// evaluated again, never given to a shell.
    pub values: BTreeMap<String, String>,
    /// Where secrets are read.
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
    /// How to reach the restored network from here; none is directly.
    pub tunnel: Option<Way>,
    /// The source resource, for what is compared with it: its tables and buckets, and its name as `identifier`. It has no
    /// endpoint, because nothing was asked for it. Reads only.
    pub source: Option<Arc<Target>>,
    /// What this probe recorded in the drill's last passed run, by name; empty where there is none.
    pub last_pass: BTreeMap<String, Value>,
    /// The destination's region.
    pub region: Region,
    /// The time of the run's clock when the attempt began.
    pub now: Timestamp,
    /// The master password that this run set on the restored database.
    pub master_password: Option<Secret>,
    /// The folder that `file:` secrets and CA bundles are relative to: the definition's own.
    pub folder: PathBuf,
    /// The CA bundle for databases, unless the probe names its own.
    pub ca_bundle: Option<PathBuf>,
    /// The sandbox's CA bundle, which wins over every other: its databases have their own CA.
    pub sandbox_ca: Option<PathBuf>,
}

/// A way through an instance.
#[derive(Clone)]
pub struct Way {
    /// The instance.
    pub instance: String,
    /// Opens it.
    pub tunnels: Arc<dyn Tunnels>,
}

/// Looks at the restored resource.
#[async_trait]
pub trait Look: Send + Sync {
    /// One look, now. A resource that does not exist is an observation, not an error.
    async fn look(&self) -> Result<Observation, CloudError>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::Value;

    use super::Target;
    use crate::cloud::data::{
        Buckets, InstanceHealth, Instances, Item, Items, KeyValue, MetricAsked, MetricPoint, Metrics, Objects, Table,
        Tables,
    };
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::ground::Secrets;
    use crate::cloud::remote::{Invoked, Remote, ScriptState};
    use crate::words::secret::Secret;

    impl Target {
        /// Aimed at nothing, with a cloud that refuses everything: a test replaces what it is about.
        pub(crate) fn for_tests() -> Self {
            Self {
                endpoint: None,
                identifier: None,
                look: None,
                values: BTreeMap::new(),
                secrets: Arc::new(Nothing),
                remote: Arc::new(Nothing),
                tables: Arc::new(Nothing),
                buckets: Arc::new(Nothing),
                metrics: Arc::new(Nothing),
                instances: Arc::new(Nothing),
                tunnel: None,
                source: None,
                last_pass: BTreeMap::new(),
                region: "eu-west-1".parse().unwrap(),
                now: "2026-11-01T00:00:00Z".parse().unwrap(),
                master_password: None,
                folder: PathBuf::new(),
                ca_bundle: None,
                sandbox_ca: None,
            }
        }
    }

    struct Nothing;

    fn refused<T>(operation: &str) -> Result<T, CloudError> {
        Err(CloudError::new(operation, ErrorKind::Unreachable, "connect", "a unit test has no cloud", None))
    }

    #[async_trait]
    impl Secrets for Nothing {
        async fn secret(&self, _id: &str, _key: Option<&str>) -> Result<Secret, CloudError> {
            refused("secretsmanager:GetSecretValue")
        }

        async fn parameter(&self, _: &str) -> Result<Secret, CloudError> {
            refused("ssm:GetParameter")
        }

        async fn database_token(&self, _: &str, _: u16, _: &str) -> Result<Secret, CloudError> {
            refused("rds-db:connect")
        }
    }

    #[async_trait]
    impl Remote for Nothing {
        async fn send_script(&self, _: &str, _: &str, _: Duration) -> Result<String, CloudError> {
            refused("ssm:SendCommand")
        }

        async fn script_state(&self, _: &str, _: &str) -> Result<ScriptState, CloudError> {
            refused("ssm:GetCommandInvocation")
        }

        async fn invoke(&self, _: &str, _: &Value) -> Result<Invoked, CloudError> {
            refused("lambda:Invoke")
        }
    }

    #[async_trait]
    impl Metrics for Nothing {
        async fn metric(&self, _: &MetricAsked) -> Result<Vec<MetricPoint>, CloudError> {
            refused("cloudwatch:GetMetricStatistics")
        }
    }

    #[async_trait]
    impl Instances for Nothing {
        async fn health(&self, _: &str) -> Result<Option<InstanceHealth>, CloudError> {
            refused("ec2:DescribeInstanceStatus")
        }

        async fn console(&self, _: &str) -> Result<Option<String>, CloudError> {
            refused("ec2:GetConsoleOutput")
        }
    }

    #[async_trait]
    impl Tables for Nothing {
        async fn table(&self, _: &str) -> Result<Table, CloudError> {
            refused("dynamodb:DescribeTable")
        }

        async fn scan(&self, _: &str, _: u32, _: Option<&str>) -> Result<Items, CloudError> {
            refused("dynamodb:Scan")
        }

        async fn item(&self, _: &str, _: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError> {
            refused("dynamodb:GetItem")
        }
    }

    #[async_trait]
    impl Buckets for Nothing {
        async fn list(&self, _: &str, _: Option<&str>, _: Option<&str>) -> Result<Objects, CloudError> {
            refused("s3:ListObjectsV2")
        }

        async fn read(&self, _: &str, _: &str, _: u64) -> Result<Option<Vec<u8>>, CloudError> {
            refused("s3:GetObject")
        }
    }
}
