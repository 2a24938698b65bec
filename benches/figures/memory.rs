//! B8: what a drill takes in memory while it waits for its restore.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::cli::clock::MachineClock;
use restore_drill::cloud::Cloud;
use restore_drill::cloud::vault::Vault;
use restore_drill::journal::store::Store;
use restore_drill::run::watch::Watch;
use restore_drill::words::time::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::figure::{Figure, Once, REAL, explain};
use crate::many::{self, Asleep, Parking};
use crate::measure::memory_kib;
use crate::table::shown;
use crate::waits::Asked;
use crate::{drill, no_op, resume, waits};

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
        prepare: |folder| resume::write(folder, 10_000),
        once: waiting,
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
        prepare: |folder| resume::write(folder, 1_000),
        once: waiting,
    },
];

fn waiting(folder: &Path) -> Result<Once, String> {
    let definition = no_op::definition(drill::ORDERS)?;
    raise_files();
    many::runtime_of_the_program()?.block_on(async {
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let rows = store.runs(None).map_err(explain)?;
        let count = u32::try_from(rows.len()).map_err(explain)?;
        let (cloud, asked) = waits::cloud_of_jobs(&definition, count).await?;
        let before = memory_kib("self", "VmRSS")?;
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let watch = Watch::new(Arc::clone(&cloud.vault), Arc::clone(&clock));
        let view = || -> Arc<dyn Vault> { Arc::new(watch.beside()) };
        let region = &definition.destination.region;
        let services = |vault| no_op::services(Cloud { vault, ..cloud.clone() }, region, folder);
        let asleep = Asleep::default();
        let parking = Parking::new(&store, clock, services, &asleep);
        let after = tokio::select! {
            ended = parking.park_all(rows, view) => Err(ended.err().unwrap_or_else(|| "there are no runs".to_owned())),
            after = all_parked(&asked, &asleep, u64::from(count)) => after,
        }?;
        let kib = after - before;
        let (jobs, lists, _) = asked.counts();
        let note = format!(
            "{} MB in all, {jobs} looks at one job and {lists} pages of a list; limit: a task that sleeps",
            shown(kib * 1.024 / 1_000.0)
        );
        Ok(Once::new(kib * 1.024 / f64::from(count)).limit(TASK).note(note))
    })
}

/// As the program does: a run that is parked has the lock of its drill open.
fn raise_files() {
    let files = getrlimit(Resource::Nofile);
    // Where that is not allowed, the lock that cannot be opened says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}

/// The memory once each is parked and a list has told of its job: two seconds after the last of that.
async fn all_parked(asked: &Asked, asleep: &Asleep, count: u64) -> Result<f64, String> {
    let clock = MachineClock;
    let (mut all_since, mut last, mut quiet) = (None, (0, 0), 0);
    loop {
        clock.sleep_until(clock.now().saturating_add(SignedDuration::from_millis(100)).map_err(explain)?).await;
        let ((_, lists, _), (now, times)) = (asked.counts(), asleep.counts());
        if now < count {
            quiet = 0;
            continue;
        }
        let listed_before = *all_since.get_or_insert(lists);
        quiet = if lists > listed_before && last == (lists, times) { quiet + 1 } else { 0 };
        last = (lists, times);
        if quiet == 20 {
            return memory_kib("self", "VmRSS");
        }
    }
}
