//! The world file, `drills/NAME.world.yaml`: what refines a world that a definition alone would make.
//!
//! The types here are the file's grammar (docs/world.md shows it whole). Reading is pure; errors carry the file's name,
//! line and column.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::sandbox::evidence::{BucketFile, KeyFile};
use crate::sandbox::fault::Fault;
use crate::sandbox::profile::{self, RateFile, TimesFile};
use crate::sandbox::resource_file::{KnownResource, ResourceFile};
use crate::sandbox::spec::Quotas;
use crate::sandbox::thing::s3::is_bucket_name;
use crate::words::arn::Arn;
use crate::words::text::tame;
use crate::words::time::{parse_duration, show_duration};

/// A world file larger than this is refused.
const LARGEST: usize = 1024 * 1024;

/// A world file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldFileError {
    /// The text is no YAML, or not of a world file's shape.
    #[error("{file}:{line}:{column}: {message}; docs/world.md lists what a world file may hold")]
    Unreadable {
        /// The file's name as the caller gave it.
        file: String,
        /// One-based; 0 if unknown.
        line: u64,
        /// One-based; 0 if unknown.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// A value that is well formed and makes no sense.
    #[error("{file}: {message}")]
    Senseless {
        /// The file's name.
        file: String,
        /// What is wrong, and what to write instead.
        message: String,
    },
}

/// A world file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// The grammar's version: 1.
    pub version: u32,
    /// When the world starts; the real present without it.
    #[serde(default)]
    pub starts: Option<Timestamp>,
    /// World seconds for each real second, unless the command line says otherwise.
    #[serde(default)]
    pub speed: Option<f64>,
    /// The seed, unless the command line says otherwise.
    #[serde(default)]
    pub seed: Option<u64>,
    /// By the name of the restore in the definition.
    #[serde(default)]
    pub resources: BTreeMap<String, ResourceFile>,
    /// Functions of the destination, by name.
    #[serde(default)]
    pub functions: BTreeMap<String, FunctionFile>,
    /// Instances of the destination that no restore makes, by id.
    #[serde(default)]
    pub instances: BTreeMap<String, InstanceFile>,
    /// Keys of KMS, by ARN.
    #[serde(default)]
    pub keys: BTreeMap<Arn, KeyFile>,
    /// Buckets that are no resource of the definition, by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, BucketFile>,
    /// Limits.
    #[serde(default)]
    pub quotas: Option<QuotasFile>,
    /// How fast requests may come, by operation, such as `backup:StartRestoreJob` or `rds:Delete*`.
    #[serde(default)]
    pub rates: BTreeMap<String, RateFile>,
    /// How many restores of a type may be under way in an account and region; one more is refused.
    #[serde(default)]
    pub places: BTreeMap<String, u32>,
    /// How long restores of a type take.
    #[serde(default)]
    pub times: BTreeMap<String, TimesFile>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// A function of the destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionFile {
    /// It asks in drill's place: it answers what custom probes are asked. Others answer what they are given.
    #[serde(default)]
    pub probes: bool,
}

/// An instance of the destination that was there first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceFile {
    /// SSM manages it, which is the default: its SSM Agent reports in.
    #[serde(default = "yes")]
    pub ssm: bool,
}

fn yes() -> bool {
    true
}

/// How restores of a resource go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreFile {
    /// From accepted to completed, instead of a random time by size.
    #[serde(default)]
    pub takes: Option<Span>,
}

/// How removals of what was restored go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalFile {
    /// From accepted to gone, instead of a random time.
    #[serde(default)]
    pub takes: Option<Span>,
}

/// What is in a database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// The database's name; by default the one that the `sql` probes name.
    #[serde(default)]
    pub database: Option<String>,
    /// What was written to it, and when. A recovery point holds what was written up to its moment.
    #[serde(default)]
    pub writes: Vec<WriteRule>,
}

/// SQL that ran at one moment (`at`), or again and again (`every`, `from`, `until`). `$at` in it is the moment, as a
/// literal of the engine's dialect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteRule {
    /// Once, at this moment.
    #[serde(default)]
    pub at: Option<Moment>,
    /// Again and again.
    #[serde(default)]
    pub every: Option<Span>,
    /// The first of many; the age of the oldest recovery point without it.
    #[serde(default)]
    pub from: Option<Moment>,
    /// The last of many; `now` without it.
    #[serde(default)]
    pub until: Option<Moment>,
    /// The statement or statements.
    pub sql: String,
}

/// The newest copy in the destination vault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewestCopy {
    /// Newer copies never arrived.
    pub age: Span,
}

/// Limits of the simulated AWS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotasFile {
    /// Enforce the documented request rates. Default true.
    #[serde(default)]
    pub request_rates: Option<bool>,
    /// How long AWS Backup remembers an idempotency token. Default 24 h.
    #[serde(default)]
    pub token_lifetime: Option<Span>,
    /// The same token with other metadata gives the first job instead of an error. Default false.
    #[serde(default)]
    pub silent_token_reuse: Option<bool>,
    /// DB instances for each account and region. Default 40.
    #[serde(default)]
    pub db_instances: Option<u32>,
    /// DB clusters for each account and region. Default 40.
    #[serde(default)]
    pub db_clusters: Option<u32>,
    /// Virtual CPUs of running standard instances, for each account and region. Default 256.
    #[serde(default)]
    pub vcpus: Option<u32>,
    /// TiB of gp3 volumes, for each account and region. Default 50.
    #[serde(default)]
    pub gp3_tib: Option<u32>,
    /// DynamoDB tables for each account and region. Default 2500.
    #[serde(default)]
    pub dynamodb_tables: Option<u32>,
    /// EFS file systems for each account and region. Default 1000.
    #[serde(default)]
    pub efs_file_systems: Option<u32>,
    /// S3 buckets. Default 10000.
    #[serde(default)]
    pub s3_buckets: Option<u32>,
}

impl QuotasFile {
    pub(crate) fn over(&self, below: Quotas) -> Quotas {
        Quotas {
            request_rates: self.request_rates.unwrap_or(below.request_rates),
            token_lifetime: self.token_lifetime.map_or(below.token_lifetime, Into::into),
            silent_token_reuse: self.silent_token_reuse.unwrap_or(below.silent_token_reuse),
            db_instances: self.db_instances.unwrap_or(below.db_instances),
            db_clusters: self.db_clusters.unwrap_or(below.db_clusters),
            vcpus: self.vcpus.unwrap_or(below.vcpus),
            gp3_tib: self.gp3_tib.unwrap_or(below.gp3_tib),
            dynamodb_tables: self.dynamodb_tables.unwrap_or(below.dynamodb_tables),
            efs_file_systems: self.efs_file_systems.unwrap_or(below.efs_file_systems),
            s3_buckets: self.s3_buckets.unwrap_or(below.s3_buckets),
        }
    }
}

impl WorldFile {
    /// Reads a world file's text; `file` is its name for messages.
    ///
    /// # Errors
    /// When it is no YAML, holds unknown keys or values, or makes no sense.
    pub fn read(file: &str, text: &str) -> Result<Self, WorldFileError> {
        let senseless = |message: String| WorldFileError::Senseless { file: file.to_owned(), message };
        if text.len() > LARGEST {
            return Err(senseless("a world file is at most 1 MiB; keep data in few, repeated writes".to_owned()));
        }
        let world: Self = serde_yaml::from_str(text).map_err(|error| unreadable(file, &error))?;
        world.sense().map_err(senseless)?;
        Ok(world)
    }

    /// Whether every resource that the file and its faults name is one of `known`, the restores of the definition, and
    /// whether what it says of each fits the resource's kind.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self, file: &str, known: &[KnownResource]) -> Result<(), WorldFileError> {
        let senseless = |message: String| WorldFileError::Senseless { file: file.to_owned(), message };
        let named = self.resources.keys().chain(self.faults.iter().filter_map(Fault::restore));
        for name in named {
            let Some(restore) = known.iter().find(|restore| restore.name == *name) else {
                let all = known.iter().map(|restore| restore.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(senseless(format!("`{name}` is not a restore of the definition, which has: {all}")));
            };
            let fits = self.resources.get(name).map_or(Ok(()), |resource| resource.fits(restore.kind));
            fits.map_err(|problem| senseless(format!("in `{name}`, {problem}")))?;
            let about = |fault: &&Fault| fault.restore() == Some(name) && !fault.what.befalls(restore.kind);
            if let Some(fault) = self.faults.iter().find(about) {
                let (what, kind) = (fault.what.word(), restore.kind.word());
                return Err(senseless(format!(
                    "no restore of type `{kind}` meets `{what}`, as that of `{name}` should"
                )));
            }
        }
        Ok(())
    }

    fn sense(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!("version {} is unknown; this `drill` reads world files of version 1", self.version));
        }
        if self.speed.is_some_and(|speed| !speed.is_finite() || speed <= 0.0) {
            return Err("`speed` must be a number above 0".to_owned());
        }
        for (name, resource) in &self.resources {
            resource.sense().map_err(|problem| format!("in `{name}`, {problem}"))?;
            for write in resource.data.iter().flat_map(|data| &data.writes) {
                write.sense().map_err(|problem| format!("a write of `{name}` {problem}"))?;
            }
        }
        if let Some(id) = self.instances.keys().find(|id| !id.starts_with("i-")) {
            return Err(format!(
                "`{}` under `instances` is not the id of an instance, such as `i-0a1b2c3d4e5f60718`",
                tame(id)
            ));
        }
        let is_key = |arn: &Arn| arn.service() == "kms" && arn.resource().starts_with("key/");
        let is_placed = |arn: &Arn| arn.region().is_some() && arn.account().is_some();
        if let Some(arn) = self.keys.keys().find(|arn| !is_key(arn) || !is_placed(arn)) {
            return Err(format!(
                "`{}` under `keys` is not the ARN of a key, such as arn:aws:kms:eu-west-1:123456789012:key/ID",
                tame(arn.as_str())
            ));
        }
        if let Some(name) = self.buckets.keys().find(|name| !is_bucket_name(name)) {
            return Err(format!("`{}` under `buckets` is not the name of a bucket", tame(name)));
        }
        profile::sense(&self.rates, &self.places, &self.times)?;
        self.faults.iter().try_for_each(Fault::sense)
    }
}

impl WriteRule {
    fn sense(&self) -> Result<(), &'static str> {
        match (&self.at, self.every) {
            (Some(_), None) if self.from.is_none() && self.until.is_none() => Ok(()),
            (None, Some(every)) if SignedDuration::from(every) >= SignedDuration::from_secs(60) => Ok(()),
            (None, Some(_)) => Err("repeats more often than once a minute; let one statement insert several rows"),
            _ => Err("needs either `at`, or `every` with optional `from` and `until`"),
        }
    }
}

fn unreadable(file: &str, error: &serde_yaml::Error) -> WorldFileError {
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let message = tame(&error.without_snippet().to_string());
    WorldFileError::Unreadable { file: file.to_owned(), line, column, message }
}

/// A duration with a unit, such as `8m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub SignedDuration);

impl From<Span> for SignedDuration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_duration(self.0))
    }
}

/// A moment: `now`, `90d ago`, or an instant such as `2026-11-21T03:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This long before the world's start.
    Ago(SignedDuration),
    /// Exactly then.
    At(Timestamp),
}

impl Moment {
    pub(crate) fn resolve(self, start: Timestamp) -> Timestamp {
        match self {
            Self::Ago(age) => crate::sandbox::clock::earlier(start, age),
            Self::At(instant) => instant,
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "now" {
            return Ok(Self::Ago(SignedDuration::ZERO));
        }
        if let Some(age) = text.strip_suffix(" ago") {
            return parse_duration(age.trim()).map(Self::Ago).map_err(de::Error::custom);
        }
        text.parse().map(Self::At).map_err(|_| {
            de::Error::custom(format!(
                "`{}` is not a moment; write `now`, `90d ago` or `2026-11-21T03:00:00Z`",
                tame(&text)
            ))
        })
    }
}

/// Allocated storage, in GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u32);

impl Size {
    /// GiB.
    #[must_use]
    pub fn gib(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text
            .strip_suffix("GiB")
            .map(|number| (number, 1))
            .or_else(|| text.strip_suffix("TiB").map(|number| (number, 1024)))
            .and_then(|(number, unit)| number.trim().parse::<u32>().ok()?.checked_mul(unit))
            .filter(|gib| (1..=65_536).contains(gib));
        parsed.map(Self).ok_or_else(|| {
            de::Error::custom(format!("`{}` is not a size; write it like `120GiB` or `2TiB`", tame(&text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{Moment, WorldFile};
    use crate::sandbox::resource_file::KnownResource;
    use crate::words::kind::ResourceKind;

    #[test]
    fn a_full_file_is_read() {
        let text = "version: 1\nseed: 7\nspeed: 600\nresources:\n  orders:\n    size: 120GiB\n    restore: {takes: 8m}\n    \
                    data:\n      writes:\n        - {at: 90d ago, sql: \"CREATE TABLE t (a int)\"}\n        - {every: 1h, from: \
                    90d ago, until: now, sql: \"INSERT INTO t VALUES (1)\"}\nfaults:\n  - {what: throttle, operation: \
                    \"rds:DeleteDBInstance\", times: 2}\n";
        let world = WorldFile::read("w.yaml", text).unwrap();
        let orders = &world.resources["orders"];
        assert_eq!(orders.size.unwrap().gib(), 120);
        assert_eq!(orders.data.as_ref().unwrap().writes[0].at, Some(Moment::Ago(SignedDuration::from_hours(90 * 24))));
        let known = |name: &str| KnownResource { name: name.to_owned(), kind: ResourceKind::Rds };
        assert!(world.check("w.yaml", &[known("orders")]).is_ok());
        assert!(world.check("w.yaml", &[known("billing")]).is_err());
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let error =
            WorldFile::read("w.yaml", "version: 1\nresources:\n  orders: {sise: 120GiB}\n").unwrap_err().to_string();
        assert!(error.starts_with("w.yaml:3:"), "{error}");
        assert!(error.contains("`sise`") && error.contains("`size`"), "{error}");
        let error =
            WorldFile::read("w.yaml", "version: 1\nfaults: [{what: slow, operation: \"rsd:X\"}]\n").unwrap_err();
        assert!(error.to_string().contains("`rsd`"), "{error}");
        for text in ["version: 2\n", "version: 1\nspeed: 0\n", "version: 1\nfaults: [{what: gremlins}]\n", "- 1\n", ""]
        {
            assert!(WorldFile::read("w.yaml", text).is_err(), "{text}");
        }
    }
}
