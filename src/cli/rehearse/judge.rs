//! Judges what came of a scenario, by the world's own books and never by what drill says of itself.
//!
//! | | what must hold |
//! |---|---|
//! | I1 | nothing of a run remains, or its verdict is `leaked` and names it |
//! | I2 | at most one restore job for each restore of a run took effect, and a process that was taken over changes nothing more |
//! | I3 | `passed` only where every restore completed as a whole and every required probe held, asked of what it made |
//! | I4 | nothing that the run did not make was changed |
//! | I5 | the journal verifies, its replay is the state that was lived, its report is the one that was written |
//! | I6 | the run ended within its deadline and its teardown's |
//! | I8 | no measured time is negative |
//! | panic | no task panicked |

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::aws::resource::facts;
use crate::cli::rehearse::pass::false_passes;
use crate::cli::rehearse::played::{End, How, Played, PlayedRun};
use crate::cli::rehearse::script::Script;
use crate::cli::rehearse::sweep::Swept;
use crate::cli::rehearse::trouble::{Crash, Damage, Jump, Lie, Scenario, Trouble, Wire};
use crate::journal::event::{Class, StepEnd};
use crate::journal::state::State;
use crate::journal::verdict::Conclusion;
use crate::plan::step::Work;
use crate::run::guard::EXPIRES_TAG;
use crate::run::step::report::rendered;
use crate::sandbox::Inventory;
use crate::sandbox::inventory::Thing;
use crate::words::id::Name;
use crate::words::kind::Verdict;
use crate::words::time::show_duration;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct Finding {
    /// `I1` to `I8`, `verdict` or `panic`.
    pub(crate) promise: &'static str,
    /// What was seen.
    pub(crate) what: String,
}

/// What is wrong with a played scenario; `usual` is the verdict of an undisturbed run.
pub(crate) fn judge(script: &Script, scenario: &Scenario, played: &Played, usual: Option<Verdict>) -> Vec<Finding> {
    let mut judge = Judge { script, scenario, played, found: Vec::new() };
    for run in &played.runs {
        judge.ends(run);
        judge.restores_once(run);
        judge.one_goes_on(run);
        judge.stops(run);
        judge.lease_ends(run);
        for what in false_passes(script.definition(), run, &played.after) {
            judge.finds("I3", what);
        }
        judge.journal(run);
    }
    for what in &played.panics {
        judge.finds("panic", what.clone());
    }
    judge.nothing_left();
    judge.touched_only_own();
    if played.second_let_in {
        judge.finds("I2", "a second runner was let into the same folder".to_owned());
    }
    for run in &played.runs {
        match usual {
            Some(usual) => judge.verdict(run, usual),
            None => judge.undisturbed(run),
        }
    }
    judge.found.sort();
    judge.found.dedup();
    judge.found
}

struct Judge<'a> {
    script: &'a Script,
    scenario: &'a Scenario,
    played: &'a Played,
    found: Vec<Finding>,
}

impl Judge<'_> {
    fn finds(&mut self, promise: &'static str, what: String) {
        self.found.push(Finding { promise, what });
    }

    fn has(&self, is: impl Fn(&Trouble) -> bool) -> bool {
        self.scenario.0.iter().any(is)
    }

    /// Whether somebody meddled with the journal's file: then drill may refuse it, and only what it says counts.
    fn is_damaged(&self) -> bool {
        self.has(|trouble| matches!(trouble, Trouble::Damage { .. }))
    }

    /// I1 at each end, and I6.
    fn ends(&mut self, run: &PlayedRun) {
        for end in &run.ends {
            match &end.how {
                How::Concluded(conclusion, at) => {
                    self.names_what_is_left(run, end, conclusion);
                    self.ended_in_time(run, *at);
                }
                How::JournalLost(said, started) => {
                    self.said_what_is_left(run, end, said);
                    if *started > 0 {
                        self.finds("I2", format!("{started} restore job(s) were started without a journal"));
                    }
                }
                How::Refused(why, _) if !self.is_damaged() => {
                    self.finds("I5", format!("a journal that nobody touched was refused: {why}"));
                }
                How::Refused(_, swept) => self.swept(run, end, swept),
                How::Endless => {
                    let longest = show_duration(self.script.longest());
                    self.finds("I6", format!("it was not over after {longest}"));
                }
                How::Broken(why) => self.finds("I5", format!("the engine broke off: {why}")),
            }
        }
        if run.ends.is_empty() {
            self.finds("I6", "it came to no end".to_owned());
        }
    }

    /// What of a run is in the world at one of its ends, but for what it keeps on purpose.
    fn left<'w>(&self, run: &PlayedRun, end: &'w End) -> Vec<&'w Thing> {
        let world = &end.world;
        let own: BTreeSet<&str> = world
            .restore_jobs
            .iter()
            .filter(|job| run.marks.restore(job).is_some())
            .map(|job| job.id.as_str())
            .collect();
        let known: BTreeSet<&str> = self.played.before.things.iter().map(|thing| thing.arn.as_str()).collect();
        let is_own = |thing: &&Thing| match thing.made_by_restore_job.as_deref() {
            Some(job) => own.contains(job),
            None => thing.arn.contains(&run.digits) && !known.contains(thing.arn.as_str()),
        };
        let is_kept = |thing: &&Thing| {
            // What a kept thing consists of goes with it.
            let of_job = thing.made_by_restore_job.as_ref();
            let marked =
                |other: &&Thing| other.made_by_restore_job.as_ref() == of_job && other.tags.contains_key(EXPIRES_TAG);
            end.keeps && of_job.is_some() && world.things.iter().any(|other| marked(&other))
        };
        world.things.iter().filter(is_own).filter(|thing| !is_kept(thing)).collect()
    }

    fn under_way<'w>(run: &PlayedRun, world: &'w Inventory) -> Vec<&'w str> {
        let jobs = world.restore_jobs.iter().filter(|job| run.marks.restore(job).is_some());
        let open = jobs.filter(|job| matches!(job.status.as_str(), "PENDING" | "RUNNING" | "CREATED"));
        open.map(|job| job.id.as_str()).collect()
    }

    fn names_what_is_left(&mut self, run: &PlayedRun, end: &End, conclusion: &Conclusion) {
        let said: Vec<&str> = conclusion.reasons.iter().map(|reason| reason.text.as_str()).collect();
        let leaked = conclusion.verdict == Verdict::Leaked;
        for unnamed in self.unnamed(run, end, &said.join("\n")) {
            let verdict = conclusion.verdict;
            self.finds("I1", format!("{unnamed} is left, and the verdict is `{verdict}` and does not name it"));
        }
        let left = self.left(run, end).len() + Self::under_way(run, &end.world).len();
        if left > 0 && !leaked {
            self.finds("I1", format!("{left} thing(s) are left, and the verdict is `{}`", conclusion.verdict));
        }
    }

    fn said_what_is_left(&mut self, run: &PlayedRun, end: &End, said: &[String]) {
        for unnamed in self.unnamed(run, end, &said.join("\n")) {
            self.finds("I1", format!("{unnamed} is left, and the error of the lost journal does not name it"));
        }
    }

    /// A sweep removed it, or shows it.
    fn swept(&mut self, run: &PlayedRun, end: &End, swept: &Swept) {
        for stuck in &swept.stuck {
            self.finds("I1", format!("a sweep could not remove what it offered to: {stuck}"));
        }
        for unnamed in self.unnamed(run, end, &swept.shown.join("\n")) {
            self.finds("I1", format!("{unnamed} is left, its journal was refused, and a sweep does not show it"));
        }
    }

    /// What is left and not named, directly or by the restore job that makes it.
    fn unnamed(&self, run: &PlayedRun, end: &End, said: &str) -> Vec<String> {
        let names = |thing: &Thing| {
            let id = thing.arn.rsplit([':', '/']).next().unwrap_or(&thing.arn);
            said.contains(&thing.arn)
                || said.contains(id)
                || thing.made_by_restore_job.as_deref().is_some_and(|job| said.contains(job))
        };
        let things = self.left(run, end);
        // The expected name of what a job makes stands for the job.
        let named = |job: &str| {
            let mark = end.world.restore_jobs.iter().find(|one| one.id == job);
            said.contains(job) || mark.is_some_and(|mark| mark.metadata.values().any(|value| said.contains(value)))
        };
        // What hangs on a thing that is there and named is found with it.
        let beside = |thing: &Thing| {
            let of_job = thing.made_by_restore_job.as_ref();
            of_job.is_some() && things.iter().any(|other| other.made_by_restore_job.as_ref() == of_job && names(other))
        };
        let by_name =
            |thing: &&Thing| names(thing) || beside(thing) || thing.made_by_restore_job.as_deref().is_some_and(named);
        let things = things.iter().filter(|thing| !by_name(thing)).map(|thing| thing.arn.clone());
        let jobs = Self::under_way(run, &end.world).into_iter().filter(|job| !named(job));
        things.chain(jobs.map(|job| format!("restore job {job}"))).collect()
    }

    /// I1 in the end: after every later try, nothing of any run is left but what drill refuses to touch, by name.
    fn nothing_left(&mut self) {
        for run in &self.played.runs {
            let Some(end) = run.ends.last() else { continue };
            let how = &end.how;
            if matches!(how, How::Refused(..)) {
                continue;
            }
            let left: Vec<String> = self.left(run, end).iter().map(|thing| thing.arn.clone()).collect();
            let refused = matches!(how, How::Concluded(conclusion, _) if conclusion.verdict == Verdict::Leaked)
                && run.state.as_ref().is_some_and(only_refusals);
            if !left.is_empty() && !refused {
                self.found.push(Finding { promise: "I1", what: format!("left for good: {}", left.join(", ")) });
            }
        }
        self.others_are_as_before();
        self.strangers_live();
    }

    /// What somebody else restored is still there.
    fn strangers_live(&mut self) {
        for job in &self.played.others {
            let after = &self.played.after;
            let completed = after.restore_jobs.iter().any(|one| one.id == *job && one.status == "COMPLETED");
            if completed && !after.things.iter().any(|thing| thing.made_by_restore_job.as_ref() == Some(job)) {
                self.finds("I4", format!("what restore job {job} of somebody else made is gone"));
            }
        }
    }

    /// What no restore job of a run made is there as before.
    fn others_are_as_before(&mut self) {
        let after: BTreeMap<(&str, &str), &Thing> =
            self.played.after.things.iter().map(|thing| ((thing.kind.as_str(), thing.arn.as_str()), thing)).collect();
        let missing = self.played.before.things.iter().filter(|thing| !after.contains_key(&(&thing.kind, &thing.arn)));
        let missing: Vec<String> = missing.map(|thing| thing.arn.clone()).collect();
        if !missing.is_empty() {
            self.finds("I4", format!("gone, and not the run's: {}", missing.join(", ")));
        }
        let known: BTreeSet<&str> = self.played.before.things.iter().map(|thing| thing.arn.as_str()).collect();
        let stray = self.played.after.things.iter().filter(|thing| thing.made_by_restore_job.is_none());
        let stray: Vec<String> =
            stray.filter(|thing| !known.contains(thing.arn.as_str())).map(|thing| thing.arn.clone()).collect();
        if !stray.is_empty() && !self.may_be_unfinished() {
            self.finds("I1", format!("left for good: {}", stray.join(", ")));
        }
    }

    /// Whether a run ended in a way after which something may lie about.
    fn may_be_unfinished(&self) -> bool {
        let open = |end: &End| match &end.how {
            How::Refused(..) => true,
            How::Concluded(conclusion, _) => conclusion.verdict == Verdict::Leaked,
            _ => false,
        };
        self.played.runs.iter().any(|run| run.ends.last().is_none_or(open))
    }

    /// I2.
    fn restores_once(&mut self, run: &PlayedRun) {
        let mut jobs: BTreeMap<String, u32> = BTreeMap::new();
        for job in &self.played.after.restore_jobs {
            if let Some(restore) = run.marks.restore(job) {
                *jobs.entry(restore.to_string()).or_default() += 1;
            }
        }
        for (restore, count) in jobs.into_iter().filter(|(_, count)| *count > 1) {
            self.finds("I2", format!("`{restore}` was restored {count} times"));
        }
    }

    /// I2, where the process that began was paused and taken over.
    fn one_goes_on(&mut self, run: &PlayedRun) {
        let Some(woke) = &run.woke else { return };
        if !woke.ended {
            self.finds("I2", "a process that was taken over did not end when it woke".to_owned());
        }
        if !woke.changed.is_empty() {
            let what = woke.changed.join(", ");
            self.finds("I2", format!("a process that was taken over changed something after it woke: {what}"));
        }
    }

    /// I6, where everything was stopped: nothing is restored any more. With other troubles a request may have been on its way.
    fn stops(&mut self, run: &PlayedRun) {
        let Some(stopped) = run.stopped.filter(|_| self.scenario.0.len() == 1) else { return };
        let jobs = self.played.after.restore_jobs.iter();
        let late = jobs.filter(|job| run.marks.restore(job).is_some() && job.created_at > stopped).count();
        if late > 0 {
            self.finds("I6", format!("{late} restore job(s) were started after everything was stopped"));
        }
    }

    /// I4: whatever changed something changed what a run made, where it restores.
    fn touched_only_own(&mut self) {
        let destination = &self.script.definition().destination;
        let before = &self.played.before;
        // What is archived lies below the definition's own prefix, wherever its bucket is.
        let archive = self.script.definition().report.archive.as_ref();
        let archive = archive.map(|to| {
            let below = to.s3.key(&[self.script.definition().name.as_str(), ""]);
            format!("{}/{below}", to.s3.bucket())
        });
        let mut foreign = Vec::new();
        for call in self.played.after.effects() {
            let resource = call.resource.as_deref().unwrap_or_default();
            // Names are the last part of an ARN, behind a colon (a database, a bucket) or a slash.
            let is_it = |arn: &str, id: &str| arn == id || arn.rsplit([':', '/']).next() == Some(id);
            let was_there = |id: &str| before.things.iter().any(|thing| is_it(&thing.arn, id));
            // What they change is the drill's own to ask for; what came of it is seen in the things.
            let asks = ["backup:StartRestoreJob", "ssm:SendCommand", "lambda:InvokeFunction"];
            let own = asks.contains(&call.operation.as_str()) || !resource.split(',').map(str::trim).any(was_there);
            let at_home = call.region == destination.region.as_str() && call.account == destination.account.to_string();
            let is_archived =
                call.operation == "s3:PutObject" && archive.as_deref().is_some_and(|below| resource.starts_with(below));
            if !is_archived && (!own || !at_home) {
                foreign.push(format!("{} on `{resource}`", call.operation));
            }
        }
        for what in foreign {
            self.finds("I4", format!("it touched what is not its own: {what}"));
        }
    }

    /// I5 and I8.
    fn journal(&mut self, run: &PlayedRun) {
        if self.is_damaged() {
            return;
        }
        let replayed = match State::replay(&run.records) {
            Ok(replayed) => replayed,
            Err(error) => return self.finds("I5", format!("the journal makes no sense: {error}")),
        };
        let lost = run.ends.iter().any(|end| matches!(end.how, How::JournalLost(..) | How::Endless));
        if let Some(state) = run.state.as_ref().filter(|_| !lost)
            && *state != replayed
        {
            self.finds("I5", "the journal's replay is not the state that was lived".to_owned());
        }
        if let Some((_, conclusion)) = &replayed.concluded {
            let measures = &conclusion.measures;
            for (name, measure) in [("rto", &measures.rto), ("rpo", &measures.rpo), ("copy lag", &measures.copy_lag)] {
                if measure.value.is_some_and(|value| value.is_negative()) {
                    self.finds("I8", format!("the {name} is negative"));
                }
            }
        }
        if replayed.report.is_some() {
            self.report(run);
        }
    }

    fn report(&mut self, run: &PlayedRun) {
        let Ok(files) = rendered(&run.records, facts) else {
            return self.finds("I5", "the report cannot be rendered again".to_owned());
        };
        for (name, content) in files {
            if std::fs::read_to_string(run.report.join(name)).ok().as_deref() != Some(content.as_str()) {
                self.finds("I5", format!("{name} is not what its journal renders"));
            }
        }
    }

    fn ended_in_time(&mut self, run: &PlayedRun, at: Timestamp) {
        let first = run.ends.iter().find_map(|end| match &end.how {
            How::Concluded(_, at) => Some(*at),
            _ => None,
        });
        let away = self.has(|trouble| {
            matches!(
                trouble,
                Trouble::Crash { how: Crash::Away, .. }
                    | Trouble::Clock { .. }
                    | Trouble::Damage { .. }
                    | Trouble::MaxCost { .. }
            )
        });
        let took = at.duration_since(run.began);
        if first == Some(at) && !away && took > self.script.longest() {
            self.finds("I6", format!("its verdict came after {}", show_duration(took)));
        }
    }

    /// A run that nobody disturbs leaves nothing.
    fn undisturbed(&mut self, run: &PlayedRun) {
        let leaked = |end: &End| matches!(&end.how, How::Concluded(one, _) if one.verdict == Verdict::Leaked);
        if run.ends.iter().any(leaked) {
            self.finds("I1", "a run that nobody disturbs is `leaked`".to_owned());
        }
    }

    /// What ends a run early is no word against the backup, and none for it. Where it found nothing to end, nothing is said.
    fn ended_early(&mut self, verdict: Verdict, usual: Verdict) {
        let ends_it = |trouble: &Trouble| matches!(trouble, Trouble::Stop { .. } | Trouble::MaxCost { .. });
        let alone = self.scenario.0.len() == 1 && self.scenario.0.iter().all(ends_it) && self.played.struck;
        if alone && usual == Verdict::Passed && verdict != Verdict::Inconclusive {
            self.finds("verdict", format!("`{verdict}`, though it was ended early"));
        }
    }

    /// What passes by itself must not make a leak of the end of a lease.
    fn lease_ends(&mut self, run: &PlayedRun) {
        let of_lease = |trouble: &Trouble| matches!(trouble, Trouble::LeaseEnd { .. });
        let alone = self.scenario.0.iter().all(|trouble| of_lease(trouble) || matches!(trouble, Trouble::Probe { .. }));
        let leaked = |end: &End| matches!(&end.how, How::Concluded(one, _) if one.verdict == Verdict::Leaked);
        if alone && self.has(of_lease) && run.ends.iter().any(leaked) {
            self.finds("verdict", "`leaked` at the end of a lease, because of one request".to_owned());
        }
    }

    /// Whether a probe is asked again often enough to outlive two bad answers.
    fn is_patient(&self, probe: &Name) -> bool {
        let probe = self.script.definition().probes.get(probe);
        probe.is_some_and(|probe| probe.retry.within > probe.retry.every * 3)
    }

    /// What only delays must not fail a drill, and a killed run ends as if it had not been killed.
    fn verdict(&mut self, run: &PlayedRun, usual: Verdict) {
        let first = run.ends.iter().find_map(|end| match &end.how {
            How::Concluded(conclusion, _) => Some(conclusion),
            _ => None,
        });
        let Some(conclusion) = first else { return };
        self.ended_early(conclusion.verdict, usual);
        let harmless = |trouble: &Trouble| match trouble {
            Trouble::Wire { how, lasting: false, .. } => !matches!(how, Wire::AccessDenied | Wire::ExpiredToken),
            Trouble::Crash { how, .. } => *how != Crash::Away,
            Trouble::Clock { how: Jump::Ahead | Jump::Back, .. } => true,
            Trouble::Probe { how: Lie::Late, probe } => self.is_patient(probe),
            Trouble::Runner(_) | Trouble::Takeover { .. } | Trouble::LeaseEnd { .. } => true,
            _ => false,
        };
        let surroundings = |trouble: &Trouble| {
            matches!(
                trouble,
                Trouble::Wire { .. }
                    | Trouble::Crash { .. }
                    | Trouble::Interrupt { .. }
                    | Trouble::DiskFull { .. }
                    | Trouble::Takeover { .. }
                    | Trouble::Stop { .. }
                    | Trouble::LeaseEnd { .. }
                    | Trouble::Damage { how: Damage::BitFlip | Damage::Truncated | Damage::ZeroTail, .. }
            )
        };
        let why = conclusion.reasons.first().map(|reason| reason.text.clone()).unwrap_or_default();
        // A clock that AWS would not take is refused before anything is asked for.
        let refused = self.has(|trouble| matches!(trouble, Trouble::Clock { .. })) && why.starts_with("clock: ");
        let alone = self.scenario.0.len() == 1 && self.scenario.0.iter().all(harmless);
        if alone && !refused && conclusion.verdict != usual {
            self.finds("verdict", format!("`{}` in the place of `{usual}`: {why}", conclusion.verdict));
        }
        // An objective that could not be measured is not met, whoever stood in the way.
        let unmeasured = conclusion.reasons.first().is_some_and(|reason| reason.text.starts_with("objective "));
        let failed = conclusion.verdict == Verdict::Failed && usual != Verdict::Failed && !unmeasured;
        if self.scenario.0.iter().all(surroundings) && failed {
            self.finds("verdict", format!("`failed`, though only the surroundings were in the way: {why}"));
        }
    }
}

/// Whether every leak of a run is something that a guard refuses to touch, or a restore job that AWS never ends.
fn only_refusals(state: &State) -> bool {
    let leaks = state.ledger.iter().filter(|(_, entry)| entry.gone.is_none());
    leaks.into_iter().all(|(name, entry)| {
        let stuck = entry.job.is_some() && entry.terminal_job().is_none();
        let end = state.step(&Work::Teardown(name.clone())).end();
        stuck || matches!(end, Some(StepEnd::Failed(failure)) if failure.class == Class::Refused)
    })
}
