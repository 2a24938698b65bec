//! Steps that do nothing: plans of actions whose calls answer at once, driven by the real engine with a journal on a disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use restore_drill::aws::resource::facts;
use restore_drill::cli::clock::MachineClock;
use restore_drill::cloud::Cloud;
use restore_drill::definition::load::check_text;
use restore_drill::definition::model::Definition;
use restore_drill::journal::event::{Event, Recorded, Tried};
use restore_drill::journal::state::State;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::plan::step::{Plan, Work};
use restore_drill::probe::Observed;
use restore_drill::run::drive::{Ended, Observer, drive};
use restore_drill::run::guards::Guards;
use restore_drill::run::prober::{Prober, Question};
use restore_drill::run::services::Services;
use restore_drill::run::stop::Unstoppable;
use restore_drill::words::id::Region;
use restore_drill::words::secret::Secret;
use restore_drill::words::time::Clock;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::figure::{Once, explain};
use crate::measure::Stopwatch;
use crate::table::shown;
use crate::{drill, limits, many, waits};

/// As the command line looks, in real time.
const LOOK_FOR_REQUESTS: Duration = Duration::from_millis(500);

/// Whatever is asked holds, at once.
pub(crate) struct AtOnce;

#[async_trait]
impl Prober for AtOnce {
    async fn ask(&self, question: Question, _: &Arc<dyn Clock>) -> Tried {
        let values = question.expect.keys().map(|name| (name.clone(), Value::from(1))).collect();
        Tried::Held { observed: Observed { values, facts: BTreeMap::new() }, explained: Vec::new() }
    }
}

/// A definition's text, checked. Its name must be in the text as `name: NAME`.
pub(crate) fn definition(text: &str) -> Result<Definition, String> {
    let name = text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap_or_default();
    match check_text(&format!("{name}.yaml"), text.as_bytes(), None, &BTreeMap::new(), facts) {
        Ok(loaded) => Ok(loaded.definition),
        Err(problems) => {
            let first = problems.diagnostics.first().map(|one| one.message.clone()).unwrap_or_default();
            Err(format!("the definition of the bench is wrong: {first}"))
        }
    }
}

/// So many actions and the report: one after the other, or all at once.
pub(crate) fn plan(actions: usize, in_a_chain: bool) -> Result<Plan, String> {
    let mut text = drill::ORDERS.to_owned();
    text.push_str("actions:\n");
    for number in 0..actions {
        text.push_str(&format!("  step-{number:05}: {{ command: {{ argv: [\"true\"] }}"));
        if in_a_chain && number > 0 {
            text.push_str(&format!(", needs: [step-{:05}]", number - 1));
        }
        text.push_str(" }\n");
    }
    let mut plan = compile(&definition(&text)?, facts).map_err(explain)?;
    plan.steps.retain(|step| matches!(step.work, Work::Action(_) | Work::Report));
    for step in &mut plan.steps {
        step.needs.retain(|need| need.step.as_str().starts_with("action."));
    }
    Ok(plan)
}

/// The outside of a run whose calls answer at once.
pub(crate) fn services(cloud: Cloud, region: &Region, folder: &Path) -> Services {
    Services {
        cloud,
        clock: Arc::new(MachineClock),
        region: region.clone(),
        types: facts,
        folder: folder.to_owned(),
        ca_bundle: None,
        sandbox_ca: None,
        environment: |_| None,
        key: Secret::new("0123456789abcdef".repeat(4)),
        stop: Arc::new(Unstoppable),
        evidence: folder.join("report"),
        signing_key: folder.join("signing.key"),
        imported: false,
        prober: Arc::new(AtOnce),
        look_for_requests: LOOK_FOR_REQUESTS,
        guards: Guards::all(),
    }
}

/// When the first step was durable, and when the last of those that count was over.
#[derive(Default)]
struct Seen {
    began: Option<Stopwatch>,
    steps: Option<f64>,
    appends: usize,
    events: usize,
    report: Option<Stopwatch>,
    /// What reports took, in ms.
    reports: f64,
}

impl Observer for Seen {
    fn recorded(&mut self, records: &[Recorded], _: &State) {
        self.appends += 1;
        self.events += records.len();
        if self.began.is_none() && records.iter().any(|record| matches!(record.event, Event::StepStarted { .. })) {
            self.began = Some(Stopwatch::start());
        }
        let of_action =
            |record: &Recorded| matches!(&record.event, Event::StepEnded { step, .. } if step.as_str() != "report");
        if records.iter().any(of_action) {
            self.steps = self.began.map(Stopwatch::millis);
        }
        for record in records {
            match &record.event {
                Event::StepStarted { step, .. } if step.as_str() == "report" => self.report = Some(Stopwatch::start()),
                Event::StepEnded { step, .. } if step.as_str() == "report" => {
                    self.reports += self.report.take().map_or(0.0, Stopwatch::millis);
                }
                _ => {}
            }
        }
    }
}

/// What a run of such a plan took, from its first durable step on.
pub(crate) struct Took {
    /// To the end of the run, in ms.
    pub(crate) run: f64,
    /// To the durable end of its last step but the report, in ms.
    pub(crate) steps: f64,
    /// How often the journal was synced.
    appends: usize,
    events: usize,
}

/// The row below the one of a whole run.
pub(crate) const STEPS_ALONE: &str = "of it, the steps alone: to the last durable outcome";

/// Steps that a figure is about, and what the disk needs for as many records that nobody made.
pub(crate) struct Steps {
    pub(crate) count: usize,
    pub(crate) in_a_chain: bool,
    /// Groups of records with one sync each.
    pub(crate) groups: usize,
    /// Records of a group.
    pub(crate) each: usize,
    /// These in words.
    pub(crate) limit: &'static str,
}

impl Steps {
    /// One repetition, of which this counts.
    pub(crate) fn once(&self, folder: &Path, which: fn(&Took) -> f64) -> Result<Once, String> {
        let own = tempfile::tempdir_in(folder).map_err(explain)?;
        let limit = limits::groups(own.path(), self.groups, self.each)?;
        let took = run(plan(self.count, self.in_a_chain)?, own.path())?;
        let note = format!(
            "{} appends for {} events, {} ms of steps and {} ms of verdict and report; limit: {}",
            took.appends,
            took.events,
            shown(took.steps),
            shown(took.run - took.steps),
            self.limit
        );
        Ok(Once::new(which(&took)).limit(limit).note(note))
    }
}

/// Runs a plan once, with its journal in `folder`.
fn run(plan: Plan, folder: &Path) -> Result<Took, String> {
    let runtime = many::runtime()?;
    runtime.block_on(async {
        let definition = plan.definition.clone();
        let services = services(waits::cloud(&definition).await?, &definition.destination.region, folder);
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let at = services.clock.now();
        let (state, mut journal) = many::begin(&store, plan, at, 1)?;
        let (_sender, mut signals) = mpsc::channel(1);
        let mut seen = Seen::default();
        let ended = drive(Arc::new(services), state, &mut journal, &mut signals, &mut seen).await.map_err(explain)?;
        let run = seen.began.map(Stopwatch::millis).ok_or("no step began")?;
        reported(ended)?;
        let steps = seen.steps.ok_or("no step ended")?;
        Ok(Took { run, steps, appends: seen.appends, events: seen.events })
    })
}

/// Runs a plan so many times, one run after the other, each with its report. How many events were journalled, and which part
/// of the real time was reports.
pub(crate) fn runs(plan: &Plan, folder: &Path, count: u32) -> Result<(usize, f64), String> {
    many::runtime()?.block_on(async {
        let cloud = waits::cloud(&plan.definition).await?;
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let (mut seen, watch) = (Seen::default(), Stopwatch::start());
        for number in 1..=count {
            let own = folder.join(format!("run-{number}"));
            let services = services(cloud.clone(), &plan.definition.destination.region, &own);
            let (state, mut journal) = many::begin(&store, plan.clone(), services.clock.now(), number)?;
            let (_sender, mut signals) = mpsc::channel(1);
            let ended = drive(Arc::new(services), state, &mut journal, &mut signals, &mut seen).await;
            reported(ended.map_err(explain)?)?;
        }
        Ok((seen.events, seen.reports / watch.millis()))
    })
}

fn reported(ended: Ended) -> Result<(), String> {
    match ended {
        Ended::Concluded(state) if state.report.is_some() => Ok(()),
        _ => Err("the run of the bench did not come to its report".to_owned()),
    }
}
