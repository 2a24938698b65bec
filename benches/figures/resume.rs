//! B10: many unfinished runs after a kill: until all states are rebuilt and the first request to AWS is made, the way that
//! `drill resume --all` goes.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::cli::clock::MachineClock;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::run::drive::Ended;
use restore_drill::words::time::Clock as _;

use crate::figure::{Figure, Once, REAL, explain};
use crate::measure::Stopwatch;
use crate::table::shown;
use crate::{drill, histories, limits, many, no_op, waits};

/// The program drives so many runs at once; the others wait with their states.
const AT_ONCE: usize = 1_000;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B10",
        what: "10,000 unfinished runs of 40 events: all states rebuilt and the first request to AWS made",
        unit: "ms",
        target: Some(500.0),
        moonshot: Some(150.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: |folder| write(folder, 10_000),
        once,
    },
    Figure {
        id: "B10s",
        what: "the same with 1,000 runs",
        unit: "ms",
        target: None,
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: |folder| write(folder, 1_000),
        once,
    },
];

/// The journals as a killed process left them.
pub(crate) fn write(folder: &Path, count: u32) -> Result<(), String> {
    let definition = no_op::definition(drill::ORDERS)?;
    let plan = compile(&definition, facts).map_err(explain)?;
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    for number in 1..=count {
        histories::begin_waiting(&store, &plan, MachineClock.now(), number)?;
    }
    Ok(())
}

fn once(folder: &Path) -> Result<Once, String> {
    let definition = no_op::definition(drill::ORDERS)?;
    many::runtime_of_the_program()?.block_on(async {
        let (cloud, asked) = waits::cloud_and_asked(&definition).await?;
        let watch = Stopwatch::start();
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let owed = store.unfinished(None).map_err(explain)?;
        let (rebuilt, count) = (watch.millis(), owed.len());
        let services = || no_op::services(cloud.clone(), &definition.destination.region, folder);
        let failed = RefCell::new(None);
        let over = |ended: Result<Ended, String>| {
            let why = ended.err().unwrap_or_else(|| "a run ended instead of waiting".to_owned());
            failed.borrow_mut().get_or_insert(why);
        };
        tokio::select! {
            () = many::resume_all(&store, owed, AT_ONCE, services, over) => {}
            () = first_asked(&asked) => {}
        }
        if let Some(why) = failed.take() {
            return Err(format!("one of {count} runs could not be gone on with: {why}"));
        }
        let first = watch.millis() - asked.since_first().ok_or("nothing was asked")?;
        let (jobs, lists, _) = asked.counts();
        let note = format!(
            "{count} states after {} ms; then up to {AT_ONCE} are taken up at once; {jobs} looks at one job and {lists} pages of a \
             list within the first second of asking; limit: each record and text read, hashed and parsed into nothing, on two \
             threads",
            shown(rebuilt)
        );
        Ok(Once::new(first).limit(limits::records(&folder.join("state"))?).note(note))
    })
}

/// Until a second after the first request: by then it shows whether jobs are asked for one by one.
async fn first_asked(asked: &waits::Asked) {
    let clock = MachineClock;
    while asked.since_first().is_none_or(|since| since < 1_000.0) {
        let wake = clock.now().saturating_add(SignedDuration::from_millis(20));
        clock.sleep_until(wake.unwrap_or(jiff::Timestamp::MAX)).await;
    }
}
