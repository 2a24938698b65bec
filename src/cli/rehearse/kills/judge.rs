//! What must hold after a run was killed and resumed, judged by what the world itself has and was asked, never by what
//! `drill` says of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::sandbox::Inventory;
use crate::sandbox::inventory::{JobRecord, Thing};
use crate::words::kind::Verdict;

/// What tells one restore from another in the metadata of its job. A type that cannot be given a name is told by its
/// recovery point.
const MARKS: &[&str] = &[
    "DBInstanceIdentifier",
    "dbClusterIdentifier",
    "targetTableName",
    "DestinationBucketName",
    "CreationToken",
    "targetName",
    "aws:backup:request-id",
];

/// The status of a restore job that restored something.
const COMPLETED: &str = "COMPLETED";

/// What a run that nobody disturbs shows: what every killed one is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// Its verdict.
    pub(crate) verdict: Verdict,
    /// How many requests it made.
    pub(crate) requests: u32,
    /// How many restore jobs it started.
    pub(crate) jobs: usize,
    /// How many of them completed.
    pub(crate) completed: usize,
    /// What a client of AWS lists before and after it.
    pub(crate) listing: Option<String>,
}

/// What is seen after a run was killed and resumed to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The world before the run.
    pub(crate) before: Inventory,
    /// The world after the last process.
    pub(crate) after: Inventory,
    /// How it ended.
    pub(crate) end: End,
    /// Why its journal does not verify.
    pub(crate) journal: Option<String>,
    /// What a client of AWS lists in the end.
    pub(crate) listing: Option<String>,
}

/// How a killed run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It was killed before its first record: there is no run that could be resumed.
    NeverBegan,
    /// With a verdict, and why.
    Concluded(Verdict, String),
    /// The last process ended without a verdict, and said this.
    Without(String),
    /// The last process did not end in time and was killed.
    Endless,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Something that the run made still exists (I1).
    Leftover,
    /// The same was restored more than once (I2).
    DoubleRestore,
    /// `passed`, without what it takes to pass (I3).
    FalsePass,
    /// Something that was there before is gone or was changed (I4).
    Touched,
    /// The journal does not verify (I5).
    Journal,
    /// It did not come to an end (I6).
    Endless,
    /// It ended in another way than the run that nobody disturbed.
    Verdict,
    /// A client of AWS lists something else than before.
    Listing,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: FindingKind,
    /// What it is about: an ARN, the name of a restore, a verdict.
    pub(crate) subject: String,
    /// The whole sentence.
    pub(crate) what: String,
}

impl Found {
    fn new(kind: FindingKind, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), what: what.into() }
    }
}

/// Everything that is wrong.
pub(crate) fn judge(expected: &Expected, seen: &Seen) -> Vec<Found> {
    let mut found = leftovers(seen);
    found.extend(double_restores(expected, &seen.after));
    found.extend(touched(seen));
    let is_clean = found.is_empty();
    found.extend(end(expected, seen, is_clean));
    if let Some(why) = &seen.journal {
        found.push(Found::new(FindingKind::Journal, "journal", format!("the journal does not verify: {why}")));
    }
    if seen.listing != expected.listing {
        found.push(listing(expected, seen));
    }
    found
}

/// Whatever was not there before: what restore jobs made, and what was added to it.
fn leftovers(seen: &Seen) -> Vec<Found> {
    let known = arns(&seen.before);
    let new = seen.after.things.iter().filter(|thing| !known.contains(thing.arn.as_str()));
    new.map(|thing| {
        let of_job = thing.made_by_restore_job.as_ref().map(|job| format!(", made by restore job {job}"));
        let what = format!("`{}` is left behind ({}{})", thing.arn, thing.state, of_job.unwrap_or_default());
        Found::new(FindingKind::Leftover, &thing.arn, what)
    })
    .collect()
}

fn arns(inventory: &Inventory) -> BTreeSet<&str> {
    inventory.things.iter().map(|thing| thing.arn.as_str()).collect()
}

/// More than one restore job for the same restore, or more jobs than the run that nobody disturbed needed.
fn double_restores(expected: &Expected, after: &Inventory) -> Vec<Found> {
    let mut jobs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for job in &after.restore_jobs {
        jobs.entry(mark(job)).or_default().push(&job.id);
    }
    let twice = jobs.iter().filter(|(_, ids)| ids.len() > 1);
    let mut found: Vec<Found> = twice
        .map(|(mark, ids)| {
            let what = format!("`{mark}` was restored {} times: restore jobs {}", ids.len(), ids.join(", "));
            Found::new(FindingKind::DoubleRestore, *mark, what)
        })
        .collect();
    let count = after.restore_jobs.len();
    if found.is_empty() && count > expected.jobs {
        let what = format!("{count} restore jobs were started, where an undisturbed run starts {}", expected.jobs);
        found.push(Found::new(FindingKind::DoubleRestore, "restore jobs", what));
    }
    found
}

fn mark(job: &JobRecord) -> &str {
    let is_mark = |key: &str| MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(key));
    job.metadata.iter().find(|(key, _)| is_mark(key)).map_or(job.point.as_str(), |(_, name)| name.as_str())
}

/// What was there before and is gone, or carries other tags.
fn touched(seen: &Seen) -> Vec<Found> {
    let now: BTreeMap<&str, &Thing> = seen.after.things.iter().map(|thing| (thing.arn.as_str(), thing)).collect();
    let change = |thing: &Thing| match now.get(thing.arn.as_str()) {
        None => Some(format!("`{}` was there before the run and is gone", thing.arn)),
        Some(other) if other.tags != thing.tags => Some(format!("`{}` has other tags than before the run", thing.arn)),
        Some(_) => None,
    };
    let changed = seen.before.things.iter().filter_map(|thing| Some((thing, change(thing)?)));
    changed.map(|(thing, what)| Found::new(FindingKind::Touched, &thing.arn, what)).collect()
}

/// Whether it may have ended as it did; `is_clean`: nothing is left behind, restored twice or touched.
fn end(expected: &Expected, seen: &Seen, is_clean: bool) -> Option<Found> {
    let completed = completed(&seen.after);
    match &seen.end {
        End::NeverBegan if seen.after.restore_jobs.is_empty() => None,
        End::NeverBegan => {
            let what = "a restore job was started, and no journal knows of a run";
            Some(Found::new(FindingKind::Verdict, "no run", what))
        }
        End::Concluded(Verdict::Passed, _) if completed < expected.completed => {
            let what = format!("passed with {completed} completed restore jobs of {}", expected.completed);
            Some(Found::new(FindingKind::FalsePass, Verdict::Passed.word(), what))
        }
        End::Concluded(Verdict::Passed, _) if !is_clean => {
            let what = "passed, and the world is not as it was";
            Some(Found::new(FindingKind::FalsePass, Verdict::Passed.word(), what))
        }
        End::Concluded(verdict, _) if *verdict == expected.verdict => None,
        End::Concluded(Verdict::Passed, _) => {
            let what = format!("passed, where an undisturbed run is {}", expected.verdict);
            Some(Found::new(FindingKind::FalsePass, Verdict::Passed.word(), what))
        }
        End::Concluded(verdict, why) => {
            let what = format!("{verdict}, where an undisturbed run is {}: {why}", expected.verdict);
            Some(Found::new(FindingKind::Verdict, verdict.word(), what))
        }
        End::Without(said) => {
            let what = format!("`drill resume` ended without a verdict: {said}");
            Some(Found::new(FindingKind::Verdict, "none", what))
        }
        End::Endless => Some(Found::new(FindingKind::Endless, "none", "the run did not come to an end and was killed")),
    }
}

/// How many restore jobs completed.
pub(crate) fn completed(inventory: &Inventory) -> usize {
    inventory.restore_jobs.iter().filter(|job| job.status == COMPLETED).count()
}

fn listing(expected: &Expected, seen: &Seen) -> Found {
    fn lines(listing: Option<&String>) -> BTreeSet<&str> {
        listing.map(|text| text.lines().collect()).unwrap_or_default()
    }
    let (before, after) = (lines(expected.listing.as_ref()), lines(seen.listing.as_ref()));
    let new: Vec<&str> = after.difference(&before).copied().collect();
    let gone: Vec<&str> = before.difference(&after).copied().collect();
    let what = format!(
        "a client of AWS lists what it did not list before: [{}]; and no more: [{}]",
        new.join(", "),
        gone.join(", ")
    );
    Found::new(FindingKind::Listing, "listing", what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{End, Expected, FindingKind, Seen, judge};
    use crate::sandbox::Inventory;
    use crate::sandbox::inventory::{JobRecord, Thing};
    use crate::words::kind::Verdict;

    const RESTORED: &str = "arn:aws:rds:eu-west-1:123456789012:db:drill-7f3a9c21-orders";

    fn thing(arn: &str, job: Option<&str>) -> Thing {
        Thing {
            arn: arn.to_owned(),
            kind: "rds:db".to_owned(),
            state: "available".to_owned(),
            made_by_restore_job: job.map(str::to_owned),
            tags: BTreeMap::new(),
        }
    }

    fn job(id: &str, name: &str) -> JobRecord {
        JobRecord {
            id: id.to_owned(),
            point: "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:1".to_owned(),
            metadata: BTreeMap::from([("DBInstanceIdentifier".to_owned(), name.to_owned())]),
            status: "COMPLETED".to_owned(),
            message: None,
            created_at: Timestamp::UNIX_EPOCH,
            token: None,
            makes: None,
        }
    }

    fn world(things: Vec<Thing>, restore_jobs: Vec<JobRecord>) -> Inventory {
        Inventory { now: Timestamp::UNIX_EPOCH, things, restore_jobs, calls: Vec::new() }
    }

    fn expected() -> Expected {
        Expected { verdict: Verdict::Passed, requests: 90, jobs: 1, completed: 1, listing: None }
    }

    fn seen(mut after: Inventory, verdict: Verdict) -> Seen {
        let before = world(vec![thing("arn:aws:rds:eu-west-2:123456789012:db:orders", None)], Vec::new());
        after.things.extend(before.things.clone());
        Seen { before, after, end: End::Concluded(verdict, String::new()), journal: None, listing: None }
    }

    fn kinds(seen: &Seen) -> Vec<FindingKind> {
        judge(&expected(), seen).into_iter().map(|found| found.kind).collect()
    }

    #[test]
    fn a_run_that_ends_as_if_it_had_not_been_killed_is_no_finding() {
        let seen = seen(world(Vec::new(), vec![job("J1", "drill-1")]), Verdict::Passed);
        assert!(kinds(&seen).is_empty(), "{:?}", judge(&expected(), &seen));
    }

    #[test]
    fn what_is_left_is_found_and_makes_a_pass_a_false_one() {
        let left = || world(vec![thing(RESTORED, Some("J1"))], vec![job("J1", "drill-1")]);
        assert_eq!(kinds(&seen(left(), Verdict::Passed)), [FindingKind::Leftover, FindingKind::FalsePass]);
        // `leaked` is the honest word for it, and no excuse where nothing was broken.
        assert_eq!(kinds(&seen(left(), Verdict::Leaked)), [FindingKind::Leftover, FindingKind::Verdict]);
    }

    #[test]
    fn a_second_job_is_found_by_its_name_or_by_the_count() {
        let same = seen(world(Vec::new(), vec![job("J1", "drill-1"), job("J2", "drill-1")]), Verdict::Failed);
        assert_eq!(kinds(&same), [FindingKind::DoubleRestore, FindingKind::Verdict]);
        let other = seen(world(Vec::new(), vec![job("J1", "drill-1"), job("J2", "drill-2")]), Verdict::Failed);
        assert_eq!(kinds(&other), [FindingKind::DoubleRestore, FindingKind::Verdict]);
    }

    #[test]
    fn a_pass_that_restored_nothing_is_false() {
        assert_eq!(kinds(&seen(world(Vec::new(), Vec::new()), Verdict::Passed)), [FindingKind::FalsePass]);
        let mut failed = job("J1", "drill-1");
        failed.status = "FAILED".to_owned();
        assert_eq!(kinds(&seen(world(Vec::new(), vec![failed]), Verdict::Passed)), [FindingKind::FalsePass]);
    }

    #[test]
    fn what_was_there_before_must_stay_as_it_was() {
        let mut gone = seen(world(Vec::new(), vec![job("J1", "drill-1")]), Verdict::Passed);
        gone.after.things.clear();
        assert_eq!(kinds(&gone), [FindingKind::Touched, FindingKind::FalsePass]);
        let mut tagged = seen(world(Vec::new(), vec![job("J1", "drill-1")]), Verdict::Passed);
        tagged.after.things[0].tags.insert("drill:run".to_owned(), "1".to_owned());
        assert_eq!(kinds(&tagged), [FindingKind::Touched, FindingKind::FalsePass]);
    }

    #[test]
    fn a_run_that_never_began_restored_nothing() {
        let mut early = seen(world(Vec::new(), Vec::new()), Verdict::Passed);
        early.end = End::NeverBegan;
        assert!(kinds(&early).is_empty(), "{:?}", judge(&expected(), &early));
        let mut unknown = seen(world(Vec::new(), vec![job("J1", "drill-1")]), Verdict::Passed);
        unknown.end = End::NeverBegan;
        assert_eq!(kinds(&unknown), [FindingKind::Verdict]);
    }

    #[test]
    fn a_listing_that_differs_is_named_line_by_line() {
        let mut listed = seen(world(Vec::new(), vec![job("J1", "drill-1")]), Verdict::Passed);
        listed.listing = Some("rds orders\nrds drill-1\n".to_owned());
        let expected = Expected { listing: Some("rds orders\n".to_owned()), ..expected() };
        let found = judge(&expected, &listed);
        assert_eq!(found.len(), 1);
        assert!(found[0].kind == FindingKind::Listing && found[0].what.contains("[rds drill-1]"), "{found:?}");
    }
}
