//! I3: whether a run that passed had to. Read from the definition, from the world's restore jobs, and from what the stand-in
//! was asked and said; what the run's journal says of it is not asked.
//!
//! A condition of a probe is decided once more. One about something that none of these have, such as an endpoint, is
//! undecided: of such a probe nothing is said.

use serde_json::Value;

use crate::cli::rehearse::played::{End, How, PlayedRun};
use crate::cli::rehearse::stand_in::Said;
use crate::definition::model::{Definition, Probe, Severity, When};
use crate::probe::expect::satisfies;
use crate::run::prober::Purpose;
use crate::sandbox::Inventory;
use crate::sandbox::inventory::JobRecord;
use crate::words::id::Name;
use crate::words::kind::{ProbeKind, Verdict};
use crate::words::reference::{Reference, RestoreOutput, Template};

/// Whether a condition lets a probe be asked; nothing where that cannot be decided.
type Needed = Option<bool>;

/// What speaks against a pass of this run.
pub(crate) fn false_passes(definition: &Definition, run: &PlayedRun, world: &Inventory) -> Vec<String> {
    let passed = |end: &End| matches!(&end.how, How::Concluded(one, _) if one.verdict == Verdict::Passed);
    if !run.ends.iter().any(passed) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for restore in definition.restore.keys() {
        // A completed job has something to say only where not everything was restored (facts 1.7, 2.8).
        let whole = |job: &&JobRecord| job.status == "COMPLETED" && job.message.is_none();
        if !world.restore_jobs.iter().filter(whole).any(|job| run.marks.restore(job) == Some(restore)) {
            found.push(format!("it passed, and no restore of `{restore}` completed as a whole"));
        }
        if !is_proved(definition, run, restore) {
            found.push(format!("it passed, and no required probe of `{restore}` held"));
        }
    }
    for (name, probe) in definition.probes.iter().filter(|(_, probe)| is_asked(probe)) {
        if is_needed(probe, run, world) != Some(true) {
            continue;
        }
        let asked: Vec<&Said> = run.said.iter().filter(|said| said.name == *name).collect();
        let last = asked.iter().rev().find(|said| said.purpose == Purpose::Probe);
        if !last.is_some_and(|said| said.held && said.job.is_some()) {
            found.push(format!("it passed, and probe `{name}` never held"));
        }
        let control = asked.iter().rev().find(|said| matches!(said.purpose, Purpose::Control(_)));
        if probe.negative_control.is_some() && control.is_none_or(|said| said.held) {
            found.push(format!("it passed, and the negative control of `{name}` did not fail"));
        }
    }
    found
}

/// Whether the verdict depends on it and the stand-in answers it.
fn is_asked(probe: &Probe) -> bool {
    probe.severity == Severity::Required && probe.kind != ProbeKind::Manual
}

/// Whether a required probe was asked of it and held, or a person was asked.
fn is_proved(definition: &Definition, run: &PlayedRun, restore: &Name) -> bool {
    let probes = definition.probes.iter();
    let mut of_it = probes.filter(|(_, probe)| probe.on == *restore && probe.severity == Severity::Required);
    let held = |name: &Name| {
        let mut said = run.said.iter().filter(|said| said.name == *name);
        said.any(|said| said.purpose == Purpose::Probe && said.held)
    };
    of_it.any(|(name, probe)| probe.kind == ProbeKind::Manual || held(name))
}

/// Whether the definition asks for this probe in this run.
fn is_needed(probe: &Probe, run: &PlayedRun, world: &Inventory) -> Needed {
    let Some(when) = &probe.when else { return Some(true) };
    decide(when, run, world)
}

fn decide(when: &When, run: &PlayedRun, world: &Inventory) -> Needed {
    let template = Template::parse(&when.value).ok()?;
    let text = template.fill(|reference| known(reference, run, world)).ok()?;
    // As a run takes it: what looks like a number is compared as one.
    let value = text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
    // Ages are those of the moment at which the last value that it needs was there.
    let read = |name: &Name| template.references().any(|reference| reference.probe() == Some(name));
    let asked = run.said.iter().filter(|said| said.held && read(&said.name)).map(|said| said.at).max();
    Some(satisfies(&value, &when.expect, asked.unwrap_or(run.began)).is_ok())
}

fn known(reference: &Reference, run: &PlayedRun, world: &Inventory) -> Option<String> {
    match reference {
        Reference::Probe { name, value } => {
            let of_it = |said: &&Said| said.held && said.name == *name && said.purpose == Purpose::Probe;
            run.said.iter().rev().find(of_it)?.values.get(value).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }
        Reference::RunId => Some(run.run.to_string()),
        Reference::Restore { name, output } => of_job(job_of(name, run, world)?, *output),
        Reference::Environment(_) | Reference::Variable(_) | Reference::On(_) => None,
    }
}

fn job_of<'w>(restore: &Name, run: &PlayedRun, world: &'w Inventory) -> Option<&'w JobRecord> {
    world.restore_jobs.iter().find(|job| run.marks.restore(job) == Some(restore))
}

fn of_job(job: &JobRecord, output: RestoreOutput) -> Option<String> {
    match output {
        RestoreOutput::Arn => job.makes.clone(),
        RestoreOutput::Identifier => job.makes.as_deref()?.rsplit([':', '/']).next().map(str::to_owned),
        RestoreOutput::PointArn => Some(job.point.clone()),
        RestoreOutput::Host | RestoreOutput::Port | RestoreOutput::Address | RestoreOutput::PointCreated => None,
    }
}
