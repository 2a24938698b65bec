//! B8: what a drill takes in memory while it waits for its restore.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::cli::clock::MachineClock;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::words::time::Clock as _;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain};
use crate::many::{self, Begun};
use crate::measure::memory_kib;
use crate::table::shown;
use crate::waits::Asked;
use crate::{drill, histories, no_op, waits};

/// A task of the runtime that sleeps, in kB.
const TASK: f64 = 0.588;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B8",
        what: "memory of each of 10,000 drills that wait for their restores",
        unit: "kB",
        target: Some(8.0),
        moonshot: Some(3.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(240),
        prepare: UNPREPARED,
        once: |folder| waiting(folder, 10_000),
    },
    Figure {
        id: "B8s",
        what: "the same with 1,000 that wait",
        unit: "kB",
        target: None,
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: |folder| waiting(folder, 1_000),
    },
];

fn waiting(folder: &Path, count: u32) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    let definition = no_op::definition(drill::ORDERS)?;
    let plan = compile(&definition, facts).map_err(explain)?;
    let store = Store::open(&own.path().join("state")).map_err(explain)?;
    many::runtime()?.block_on(async {
        let (cloud, asked) = waits::cloud_and_asked(&definition).await?;
        let before = memory_kib("self", "VmRSS")?;
        let mut runs = Vec::new();
        for one in 1..=count {
            let begun = histories::begin_waiting(&store, &plan, MachineClock.now(), one);
            let (state, journal) = begun.map_err(|why| {
                let kib = memory_kib("self", "VmRSS").unwrap_or(before) - before;
                let each = shown(kib * 1.024 / f64::from(one));
                format!("of {count} runs number {one} could not begin: {why}; until then each took {each} kB")
            })?;
            let services = no_op::services(cloud.clone(), &definition.destination.region, own.path());
            runs.push(Begun { services, state, journal });
        }
        let after = tokio::select! {
            () = many::drive_all(runs, |_| {}) => Err("the runs ended instead of waiting".to_owned()),
            after = all_waiting(&asked, u64::from(count)) => after,
        }?;
        let kib = after - before;
        let note = format!("{} MB in all; limit: a task that sleeps", shown(kib * 1.024 / 1_000.0));
        Ok(Once::new(kib * 1.024 / f64::from(count)).limit(TASK).note(note))
    })
}

/// The memory once each has looked at its job and waits for the next look.
async fn all_waiting(asked: &Asked, count: u64) -> Result<f64, String> {
    let clock = MachineClock;
    loop {
        let (jobs, lists, _) = asked.counts();
        let settled = jobs >= count || lists > 0;
        let pause = if settled { SignedDuration::from_secs(2) } else { SignedDuration::from_millis(50) };
        clock.sleep_until(clock.now().saturating_add(pause).map_err(explain)?).await;
        if settled {
            return memory_kib("self", "VmRSS");
        }
    }
}
