//! B15: durable events a second into the journal, from 1,000 writers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use restore_drill::cli::clock::MachineClock;
use restore_drill::journal::event::Event;
use restore_drill::journal::store::{RunJournal, Store};
use restore_drill::plan::step::Work;
use restore_drill::words::time::Clock as _;
use tokio::sync::Barrier;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain, number};
use crate::measure::Stopwatch;
use crate::{histories, limits, many, no_op};

const WRITERS: usize = 1_000;

/// Appends of each writer, one event each.
const APPENDS: usize = 20;

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B15",
    what: "durable events a second, 1,000 writers, one event an append",
    unit: "/s",
    target: Some(100_000.0),
    moonshot: Some(400_000.0),
    more: true,
    times: REAL,
    deadline: Duration::from_secs(120),
    prepare: UNPREPARED,
    once,
}];

fn once(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    // All that wait share a sync: as many bytes in one go.
    let limit = number(100 * WRITERS) / (limits::groups(own.path(), 100, WRITERS)? / 1_000.0);
    let store = Store::open(&own.path().join("state")).map_err(explain)?;
    let plan = no_op::plan(1, false)?;
    let mut journals = Vec::with_capacity(WRITERS);
    for writer in 0..WRITERS {
        let mut plan = plan.clone();
        let number = u32::try_from(writer).unwrap_or(u32::MAX);
        plan.definition.name = histories::drill_of(number).parse().map_err(explain)?;
        journals.push(many::begin(&store, plan, MachineClock.now(), number)?.1);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(explain)?;
    let took = runtime.block_on(write(journals))?;
    let events = number(WRITERS * APPENDS);
    let note = "limit: 256 bytes for each of 1,000 waiting writers in one write and one sync";
    Ok(Once::new(events / (took / 1_000.0)).limit(limit).note(note))
}

/// All of them at once, in ms.
async fn write(journals: Vec<RunJournal>) -> Result<f64, String> {
    let ready = Arc::new(Barrier::new(WRITERS + 1));
    let mut tasks = tokio::task::JoinSet::new();
    for mut journal in journals {
        let ready = Arc::clone(&ready);
        tasks.spawn(async move {
            let text = "x".repeat(120);
            let event = Event::Warned { step: Work::Report.id(), text };
            ready.wait().await;
            for _ in 0..APPENDS {
                many::append(&mut journal, &[(MachineClock.now(), event.clone())]).await?;
                tokio::task::yield_now().await;
            }
            Ok::<(), String>(())
        });
    }
    ready.wait().await;
    let watch = Stopwatch::start();
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(explain)??;
    }
    Ok(watch.millis())
}
