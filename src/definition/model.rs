//! What a definition means. No spans; nothing optional that has a default. Serialises into the journal.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::cloud::vault::Metadata;
use crate::words::archive::{BucketPath, Retention};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, DrillName, Name, Region, VaultName};
use crate::words::kind::{LockMode, ProbeKind, ReportFormat, ResourceKind};
use crate::words::shared::Shared;

/// A checked definition. A copy of it shares its restores and probes, of which there may be thousands, until one changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The file's stem.
    pub name: DrillName,
    /// One line for people.
    pub title: String,
    /// Who answers for the drill.
    pub owner: String,
    /// Free labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Controls that the owner maps this drill to; shown in the report.
    #[serde(default)]
    pub controls: Vec<String>,
    /// What it must reach.
    #[serde(default)]
    pub objectives: Objectives,
    /// How often it must be proven.
    #[serde(default, skip_serializing_if = "Policy::is_empty")]
    pub policy: Policy,
    /// Where the workload lives.
    pub source: Source,
    /// Where the drill restores.
    pub destination: Destination,
    /// Bounds of a run.
    pub limits: Limits,
    /// What restored things cost, by type; a restore's own rates win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates: BTreeMap<ResourceKind, Rates>,
    /// What to restore, by name.
    pub restore: Shared<BTreeMap<Name, Restore>>,
    /// Selections that become restores once the vault was asked; empty in a plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selections: BTreeMap<Name, Selection>,
    /// How to prove it, by name.
    pub probes: Shared<BTreeMap<Name, Probe>>,
    /// What is done to the restored world, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<Name, Action>,
    /// Where a person is asked, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<Name, Gate>,
    /// Recovery points that must be of compatible moments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// When and how long to tear down.
    pub teardown: Teardown,
    /// The report.
    pub report: ReportSettings,
}

impl Definition {
    /// The rates of a restore: its own, and those of its type where it has none of its own.
    #[must_use]
    pub fn rates_of(&self, restore: &Restore) -> Rates {
        let of_type = self.rates.get(&restore.kind).copied().unwrap_or_default();
        Rates {
            hour: restore.rates.hour.or(of_type.hour),
            gb_month: restore.rates.gb_month.or(of_type.gb_month),
            gb_restored: restore.rates.gb_restored.or(of_type.gb_restored),
        }
    }
}

/// Targets. An objective that could not be measured is not met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Objectives {
    /// From the run's start to the last required probe green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<SignedDuration>,
    /// Age of the recovery point at the run's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<SignedDuration>,
    /// From the source recovery point's creation to its copy's arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_lag: Option<SignedDuration>,
    /// Age of the newest data inside at the run's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age: Option<SignedDuration>,
}

/// How often a drill must prove what it restores. `drill coverage` holds the past runs against it; a run does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A pass that started longer ago proves nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_every: Option<SignedDuration>,
}

impl Policy {
    /// It asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The workload's side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Region of the workload.
    pub region: Region,
    /// Account of the workload.
    pub account: AccountId,
    /// A role that drill assumes to read copy jobs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_role: Option<Arn>,
    /// A profile of the AWS configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// The side of the copy, where the drill restores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// The DR region.
    pub region: Region,
    /// The account of the vault.
    pub account: AccountId,
    /// The vault that holds the copies.
    pub vault: VaultName,
    /// The role passed to AWS Backup.
    pub restore_role: Arn,
    /// A role that drill assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_role: Option<Arn>,
    /// A profile of the AWS configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Source and destination may be the same region.
    #[serde(default)]
    pub same_region: bool,
}

/// Bounds of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// From the run's start; then no new step starts but teardown. Default 8 h.
    pub max_duration: SignedDuration,
    /// Restore jobs under way at once. Default 4.
    pub max_parallel_restores: u32,
    /// In US dollars, at the definition's own rates. A run whose estimate is above it restores nothing; one that has cost
    /// so much is ended. What is kept after a run does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// A parameter of SSM in the destination: while its value is `stop`, runs end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_parameter: Option<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_duration: SignedDuration::from_hours(8),
            max_parallel_restores: 4,
            max_cost_usd: None,
            stop_parameter: None,
        }
    }
}

/// What a restored thing costs, in US dollars, as its owner knows it: drill knows no prices (facts 4.3). A GB is 2^30 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// For each hour that it exists: the instance.
    #[serde(default, rename = "per_hour", skip_serializing_if = "Option::is_none")]
    pub hour: Option<f64>,
    /// For each GB and month (of 730 hours) that it exists: the storage.
    #[serde(default, rename = "per_gb_month", skip_serializing_if = "Option::is_none")]
    pub gb_month: Option<f64>,
    /// For each GB that is restored, once.
    #[serde(default, rename = "per_gb_restored", skip_serializing_if = "Option::is_none")]
    pub gb_restored: Option<f64>,
}

impl Rates {
    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One thing to restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// Its type.
    pub kind: ResourceKind,
    /// The source resource.
    pub resource: Arn,
    /// Which recovery point.
    #[serde(default)]
    pub recovery_point: PickRule,
    /// Typed settings of the type.
    #[serde(default)]
    pub with: Settings,
    /// Raw StartRestoreJob metadata; wins over everything.
    #[serde(default)]
    pub metadata: Metadata,
    /// Restores or probes that must pass first.
    #[serde(default)]
    pub needs: Vec<Name>,
    /// From the restore job's start to ready. Default 4 h.
    pub timeout: SignedDuration,
    /// What it costs, where that is not what its type costs.
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub rates: Rates,
}

/// Several things to restore in the same way: one restore each, once the vault was asked what there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Which resources.
    pub select: Select,
    /// What every restore of it has; its `resource` is still open.
    pub template: Template,
}

/// Which resources of a vault. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Select {
    /// Tags of the resource, as its newest recovery point carries them.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// These, each of which must be there.
    #[serde(default)]
    pub arns: Vec<Arn>,
    /// The id of the backup plan that made the recovery points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Not these.
    #[serde(default)]
    pub except: Vec<Arn>,
}

/// What the restores of a selection share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// See [`Restore`].
    pub kind: ResourceKind,
    /// See [`Restore`].
    #[serde(default)]
    pub recovery_point: PickRule,
    /// See [`Restore`].
    #[serde(default)]
    pub with: Settings,
    /// See [`Restore`].
    #[serde(default)]
    pub metadata: Metadata,
    /// See [`Restore`].
    #[serde(default)]
    pub needs: Vec<Name>,
    /// See [`Restore`].
    pub timeout: SignedDuration,
    /// See [`Restore`].
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub rates: Rates,
}

impl Template {
    /// The restore of one resource.
    #[must_use]
    pub fn of(&self, resource: Arn) -> Restore {
        Restore {
            kind: self.kind,
            resource,
            recovery_point: self.recovery_point.clone(),
            with: self.with.clone(),
            metadata: self.metadata.clone(),
            needs: self.needs.clone(),
            timeout: self.timeout,
            rates: self.rates,
        }
    }
}

/// Something that is done to the restored world: at least once, and again after a crash in the middle of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// How: the probe kinds that can do something.
    pub kind: ProbeKind,
    /// The kind's settings, checked.
    pub settings: Settings,
    /// The restore whose endpoint it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Name>,
    /// What must pass first.
    #[serde(default)]
    pub needs: Vec<Name>,
    /// How often to try.
    #[serde(default)]
    pub retry: Retry,
    /// One attempt's longest time; real time. Default 30 s.
    pub timeout: SignedDuration,
    /// What its answer must satisfy.
    #[serde(default)]
    pub expect: Expectations,
    /// How it is undone, whenever it may have been done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// How an action is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// How.
    pub kind: ProbeKind,
    /// The kind's settings, checked.
    pub settings: Settings,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What is asked.
    pub ask: String,
    /// What must pass first.
    #[serde(default)]
    pub needs: Vec<Name>,
    /// Without an answer for so long, the answer is no.
    pub timeout: SignedDuration,
}

/// Recovery points of compatible moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// The oldest and the newest of them are no further apart.
    pub within: SignedDuration,
    /// These restores; all of the drill's by default.
    #[serde(default)]
    pub of: Vec<Name>,
}

/// How to choose the recovery point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PickRule {
    /// The rule.
    pub pick: Pick,
    /// Older ones are not eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<SignedDuration>,
    /// Continuous recovery points that somebody stopped are eligible too.
    #[serde(default)]
    pub allow_stopped: bool,
    /// Recovery points in cold storage are eligible too (hours slower).
    #[serde(default)]
    pub allow_cold: bool,
}

impl Default for PickRule {
    fn default() -> Self {
        Self { pick: Pick::Latest, max_age: None, allow_stopped: false, allow_cold: false }
    }
}

/// The rule itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The newest.
    Latest,
    /// The newest created at or before this instant.
    Before(Timestamp),
    /// This one.
    Arn(Arn),
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The restore that it probes.
    pub on: Name,
    /// The restores that it is one probe each for; empty in a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_each: Vec<Name>,
    /// Its kind.
    pub kind: ProbeKind,
    /// The kind's settings, checked; only the kind's file reads inside.
    pub settings: Settings,
    /// Probes that must pass first.
    #[serde(default)]
    pub needs: Vec<Name>,
    /// How often to try.
    #[serde(default)]
    pub retry: Retry,
    /// One attempt's longest time; real time. Default 30 s.
    pub timeout: SignedDuration,
    /// What must hold, by the name of the observed value.
    #[serde(default)]
    pub expect: Expectations,
    /// Observed values that are measures: only `data_age` is known.
    #[serde(default)]
    pub measures: Measures,
    /// A variant that must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_control: Option<NegativeControl>,
    /// For so long it must stay green after its first green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<SignedDuration>,
    /// It is asked only where this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Observed values that later runs compare with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<String>,
    /// How to reach the restored network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Whether the verdict depends on it.
    #[serde(default)]
    pub severity: Severity,
}

impl Probe {
    /// The texts with references that stand beside the kind's own settings.
    #[must_use]
    pub fn beside(&self) -> Vec<&str> {
        let via = self.via.as_ref().map(|via| match via {
            Via::SsmTunnel(text) | Via::Lambda(text) => text.as_str(),
        });
        self.when.iter().map(|when| when.value.as_str()).chain(via).collect()
    }
}

/// A condition on a value that is known before the probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct When {
    /// Text with references.
    pub value: String,
    /// What it must satisfy.
    #[serde(flatten)]
    pub expect: Expectation,
}

/// How a probe reaches what cannot be reached from here. The texts may hold references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Through Session Manager's port forwarding on this instance.
    SsmTunnel(String),
    /// By this function, which asks in drill's place.
    Lambda(String),
}

/// Whether a probe decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It must hold.
    #[default]
    Required,
    /// It is reported.
    Advisory,
}

/// How often to try until green.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// From the first attempt; zero is one attempt.
    #[serde(rename = "for")]
    pub within: SignedDuration,
    /// Between attempts.
    pub every: SignedDuration,
    /// Each pause is so many times the one before.
    #[serde(default = "steady", skip_serializing_if = "is_steady")]
    pub backoff: f64,
}

fn steady() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
#[expect(clippy::float_cmp, reason = "exactly one is what is left out")]
fn is_steady(backoff: &f64) -> bool {
    *backoff == 1.0
}

impl Default for Retry {
    fn default() -> Self {
        Self { within: SignedDuration::ZERO, every: SignedDuration::from_secs(15), backoff: 1.0 }
    }
}

/// What must hold, by the name of the observed value. Most probes have one or none, and an expectation is large: without the
/// box each would take the place of eleven.
pub type Expectations = BTreeMap<String, Box<Expectation>>;

/// What an observed value must satisfy. All that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// A number not below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// A number not above this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// A number between these two, both included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<(f64, f64)>,
    /// Exactly this; a list is equal element by element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// One of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// An instant that is not longer ago than this, at the time of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_older_than: Option<SignedDuration>,
    /// A number not below this share of the one that the last passed run recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_less_than_last_pass: Option<Share>,
    /// A list of which every element satisfies this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Box<Expectation>>,
    /// A list of which some element satisfies this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Box<Expectation>>,
    /// A list whose length satisfies this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Box<Expectation>>,
    /// A regular expression that the value as text matches somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// `true`: there is a value. `false`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<bool>,
}

/// A share of something, such as `99%`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(f64);

impl Share {
    /// Of one: `99%` is 0.99.
    #[must_use]
    pub fn of_one(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a share is a number with a percent sign, such as 99%";
        let number: f64 = text.strip_suffix('%').and_then(|digits| digits.trim().parse().ok()).ok_or(WRONG)?;
        if number.is_finite() && (0.0..=1000.0).contains(&number) { Ok(Self(number)) } else { Err(WRONG) }
    }
}

impl TryFrom<String> for Share {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        format!("{}%", share.0)
    }
}

/// Observed values that become measures of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The observed value that is the time of the newest data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age: Option<String>,
}

/// A variant of a probe that must fail, and how. It changes the query, the target or the credential; the expectation
/// stays, because a changed expectation alone proves nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NegativeControl {
    /// The probe's settings with the control's laid over them.
    pub settings: Settings,
    /// The predicted reason.
    pub fails_with: ProbeReason,
}

/// Why a probe did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeReason {
    /// There is no way to the target from here: its name does not resolve, or nothing at all comes back. It says
    /// nothing about what was restored.
    Unreachable,
    /// The target did not answer as it should: it refused, or hung up.
    Connection,
    /// The target is not who it should be: certificate or name.
    Tls,
    /// The credential was refused.
    Authentication,
    /// The database refused the query (no such table, no permission, not read-only).
    Query,
    /// The program ended with another exit code than 0.
    ExitCode,
    /// It answered something else than expected.
    Expectation,
    /// It took too long.
    Timeout,
    /// Something on this side is missing: a secret, a program, a CA bundle.
    Setup,
}

/// What is kept is billed: no lease is longer, from when it begins or is made longer.
pub const LONGEST_LEASE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When to tear down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Teardown {
    /// Whatever happened, or not: then what is kept has a lease.
    #[serde(default)]
    pub when: TeardownWhen,
    /// How long something is kept from the end of its probes on; never none where `when` keeps anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_for: Option<SignedDuration>,
    /// How long teardown may take before what is left counts as leaked. Default 2 h.
    pub timeout: SignedDuration,
}

impl Default for Teardown {
    fn default() -> Self {
        Self { when: TeardownWhen::Always, keep_for: None, timeout: SignedDuration::from_hours(2) }
    }
}

impl Teardown {
    /// How long the run keeps something, if it keeps anything.
    #[must_use]
    pub fn lease(&self) -> Option<SignedDuration> {
        self.keep_for.filter(|_| self.when != TeardownWhen::Always)
    }
}

/// What is torn down at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeardownWhen {
    /// Everything.
    #[default]
    Always,
    /// What was proved. The rest is kept for a look inside.
    OnPass,
    /// Nothing: a person ends the lease, or its time does.
    Manual,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportSettings {
    /// The template's name: `runbooks/NAME.md.hbs`, or the one that is built in.
    pub runbook: Name,
    /// In which forms it is written. Markdown and JSON are written whether they are named or not.
    #[serde(default = "usual_formats")]
    pub formats: Vec<ReportFormat>,
    /// What the report's files do not show. The journal keeps it: the run and its resume need it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<Redaction>,
    /// Who signs the evidence; without it, the key of the machine if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignBy>,
    /// Where the evidence is copied to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveSettings>,
}

/// Who signs the evidence, in the place of the key of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignBy {
    /// An asymmetric key of AWS KMS, in whatever region and account.
    Kms(Arn),
}

/// Where the evidence is copied to, with Object Lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveSettings {
    /// A bucket of the destination's account, and what the keys begin with.
    pub s3: BucketPath,
    /// How long nobody may delete it, from the verdict on.
    pub retain: Retention,
    /// Who may shorten that.
    #[serde(default = "governance")]
    pub mode: LockMode,
    /// The bucket's region, where that is not the destination's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

fn governance() -> LockMode {
    LockMode::Governance
}

/// The forms of a report whose definition says nothing of them.
#[must_use]
pub fn usual_formats() -> Vec<ReportFormat> {
    vec![ReportFormat::Markdown, ReportFormat::Html, ReportFormat::Json]
}

impl ReportSettings {
    /// Whether the report's files leave this out.
    #[must_use]
    pub fn hides(&self, what: Redaction) -> bool {
        self.redact.contains(&what)
    }
}

/// Something that the report's files do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redaction {
    /// Ids of AWS accounts: the beginning of a hash stands for each.
    AccountIds,
    /// Values of the restore metadata, but for those of a list of harmless keys.
    RestoreMetadata,
}
