//! What may be left of runs, and what may be done about each thing. Pure, but for [`remove`].
//!
//! | what proves whose it is | who may remove it |
//! |---|---|
//! | the ledger of a run of this machine | that run's own teardown, with all its guards: `--yes` is enough |
//! | name, restore job and tag, or name and restore job where no tag was ever set | whoever types its ARN |
//! | less | nobody: it is listed with the reason |
//!
//! Whatever this says, nothing that a definition names, that is tagged `drill:never`, or that is still in use is removed.

mod evidence;
pub mod remove;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cloud::leftover::{Leftover, RUN_TAG, digits_in};
use crate::cloud::resource::{Expected, REQUEST_ID, Types};
use crate::cloud::vault::{JobStatus, Metadata, RestoreJob};
use crate::definition::model::Definition;
use crate::journal::ledger::{Entry, Existence};
pub use crate::run::guard::NEVER_TAG;
use crate::run::guard::is_named;
use crate::run::sweep::evidence::{Evidence, kept_until};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, DrillName, JobId, Region, RunId};
use crate::words::kind::ResourceKind;
use crate::words::text::tame;
use crate::words::time::show_instant;

/// A restore job that a drill seems to have started.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The job.
    pub job: RestoreJob,
    /// What it was started with.
    pub metadata: Metadata,
}

/// Whether a restore job carries a drill's mark: a drill's name, or the id that only drills give.
#[must_use]
pub fn is_marked(metadata: &Metadata) -> bool {
    metadata.iter().any(|(key, value)| key.eq_ignore_ascii_case(REQUEST_ID) || digits_in(value).is_some())
}

/// How a run of this machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A process has its drill.
    Running,
    /// Nobody runs it, and it may have left something.
    Owed,
    /// It is over, and keeps what it restored until then, on purpose.
    Kept(Timestamp),
    /// It is over and owes nothing.
    Over,
}

/// A run of which this machine has the ledger.
#[derive(Debug, Clone)]
pub struct Known {
    /// Which.
    pub run: RunId,
    /// Of which drill.
    pub drill: DrillName,
    /// How it stands.
    pub standing: Standing,
    /// What it may have made, gone or not.
    pub entries: Vec<Entry>,
}

/// What was found in one account and region.
#[derive(Debug, Clone)]
pub struct Found {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// Things, as their services list them.
    pub leftovers: Vec<Leftover>,
    /// Restore jobs with a drill's mark.
    pub jobs: Vec<Marked>,
}

/// What all places are judged by.
pub struct Grounds<'a> {
    /// The ledgers of this machine.
    pub known: &'a [Known],
    /// All definitions of the repository: whatever one of them names stays.
    pub definitions: &'a [Definition],
    /// The types.
    pub types: Types,
    /// Only runs of these drills may be torn down; of every drill, if there are none here.
    pub drills: &'a [DrillName],
    /// World time.
    pub now: Timestamp,
}

/// One thing, and what may be done about it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// What it is, in words.
    pub what: String,
    /// Its ARN; none where only its run's ledger knows of it and AWS assigns the id.
    pub arn: Option<Arn>,
    /// The name that its restore gave it.
    pub name: Option<String>,
    /// The service's word for its state; empty where no list shows it.
    pub state: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The run that it is or claims to be of.
    pub run: Option<String>,
    /// What says whose it is.
    pub proof: Proof,
    /// What may be done about it.
    pub fate: Fate,
}

/// What says whose a thing is. The words are those of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// A ledger of this machine.
    Ledger,
    /// A restore job of its run, its name and its tag.
    Whole,
    /// A restore job that gave it a drill's name; it carries no tag.
    JobAndName,
    /// Less than that.
    Partial,
}

impl Proof {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Whole => "job_name_tag",
            Self::JobAndName => "job_name",
            Self::Partial => "partial",
        }
    }
}

/// What may be done about a thing.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Its run's own teardown removes it.
    Teardown(RunId),
    /// It may be removed if a person types its ARN.
    Typed(Box<Target>),
    /// Its run's own teardown removes it, once somebody asks for that drill: which, and how.
    OtherDrill(String),
    /// It is in use, and nothing is left of it yet: why.
    InUse(String),
    /// It stays: why.
    Never(String),
}

/// What removing needs to know.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it was listed.
    pub leftover: Leftover,
    /// What its run expected.
    pub expected: Expected,
    /// The restore job that made it.
    pub job: JobId,
    /// When that was accepted: whatever is older is not of it.
    pub since: Timestamp,
}

impl Row {
    /// Whether it counts as left: things in use do not.
    #[must_use]
    pub fn is_left(&self) -> bool {
        !matches!(self.fate, Fate::InUse(_))
    }
}

/// Every thing of one place, those that can be removed first.
#[must_use]
pub fn judge(found: &Found, grounds: &Grounds<'_>) -> Vec<Row> {
    let mut rows = ledger_rows(found, grounds);
    rows.extend(found.leftovers.iter().filter_map(|leftover| leftover_row(found, leftover, grounds)));
    rows.extend(found.jobs.iter().filter_map(|marked| job_row(found, marked, grounds.known)));
    rows.sort_by(|a, b| (a.proof, &a.arn, &a.name).cmp(&(b.proof, &b.arn, &b.name)));
    rows
}

/// What the ledgers say may be there, whether or not a list shows it.
fn ledger_rows(found: &Found, grounds: &Grounds<'_>) -> Vec<Row> {
    let open = grounds.known.iter().filter(|one| one.standing != Standing::Over);
    let here = |entry: &&Entry| {
        let expected = &entry.intended.expected;
        entry.gone.is_none() && expected.account == found.account && expected.region == found.region
    };
    open.flat_map(|one| one.entries.iter().filter(here).map(move |entry| (one, entry)))
        .map(|(one, entry)| {
            let listed = found.leftovers.iter().find(|leftover| is_entry(leftover, entry));
            let unseen = || if entry.existence() == Existence::Present { "last seen there" } else { "" };
            Row {
                account: found.account.clone(),
                region: found.region.clone(),
                what: listed.map_or("restored resource", |listed| listed.what).to_owned(),
                arn: entry.arn().cloned(),
                name: Some(entry.intended.expected.name.clone()),
                state: listed.map_or_else(|| unseen().to_owned(), |listed| listed.state.clone()),
                created: listed.and_then(|listed| listed.created),
                run: Some(one.run.to_string()),
                proof: Proof::Ledger,
                fate: fate_of_run(one, Some(entry), grounds),
            }
        })
        .collect()
}

/// A run that leaked may keep something else on purpose: its teardown leaves that alone, as long as its time is not over.
fn fate_of_run(known: &Known, entry: Option<&Entry>, grounds: &Grounds<'_>) -> Fate {
    let lease = entry.and_then(|entry| entry.lease.as_ref());
    let holding = lease.filter(|lease| lease.holds() && lease.until > grounds.now).map(|lease| lease.until);
    match (known.standing, holding) {
        (Standing::Running, _) => Fate::InUse(format!("drill `{}` is running now", known.drill)),
        (Standing::Kept(until), _) | (_, Some(until)) => {
            let until = show_instant(until);
            Fate::InUse(format!("kept until {until} on purpose; `drill keep {} --end` removes it", known.run))
        }
        (Standing::Owed | Standing::Over, None) if !grounds.may_tear_down(&known.drill) => Fate::OtherDrill(format!(
            "it is of drill `{}`, which was not named; `drill sweep {} --yes` tears down run {}",
            known.drill, known.drill, known.run
        )),
        (Standing::Owed | Standing::Over, None) => Fate::Teardown(known.run),
    }
}

impl Grounds<'_> {
    fn may_tear_down(&self, drill: &DrillName) -> bool {
        self.drills.is_empty() || self.drills.contains(drill)
    }
}

/// Something that hangs on what is in the ledger, as a look at it found it.
fn is_part(leftover: &Leftover, entry: &Entry) -> bool {
    let id = leftover.arn.name().rsplit('/').next();
    entry.gone.is_none() && entry.parts.iter().any(|part| Some(part.id.as_str()) == id)
}

fn is_entry(leftover: &Leftover, entry: &Entry) -> bool {
    leftover.removable
        && (entry.arn() == Some(&leftover.arn)
            || leftover.name.as_deref() == Some(entry.intended.expected.name.as_str()))
}

/// None: it stands among the ledgers' things already.
fn leftover_row(found: &Found, leftover: &Leftover, grounds: &Grounds<'_>) -> Option<Row> {
    let open = || grounds.known.iter().filter(|one| one.standing != Standing::Over);
    if open().any(|one| one.entries.iter().any(|entry| entry.gone.is_none() && is_entry(leftover, entry))) {
        return None;
    }
    let evidence = Evidence::gather(found, leftover, grounds.types);
    // A volume of an instance, for example: its run's teardown knows it as a part.
    let of_open = open().find(|one| evidence.is_of(&one.run));
    let (proof, fate) = match of_open {
        Some(one) if leftover.removable => {
            let whole = one.entries.iter().find(|entry| is_part(leftover, entry));
            (Proof::Ledger, fate_of_run(one, whole, grounds))
        }
        _ => (evidence.proof(), fate(leftover, &evidence, grounds)),
    };
    Some(Row {
        account: found.account.clone(),
        region: found.region.clone(),
        what: leftover.what.to_owned(),
        arn: Some(leftover.arn.clone()),
        name: leftover.name.clone(),
        state: leftover.state.clone(),
        created: leftover.created,
        run: leftover.tags.get(RUN_TAG).map(|run| tame(run)),
        proof,
        fate,
    })
}

/// What may be done about a thing that is in no ledger of this machine.
fn fate(leftover: &Leftover, evidence: &Evidence<'_>, grounds: &Grounds<'_>) -> Fate {
    if let Some(reason) = denied(leftover, grounds.definitions) {
        return Fate::Never(reason);
    }
    match kept_until(&leftover.tags) {
        Ok(Some(until)) if until > grounds.now => {
            return Fate::InUse(format!("its tag `drill:expires` keeps it until {}", show_instant(until)));
        }
        Ok(_) => {}
        Err(reason) => return Fate::Never(reason),
    }
    match evidence.target(leftover, grounds.now) {
        Ok(target) => Fate::Typed(Box::new(target)),
        Err(reason) => Fate::Never(reason),
    }
}

/// What is never removed, whatever proves whose it is.
fn denied(leftover: &Leftover, definitions: &[Definition]) -> Option<String> {
    if !leftover.removable {
        return Some(format!("drill deletes no {}: remove it by hand once nobody needs it", leftover.what));
    }
    if leftover.tags.contains_key(NEVER_TAG) {
        return Some(format!("it carries the tag `{NEVER_TAG}`"));
    }
    let name = leftover.name.as_deref().unwrap_or_else(|| leftover.arn.name());
    let selected = |definition: &Definition| {
        definition.selections.values().any(|one| {
            one.select.arns.iter().chain(&one.select.except).any(|arn| *arn == leftover.arn)
                || one.template.metadata.values().any(|value| value == name || value == leftover.arn.as_str())
        })
    };
    let names = |definition: &&Definition| is_named(definition, Some(&leftover.arn), name) || selected(definition);
    let definition = definitions.iter().find(names)?;
    Some(format!("the definition `{}` names it: a drill never deletes what it did not make", definition.name))
}

/// Restore jobs that no list of things can stand for: those under way, those that made what no type lists, and those that
/// failed and may have left a part that bears no name.
fn job_row(found: &Found, marked: &Marked, known: &[Known]) -> Option<Row> {
    let job = &marked.job;
    let is_known = |one: &Known| one.entries.iter().any(|entry| entry.job.as_ref() == Some(&job.id));
    if known.iter().any(is_known) {
        return None;
    }
    let fate = match &job.created_resource {
        _ if !job.status.is_terminal() => {
            Fate::Never("it is under way and cannot be stopped: sweep again once it is over".to_owned())
        }
        Some(made) if !is_listed_by_a_type(made) => {
            Fate::Never("no type of drill lists what it made: look whether it still exists".to_owned())
        }
        None if job.status != JobStatus::Completed && point_of_the_nameless(job) => Fate::Never(format!(
            "it ended {} and names nothing that it made; AWS may have left a part of it, which bears no name: look for \
             what was made from its recovery point since it was started",
            job.status.word()
        )),
        _ => return None,
    };
    Some(Row {
        account: found.account.clone(),
        region: found.region.clone(),
        what: format!("restore job {}", job.id),
        arn: job.created_resource.clone(),
        name: marked.metadata.values().find(|value| digits_in(value).is_some()).map(|value| tame(value)),
        state: job.status.word().to_owned(),
        created: job.created,
        run: None,
        proof: Proof::Partial,
        fate,
    })
}

/// Volumes and instances get no name from a restore, so that nothing but their job says whose they are.
fn point_of_the_nameless(job: &RestoreJob) -> bool {
    job.point.as_ref().is_some_and(|point| point.service() == "ec2")
}

fn is_listed_by_a_type(arn: &Arn) -> bool {
    let of = |starts: &[&str]| starts.iter().any(|start| arn.resource().starts_with(start));
    match arn.service() {
        "rds" => of(&["db:", "cluster:"]),
        "ec2" => of(&["volume/", "instance/"]),
        "dynamodb" | "elasticfilesystem" | "fsx" | "s3" | "storagegateway" => true,
        _ => false,
    }
}

/// The kinds that are looked for, in the order of the documents. What the definition of a drill describes itself
/// (`type: other`) cannot be listed.
pub fn kinds() -> impl Iterator<Item = ResourceKind> {
    ResourceKind::ALL.iter().copied().filter(|kind| *kind != ResourceKind::Other)
}

/// Tags, as services give them.
pub(crate) type Tags = BTreeMap<String, String>;
