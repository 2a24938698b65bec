//! What says whose a thing is that is in no ledger of this machine: name, restore job, tag. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::leftover::{Leftover, RUN_TAG, digits_in};
use crate::cloud::resource::{Expected, Types, mark};
use crate::run::sweep::{Found, Marked, Proof, Tags, Target};
use crate::words::id::{Name, RunId};
use crate::words::kind::ResourceKind;
use crate::words::time::show_instant;

/// The tag that says until when a thing is in use.
const EXPIRES_TAG: &str = "drill:expires";

/// The tag that names the restore: `restore.NAME`.
const STEP_TAG: &str = "drill:step";

/// A run makes no more attempts at one restore.
const MOST_ATTEMPTS: u32 = 9;

/// A thing without tags may be of a run that is under way elsewhere and about to tag it, or that could not. So long after
/// its restore job no run of usual length is.
const UNTAGGED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Everything that speaks for a thing.
pub(crate) struct Evidence<'a> {
    /// The restore job that says that it made it.
    job: Option<&'a Marked>,
    /// Its name is one that drills give.
    name: Option<&'a str>,
    /// The run that its tag names.
    run: Option<RunId>,
    /// It carries the tag, readable or not.
    tagged: bool,
    /// What the run of the tag expected, if the job was started for just that and the name fits.
    whole: Option<Expected>,
    /// What its name alone tells, if the restore job gave it that name.
    named: Option<Expected>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn gather(found: &'a Found, leftover: &'a Leftover, types: Types) -> Self {
        let made_it = |marked: &&Marked| {
            marked.job.created_resource.as_ref() == Some(&leftover.arn) && !marked.job.from_restore_testing
        };
        let job = found.jobs.iter().find(made_it);
        let name = leftover.name.as_deref().filter(|name| digits_in(name).is_some());
        let tag = leftover.tags.get(RUN_TAG);
        let run: Option<RunId> = tag.and_then(|run| run.parse().ok());
        let whole = job.zip(run).and_then(|(job, run)| whole(found, leftover, types, job, &run));
        let named = job.zip(name).and_then(|(job, name)| named(found, leftover, types, job, name));
        Self { job, name, run, tagged: tag.is_some(), whole, named }
    }

    /// Whether its tag or, where it has none, its name is of this run.
    pub(crate) fn is_of(&self, run: &RunId) -> bool {
        match (self.tagged, self.run, self.name) {
            (true, of, _) => of == Some(*run),
            (false, _, Some(name)) => digits_in(name) == Some(run.short().as_str()),
            (false, _, None) => false,
        }
    }

    pub(crate) fn proof(&self) -> Proof {
        match (&self.whole, &self.named) {
            (Some(_), _) => Proof::Whole,
            (None, Some(_)) if !self.tagged => Proof::JobAndName,
            _ => Proof::Partial,
        }
    }

    /// What removing needs, if the evidence is enough for a person's word.
    pub(crate) fn target(&self, leftover: &Leftover, now: Timestamp) -> Result<Target, String> {
        let Some(Marked { job, .. }) = self.job else { return Err(self.lacks()) };
        if !job.status.is_terminal() {
            return Err(format!("its restore job {} is not over: sweep again once it is", job.id));
        }
        let expected = match (&self.whole, &self.named) {
            (Some(expected), _) if leftover.tags.contains_key(EXPIRES_TAG) => expected,
            (Some(expected), _) => late(expected, job.completed, now)?,
            (None, Some(expected)) if !self.tagged => late(expected, job.completed, now)?,
            _ => return Err(self.lacks()),
        };
        let since = job.created.or(leftover.created).ok_or("nobody knows when its restore job was started")?;
        Ok(Target { leftover: leftover.clone(), expected: expected.clone(), job: job.id.clone(), since })
    }

    /// What is missing, in words.
    fn lacks(&self) -> String {
        let job = match self.job {
            Some(_) => "the restore job that made it is of a drill",
            None => "no restore job of a drill says that it made it",
        };
        let name = match self.name {
            Some(_) => "its name is like a drill's",
            None => "it has no drill's name",
        };
        let tag = match (self.tagged, self.run) {
            (true, Some(_)) => "it carries the tag `drill:run`",
            (true, None) => "its tag `drill:run` names no run",
            (false, _) => "it carries no tag `drill:run`",
        };
        let fits =
            if self.job.is_some() && self.tagged { ", and job, name and tag do not belong together" } else { "" };
        format!("{name}, {tag}, {job}{fits}: that proves nothing; look whose it is")
    }
}

/// Nothing tells how long its run may go on: it is taken for over a day after its job.
fn late(expected: &Expected, completed: Option<Timestamp>, now: Timestamp) -> Result<&Expected, String> {
    let Some(completed) = completed else {
        return Err("nobody knows when its restore job ended, and no tag says until when it is in use".to_owned());
    };
    let free = completed.checked_add(UNTAGGED_AFTER).unwrap_or(Timestamp::MAX);
    if now < free {
        let until = show_instant(free);
        return Err(format!("no tag says until when it is in use: its run may be under way elsewhere until {until}"));
    }
    Ok(expected)
}

/// What the run of the tag expected. The restore's name is in a tag; name or request id in the job must follow from both.
fn whole(found: &Found, leftover: &Leftover, types: Types, job: &Marked, run: &RunId) -> Option<Expected> {
    let restore: Name = leftover.tags.get(STEP_TAG)?.strip_prefix("restore.")?.parse().ok()?;
    let partition = leftover.arn.partition();
    leftover_kinds(leftover.kind).find_map(|kind| {
        let facts = types(kind);
        (1..=MOST_ATTEMPTS)
            .map(|attempt| facts.expected(run, &restore, attempt, &found.region, &found.account, partition))
            .find(|expected| fits(leftover, expected) && carries(job, mark(facts, &leftover.with, expected)))
    })
}

/// A Storage Gateway volume may be restored as an EBS volume: then that type gave the name.
fn leftover_kinds(kind: ResourceKind) -> impl Iterator<Item = ResourceKind> {
    let other = (kind == ResourceKind::Ebs).then_some(ResourceKind::StorageGateway);
    std::iter::once(kind).chain(other)
}

/// A name that the restore job gave, without a tag that names the run.
fn named(found: &Found, leftover: &Leftover, types: Types, job: &Marked, name: &str) -> Option<Expected> {
    let by_name = leftover.arn.name().rsplit('/').next() == Some(name);
    let expected = Expected {
        name: name.to_owned(),
        arn: by_name.then(|| leftover.arn.clone()),
        region: found.region.clone(),
        account: found.account.clone(),
    };
    carries(job, mark(types(leftover.kind), &leftover.with, &expected)).then_some(expected)
}

fn fits(leftover: &Leftover, expected: &Expected) -> bool {
    expected.arn.as_ref().is_none_or(|arn| *arn == leftover.arn)
        && leftover.name.as_ref().is_none_or(|name| *name == expected.name)
}

fn carries(job: &Marked, (key, value): (String, String)) -> bool {
    job.metadata.iter().any(|(known, found)| known.eq_ignore_ascii_case(&key) && *found == value)
}

/// Until when its tag keeps it; none without such a tag.
///
/// # Errors
/// A sentence for the table when the tag cannot be read: it counts for ever then.
pub(crate) fn kept_until(tags: &Tags) -> Result<Option<Timestamp>, String> {
    let Some(text) = tags.get(EXPIRES_TAG) else { return Ok(None) };
    let until: Timestamp = text.parse().map_err(|_| format!("its tag `{EXPIRES_TAG}` is no instant"))?;
    Ok(Some(until))
}
