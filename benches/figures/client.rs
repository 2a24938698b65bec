//! B9: CPU of one AWS call, through drill's client, engine and journal, over loopback.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::aws::session::{Override, Side, connect};
use restore_drill::cloud::Cloud;
use restore_drill::definition::model::Definition;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::run::drive::Ended;
use restore_drill::run::step::report::rendered;
use restore_drill::sandbox::{Remote, access_key};
use restore_drill::words::id::AccountId;
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain, number};
use crate::many::{self, Begun};
use crate::measure::cpu;
use crate::table::shown;
use crate::{drill, histories, limits, no_op, wire};

/// Drills at a time: fewer than an account may have databases.
const DRILLS: u32 = 20;

/// Bare requests that are made to know what one takes.
const BARE: u32 = 2_000;

/// World seconds for each real second.
const SPEED: &str = "10000";

/// Steps get this long, in world time.
const AMPLE: SignedDuration = SignedDuration::from_hours(240);

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B9",
    what: "CPU of one AWS call through client, engine and journal, the server's apart",
    unit: "ms",
    target: Some(0.15),
    moonshot: Some(0.08),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(120),
    prepare: UNPREPARED,
    once,
}];

fn text(number: u32) -> String {
    let name = format!("name: {}", histories::drill_of(number));
    drill::ORDERS.replace("name: orders", &name).replace(":db:orders", &format!(":db:orders-{number}"))
}

fn once(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    let loopback = limits::loopback_cpu()?;
    for number in 0..DRILLS {
        let name = histories::drill_of(number);
        drill::write(own.path(), &format!("drills/{name}.yaml"), &text(number))?;
        drill::write(own.path(), &format!("drills/{name}.world.yaml"), &drill::world("1m"))?;
    }
    let server = wire::Server::start(own.path(), &["--speed", SPEED])?;
    let before = cpu()?;
    let passed = many::runtime()?.block_on(drive(own.path(), server.url()))?;
    let in_all = cpu()?.own - before.own;
    let reports = reports(own.path())?;
    let seconds = in_all - reports;
    if passed < DRILLS {
        return Err(format!("{passed} of {DRILLS} drills passed"));
    }
    let calls = server.inventory()?.calls.len();
    let limit = limits::sdk_request(server.url(), BARE)?.cpu;
    let note = format!(
        "{calls} calls of {DRILLS} drills in {} s of CPU, and {} s more to render their reports; limit: a bare request of the \
         official SDK; one without any library takes {} ms of CPU, both sides together",
        shown(seconds),
        shown(reports),
        shown(loopback)
    );
    Ok(Once::new(seconds * 1_000.0 / number(calls)).limit(limit).note(note))
}

/// CPU that it takes to render the reports of all runs of a store, in seconds. Files are not written.
fn reports(folder: &Path) -> Result<f64, String> {
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    let before = cpu()?;
    for row in store.runs(None).map_err(explain)? {
        let files = rendered(&store.load(&row.run).map_err(explain)?, facts)?;
        std::hint::black_box(&files);
    }
    Ok(cpu()?.own - before.own)
}

async fn cloud(definition: &Definition, url: &str, clock: Arc<dyn Clock>) -> Result<Cloud, String> {
    let with = |account: &AccountId| Override {
        url: url.to_owned(),
        access_key: access_key(account),
        secret_key: "sandbox".to_owned(),
    };
    let (there, here) = (&definition.destination, &definition.source);
    let destination = Side { region: there.region.clone(), profile: None, access_role: None };
    let source = Side { region: here.region.clone(), profile: None, access_role: None };
    let overrides = Some((with(&there.account), with(&here.account)));
    let connected = connect(&destination, &source, overrides, true, "bench", clock).await;
    connected.map(|connected| connected.cloud).map_err(explain)
}

/// How many passed.
async fn drive(folder: &Path, url: &str) -> Result<u32, String> {
    let clock = Remote::connect(url).await.map_err(explain)?.clock();
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    let cloud = cloud(&no_op::definition(&text(0))?, url, Arc::clone(&clock)).await?;
    let mut runs = Vec::new();
    for number in 0..DRILLS {
        let definition = no_op::definition(&text(number))?;
        let mut plan = compile(&definition, facts).map_err(explain)?;
        plan.steps.iter_mut().for_each(|step| step.timeout = AMPLE);
        let (state, journal) = many::begin(&store, plan, clock.now(), number)?;
        let own = folder.join(format!("run-{number}"));
        let mut services = no_op::services(cloud.clone(), &definition.destination.region, &own);
        services.clock = Arc::clone(&clock);
        runs.push(Begun { services, state, journal });
    }
    let mut passed = 0;
    many::drive_all(runs, |ended| {
        if let Ok(Ended::Concluded(state)) = ended
            && state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict == Verdict::Passed)
        {
            passed += 1;
        }
    })
    .await;
    Ok(passed)
}
