//! Probes: questions to a restored workload. One file a kind.
//!
//! A probe takes *one* attempt and answers with an [`Outcome`]. It never retries, sleeps, journals or prints: the engine
//! owns that. Adding a kind: CONTRIBUTING, "Add a probe".

pub mod by_function;
pub mod cloudwatch;
pub mod command;
pub mod compare;
pub mod custom;
pub mod describe;
pub mod dns;
pub mod dynamodb;
pub mod ebs;
pub mod ec2;
pub mod efs;
pub mod expect;
pub mod fsx;
pub mod http;
pub mod input;
pub mod isolation;
pub mod lambda;
pub mod manual;
mod mounted;
mod output;
pub mod outside;
pub(crate) mod process;
pub mod protocol;
pub mod reach;
mod reading;
pub mod s3;
mod script;
mod source;
pub mod sql;
pub mod sql_schema;
pub mod ssm;
pub mod stored;
pub mod target;
pub mod tcp;
pub mod tls;
mod trust;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// What one attempt observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Values by name: a query's columns, a program's JSON fields. Texts are made harmless and bounded.
    pub values: BTreeMap<String, Value>,
    /// Facts worth a line in the report: server version, certificate, exit code.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Why one attempt did not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Miss {
    /// The class.
    pub reason: ProbeReason,
    /// What happened, expected and observed. Never a secret.
    pub message: String,
    /// What it saw before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// The table or column that the query names does not exist (SQLSTATE 42P01, 42703).
    #[serde(default)]
    pub missing_data: bool,
}

/// One attempt's result, before expectations are looked at.
pub type Outcome = Result<Observed, Miss>;

/// A kind of probe.
#[async_trait]
pub trait ProbeCalls: Send + Sync {
    /// Which kind.
    fn kind(&self) -> ProbeKind;

    /// What it does, in one sentence, for editors.
    fn about(&self) -> &'static str;

    /// What must be so for it to hold where nothing is expected, for the report: "the port accepts a connection".
    fn holds_when(&self) -> &'static str;

    /// Its page: what it asks and observes, in Markdown, and one fenced YAML example of its `probes:`. `docs/probes.md`
    /// is made of these, and a test runs each example.
    fn page(&self) -> &'static str;

    /// The kind's settings, with types, ranges and documentation.
    fn fields(&self) -> Vec<Field>;

    /// Whether it reads what was restored, so that its green says something of the data. `drill validate --strict` asks
    /// for a negative control on each such probe.
    fn reads_data(&self) -> bool {
        false
    }

    /// Whether it judges by itself: such a probe needs no `expect`.
    fn judges(&self) -> bool {
        false
    }

    /// IAM actions that the drill's identity needs for it.
    fn permissions(&self) -> &'static [&'static str] {
        &[]
    }

    /// The settings that a negative control may change: those that name the query, the target or the credential.
    fn control_keys(&self) -> &'static [&'static str];

    /// Whether the settings are consistent beyond their shapes.
    ///
    /// # Errors
    /// A sentence for the user.
    fn check(&self, settings: &Settings) -> Result<(), String>;

    /// One attempt, no longer than `timeout` (real time).
    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome;
}

/// The registry: the one line that a new kind adds.
#[must_use]
pub fn kind(kind: ProbeKind) -> &'static dyn ProbeCalls {
    match kind {
        ProbeKind::Tcp => &tcp::Tcp,
        ProbeKind::Tls => &tls::Tls,
        ProbeKind::Http => &http::Http,
        ProbeKind::Dns => &dns::Dns,
        ProbeKind::Sql => &sql::Sql,
        ProbeKind::SqlSchema => &sql_schema::SqlSchema,
        ProbeKind::DynamoDb => &dynamodb::DynamoDb,
        ProbeKind::S3 => &s3::S3,
        ProbeKind::Ec2 => &ec2::Ec2,
        ProbeKind::Ebs => &ebs::Ebs,
        ProbeKind::Efs => &efs::Efs,
        ProbeKind::Fsx => &fsx::Fsx,
        ProbeKind::Describe => &describe::Describe,
        ProbeKind::CloudWatch => &cloudwatch::CloudWatch,
        ProbeKind::Ssm => &ssm::Ssm,
        ProbeKind::Lambda => &lambda::Lambda,
        ProbeKind::Command => &command::Command,
        ProbeKind::Compare => &compare::Compare,
        ProbeKind::Isolation => &isolation::Isolation,
        ProbeKind::Manual => &manual::Manual,
        ProbeKind::Custom => &custom::Custom,
    }
}

/// The kinds that can do something, and so can be an action.
pub const DOERS: &[ProbeKind] = &[ProbeKind::Command, ProbeKind::Http, ProbeKind::Ssm, ProbeKind::Lambda];
