//! Reading what was restored: tables, buckets, metrics, instances. Reads only.
//!
//! Texts of items, keys and bytes of objects come as they are, for they are data and are compared: whoever shows them
//! makes them harmless. Names and statuses that the services give are harmless already.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::cloud::error::CloudError;

/// `dynamodb:DescribeTable`, as far as a probe compares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// `ACTIVE`, …
    pub status: String,
    /// The service's own count; DynamoDB updates it about every six hours.
    pub item_count: u64,
    /// Likewise.
    pub size_bytes: u64,
    /// Key attribute → `HASH` or `RANGE`.
    pub keys: BTreeMap<String, String>,
    /// Attribute that a key or an index is made of → `S` (text), `N` (number) or `B` (binary).
    pub types: BTreeMap<String, String>,
    /// Global secondary index → its status.
    pub indexes: BTreeMap<String, String>,
    /// `PAY_PER_REQUEST` or `PROVISIONED`.
    pub billing: String,
}

/// An item as plain JSON: numbers as numbers where they fit and as decimal text where not, binary as Base64, sets as
/// sorted lists.
pub type Item = Map<String, Value>;

/// The value of a key attribute. DynamoDB tells text and number apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// Text.
    Text(String),
    /// A number as decimal text: it may have more digits than a double.
    Number(String),
    /// Bytes as Base64.
    Binary(String),
}

/// One page of a scan. A page may be empty while there is more.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    /// The items.
    pub items: Vec<Item>,
    /// Opaque; present while there is more.
    pub next: Option<String>,
}

/// Tables.
#[async_trait]
pub trait Tables: Send + Sync {
    /// `dynamodb:DescribeTable`.
    async fn table(&self, name: &str) -> Result<Table, CloudError>;

    /// One page of `dynamodb:Scan`, at most `limit` items read.
    async fn scan(&self, name: &str, limit: u32, from: Option<&str>) -> Result<Items, CloudError>;

    /// `dynamodb:GetItem`, consistent, by the whole key. None: there is no such item.
    async fn item(&self, name: &str, key: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError>;
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When this version was written; a restored object's is the time of the restore.
    pub modified: Option<Timestamp>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objects {
    /// The objects.
    pub objects: Vec<Object>,
    /// Opaque; present while there is more.
    pub next: Option<String>,
}

/// Buckets.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// One page of `s3:ListObjectsV2`, at most 1,000 keys.
    async fn list(&self, bucket: &str, prefix: Option<&str>, from: Option<&str>) -> Result<Objects, CloudError>;

    /// `s3:GetObject`, no more than `most` bytes of it. None: there is no such object.
    async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<Option<Vec<u8>>, CloudError>;
}

/// A statistic of one metric over some time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricAsked {
    /// `AWS/RDS`, …
    pub namespace: String,
    /// `FreeStorageSpace`, …
    pub name: String,
    /// Dimension → value. All of the metric's, or CloudWatch finds nothing.
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Minimum`, `Maximum`, `Sum` or `SampleCount`.
    pub statistic: String,
    /// Length of one period; whole minutes.
    pub period: SignedDuration,
    /// From here, included.
    pub from: Timestamp,
    /// To here, excluded.
    pub to: Timestamp,
}

/// One period's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricPoint {
    /// The period's start.
    pub at: Timestamp,
    /// The statistic.
    pub value: f64,
}

/// Metrics.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// `cloudwatch:GetMetricStatistics`, oldest first. Empty: nothing was reported in that time.
    async fn metric(&self, asked: &MetricAsked) -> Result<Vec<MetricPoint>, CloudError>;
}

/// `ec2:DescribeInstanceStatus`, with the launch time of `ec2:DescribeInstances`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceHealth {
    /// `running`, …
    pub state: String,
    /// The system check: `ok`, `initializing`, `impaired`, `insufficient-data`, `not-applicable`.
    pub system: String,
    /// The instance check, likewise.
    pub instance: String,
    /// When it was launched.
    pub launched: Option<Timestamp>,
}

/// Instances.
#[async_trait]
pub trait Instances: Send + Sync {
    /// None: there is no such instance.
    async fn health(&self, id: &str) -> Result<Option<InstanceHealth>, CloudError>;

    /// `ec2:GetConsoleOutput`, the latest, decoded; 64 KiB at most. None: nothing was written yet.
    async fn console(&self, id: &str) -> Result<Option<String>, CloudError>;
}
