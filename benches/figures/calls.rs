//! B5: requests to AWS from the accepted start to the proof that what was restored is gone, in virtual time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::history::past::earlier;
use restore_drill::journal::event::Earlier;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::run::drive::Ended;
use restore_drill::sandbox::{IdleClock, WorldFile, WorldSpec};
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;

use crate::figure::{EXACT, Figure, Once, UNPREPARED, explain, number};
use crate::inside::{Inside, Tally};
use crate::many::{self, Begun};
use crate::profile::{self, How};
use crate::table::shown;
use crate::{drill, no_op, waits};

/// The start, a deletion, a look that proves it.
const LEAST: f64 = 3.0;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B5a",
        what: "AWS calls of one drill with a restore of 12 minutes that ran once before, virtual time",
        unit: "calls",
        target: Some(12.0),
        moonshot: Some(8.0),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(60),
        prepare: UNPREPARED,
        once: one,
    },
    Figure {
        id: "B5f",
        what: "the same in the first run of the drill",
        unit: "calls",
        target: None,
        moonshot: None,
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(60),
        prepare: UNPREPARED,
        once: first,
    },
    Figure {
        id: "B5b",
        what: "AWS calls a drill of 1,000 that ran before, virtual time, profile ref-1",
        unit: "calls",
        target: Some(4.0),
        moonshot: Some(3.6),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(600),
        prepare: UNPREPARED,
        once: thousand,
    },
];

/// What the restore and the removal of the run take that is counted, in seconds.
const TAKES: (i64, i64) = (720, 240);

/// The run before took so many per cent more.
const BEFORE: [i64; 3] = [0, 2, -2];

fn world(percent: i64) -> String {
    let seconds = |usual: i64| usual * (100 + percent) / 100;
    let (restore, removal) = (seconds(TAKES.0), seconds(TAKES.1));
    drill::world(&format!("{restore}s")).replace("restore:", &format!("removal: {{ takes: {removal}s }}, restore:"))
}

/// A run of the drill in a world of its own: what was asked, and what it leaves for the next one. Its times are so many per
/// cent more.
fn played(folder: &Path, percent: i64, number: u32, history: Vec<Earlier>) -> Result<(Tally, Earlier), String> {
    let folder = &folder.join(format!("run-{number}"));
    std::fs::create_dir_all(folder).map_err(explain)?;
    let definition = no_op::definition(drill::ORDERS)?;
    let file = WorldFile::read("orders.world.yaml", &world(percent)).map_err(explain)?;
    let spec = WorldSpec::from_definition(&definition).overlay(file);
    let clock = IdleClock::new(spec.starts.ok_or("the world has no start")?);
    many::virtual_runtime(&clock)?.block_on(async {
        let inside = Inside::new(spec, &clock);
        let exchange: Arc<dyn Exchange> = Arc::clone(&inside) as Arc<dyn Exchange>;
        let mut services =
            no_op::services(waits::cloud_over(&definition, &exchange).await?, &definition.destination.region, folder);
        services.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        services.look_for_requests = Duration::from_secs(24 * 3_600);
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let plan = compile(&definition, facts).map_err(explain)?;
        let (state, journal) = many::begin_after(&store, plan, clock.now(), number, history)?;
        let mut left = None;
        many::drive_all(vec![Begun { services, state, journal }], |ended| {
            if let Ok(Ended::Concluded(state)) = ended {
                left = earlier(&state).filter(|earlier| earlier.verdict == Verdict::Passed);
            }
        })
        .await;
        left.map(|left| (inside.tally(), left)).ok_or_else(|| "the drill did not pass".to_owned())
    })
}

fn told(tally: &Tally) -> String {
    let (looks, guards) = tally.counted();
    format!("{looks} looks at the job, {guards} others: {}", tally.shown(1))
}

fn all(tally: &Tally) -> usize {
    let (looks, guards) = tally.counted();
    looks + guards
}

/// The drill ran before: as long, a little longer, a little shorter. The median of the three.
fn one(folder: &Path) -> Result<Once, String> {
    let mut counts = Vec::new();
    let mut notes = Vec::new();
    for percent in BEFORE {
        let folder = folder.join(format!("before-{percent}"));
        let (_, before) = played(&folder, percent, 1, Vec::new())?;
        let (tally, _) = played(&folder, 0, 2, vec![before])?;
        counts.push(all(&tally));
        notes.push(format!("the run before took {percent:+} %: {} calls, {}", all(&tally), told(&tally)));
    }
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().ok_or("nothing was counted")?;
    Ok(Once { notes, ..Once::new(number(median)).limit(LEAST) })
}

/// The drill never ran before.
fn first(folder: &Path) -> Result<Once, String> {
    let (tally, _) = played(folder, 0, 1, Vec::new())?;
    Ok(Once::new(number(all(&tally))).limit(LEAST).note(told(&tally)))
}

fn thousand(_: &Path) -> Result<Once, String> {
    let simulated = profile::simulate(How { drills: 1_000, ran_before: true, halves: false })?;
    let (looks, guards) = simulated.tally.counted();
    let each = |count: usize| number(count) / number(simulated.drills);
    if simulated.passed < simulated.drills {
        let failed = simulated.drills - simulated.passed;
        let complaint = simulated.complaint.unwrap_or_default();
        return Err(format!("{failed} of {} drills did not pass; {complaint}", simulated.drills));
    }
    let note = format!(
        "{} looks at jobs and {} others a drill: {}",
        shown(each(looks)),
        shown(each(guards)),
        simulated.tally.shown(simulated.drills)
    );
    Ok(Once::new(each(looks + guards)).limit(LEAST).note(note))
}
