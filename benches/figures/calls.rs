//! B5: requests to AWS from the accepted start to the proof that what was restored is gone, in virtual time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::run::drive::Ended;
use restore_drill::sandbox::{IdleClock, WorldFile, WorldSpec};
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;

use crate::figure::{EXACT, Figure, Once, UNPREPARED, explain, number};
use crate::inside::Inside;
use crate::many::{self, Begun};
use crate::table::shown;
use crate::{drill, no_op, profile, waits};

/// The start, a deletion, a look that proves it.
const LEAST: f64 = 3.0;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B5a",
        what: "AWS calls of one drill with a restore of 12 minutes, virtual time",
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
        id: "B5b",
        what: "AWS calls a drill of 1,000, virtual time, profile ref-1",
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

fn one(folder: &Path) -> Result<Once, String> {
    let definition = no_op::definition(drill::ORDERS)?;
    let file = WorldFile::read("orders.world.yaml", &drill::world("12m")).map_err(explain)?;
    let spec = WorldSpec::from_definition(&definition).overlay(file);
    let clock = IdleClock::new(spec.starts.ok_or("the world has no start")?);
    let tally = many::virtual_runtime(&clock)?.block_on(async {
        let inside = Inside::new(spec, &clock);
        let exchange: Arc<dyn Exchange> = Arc::clone(&inside) as Arc<dyn Exchange>;
        let mut services =
            no_op::services(waits::cloud_over(&definition, &exchange).await?, &definition.destination.region, folder);
        services.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        services.look_for_requests = Duration::from_secs(24 * 3_600);
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let plan = compile(&definition, facts).map_err(explain)?;
        let (state, journal) = many::begin(&store, plan, clock.now(), 1)?;
        let mut passed = false;
        many::drive_all(vec![Begun { services, state, journal }], |ended| {
            passed = matches!(ended, Ok(Ended::Concluded(state))
                if state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict == Verdict::Passed));
        })
        .await;
        if passed { Ok(inside.tally()) } else { Err("the drill did not pass".to_owned()) }
    })?;
    let (looks, guards) = tally.counted();
    let note = format!("{looks} looks at the job, {guards} others: {}", tally.shown(1));
    Ok(Once::new(number(looks + guards)).limit(LEAST).note(note))
}

fn thousand(_: &Path) -> Result<Once, String> {
    let simulated = profile::simulate(1_000, false)?;
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
