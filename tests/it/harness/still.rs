//! A world in memory, in which time stands still while anything can be done: what happens happens at exact instants, the same
//! each time. The clients are the product's own, down to the bytes of the wire.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::session::{Learned, Override, Side, connect_inside};
use restore_drill::cloud::Cloud;
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::vault::{StartRestore, Vault};
use restore_drill::journal::event::Tried;
use restore_drill::probe::Observed;
use restore_drill::run::prober::{Prober, Question};
use restore_drill::sandbox::{Direct, IdleClock, WorldFile, WorldSpec, access_key};
use restore_drill::words::arn::Arn;
use restore_drill::words::id::JobId;
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;

use crate::harness::life::{Bench, Fate, Pen, conclusion, over};
use crate::harness::paper::{ORDERS, name};
use crate::harness::worlds::{self, ACCOUNT, HERE, THERE};

/// No test lasts longer, in real time.
const LONGEST: Duration = Duration::from_secs(120);

/// Real time that no test takes.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// What is answered in the place of the world to an operation at an instant.
pub(crate) type Says = Box<dyn Fn(&str, Timestamp) -> Option<Refusal> + Send + Sync>;

/// A refusal of a service that speaks JSON.
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) retry_after: Option<&'static str>,
}

/// Nothing: the world answers.
pub(crate) fn nothing() -> Says {
    Box::new(|_, _| None)
}

/// A wire between the product and the world.
struct Wire {
    direct: Direct,
    clock: Arc<IdleClock>,
    says: Says,
    sent: Mutex<Vec<(String, Timestamp, bool)>>,
}

impl Wire {
    fn sent(&self) -> MutexGuard<'_, Vec<(String, Timestamp, bool)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Exchange for Wire {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let operation = self.direct.operation(&request).unwrap_or_default();
        let now = self.clock.now();
        let refusal = (self.says)(&operation, now);
        self.sent().push((operation, now, refusal.is_some()));
        let Some(refusal) = refusal else {
            return self.direct.exchange(request).await.map_err(|cut| cut.to_string());
        };
        let mut response = Response::builder().status(400).header("x-amzn-errortype", refusal.code);
        if let Some(seconds) = refusal.retry_after {
            response = response.header("retry-after", seconds);
        }
        response.body(Bytes::from_static(b"{\"message\": \"no\"}")).map_err(|error| error.to_string())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }
}

/// The world, the clients, and what went between them.
#[derive(Clone)]
pub(crate) struct Still {
    pub(crate) clock: Arc<IdleClock>,
    pub(crate) direct: Direct,
    pub(crate) cloud: Cloud,
    pub(crate) learned: Learned,
    start: Timestamp,
    wire: Arc<Wire>,
}

/// Plays something in the world of [`worlds::ORDERS`].
pub(crate) fn play<T, F: Future<Output = T>>(says: Says, plays: impl FnOnce(Still) -> F) -> T {
    let start = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let clock = IdleClock::new(start);
    let idle = Arc::clone(&clock);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().on_thread_park(move || _ = idle.jump()).build().expect("a runtime");
    runtime.block_on(async {
        let still = Still::new(start, clock, says).await;
        tokio::time::timeout(LONGEST, plays(still)).await.expect("it ends")
    })
}

impl Still {
    async fn new(start: Timestamp, clock: Arc<IdleClock>, says: Says) -> Self {
        let file = WorldFile::read("test.world.yaml", worlds::QUICK).expect("the world file is right");
        let spec = WorldSpec::from_definition(&worlds::definition(worlds::ORDERS)).overlay(file);
        let direct = Direct::new(spec, 7, &clock);
        let wire = Wire { direct: direct.clone(), clock: Arc::clone(&clock), says, sent: Mutex::default() };
        let wire = Arc::new(wire);
        let exchange: Arc<dyn Exchange> = Arc::clone(&wire) as Arc<dyn Exchange>;
        let side = |region: &str| Side { region: region.parse().expect("a region"), profile: None, access_role: None };
        let account = ACCOUNT.parse().expect("twelve digits");
        let with = || Override {
            url: "http://127.0.0.1:9".to_owned(),
            access_key: access_key(&account),
            secret_key: "sandbox".to_owned(),
        };
        let connected = connect_inside(&side(THERE), &side(HERE), (with(), with()), &exchange).await;
        let connected = connected.unwrap_or_else(|error| panic!("no session: {error}"));
        Self { clock, direct, cloud: connected.cloud, learned: connected.learned, start, wire }
    }

    /// When this operation was sent, in milliseconds since the beginning, refused or not.
    pub(crate) fn sent(&self, operation: &str) -> Vec<i64> {
        let sent = self.wire.sent();
        let its = sent.iter().filter(|(asked, ..)| asked == operation);
        its.map(|(_, at, _)| at.as_millisecond() - self.start.as_millisecond()).collect()
    }

    /// How many requests were sent, and how many of them refused.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let sent = self.wire.sent();
        (sent.len(), sent.iter().filter(|(_, _, refused)| *refused).count())
    }

    /// Lets so many seconds pass.
    pub(crate) async fn pass(&self, seconds: i64) {
        self.clock.sleep_until(self.clock.now() + SignedDuration::from_secs(seconds)).await;
    }

    /// A recovery point that can be restored.
    pub(crate) async fn point(&self) -> Arn {
        let definition = worlds::definition(worlds::ORDERS);
        let resource = &definition.restore[&name(ORDERS)].resource;
        let points = self.cloud.vault.recovery_points(&definition.destination.vault, resource).await;
        let mut points = points.expect("the vault is listed").into_iter();
        points.find(|point| point.status == "COMPLETED").expect("there is a recovery point").arn
    }

    /// Starts a restore job that has nothing to do with any run; `number` tells it from others.
    pub(crate) async fn start_job(&self, point: &Arn, number: usize) -> Result<JobId, CloudError> {
        let metadata = [
            ("DBInstanceIdentifier", format!("other-{number}")),
            ("DBSubnetGroupName", "drill-isolated".to_owned()),
            ("VpcSecurityGroupIds", "[\"sg-0a1b2c3d4e5f60718\"]".to_owned()),
        ];
        let ask = StartRestore {
            point: point.clone(),
            role: worlds::definition(worlds::ORDERS).destination.restore_role,
            metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            token: format!("drill-{number:048}").parse().expect("a token"),
            resource_type: Some("RDS".to_owned()),
        };
        self.cloud.vault.start_restore(&ask).await
    }
    /// A whole run through this vault, in this world in the place of the bench's own. Its names carry digits of its number.
    pub(crate) async fn drives(&self, bench: &mut Bench, number: usize, vault: Arc<dyn Vault>) -> Verdict {
        bench.services.cloud = Cloud { vault, ..self.cloud.clone() };
        bench.services.clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        bench.services.prober = Arc::new(Holds);
        bench.services.look_for_requests = NEVER;
        for _ in 0..number {
            drop(bench.begin().await);
        }
        let (journal, state) = bench.begin().await;
        let case = format!("drill {number}");
        let state = over(&case, bench.live(&case, &mut Pen::new(journal, Fate::Lives), state, None).await);
        conclusion(&state).verdict
    }
}

/// Probes that hold: there are no databases in these worlds.
struct Holds;

#[async_trait]
impl Prober for Holds {
    async fn ask(&self, _: Question, _: &Arc<dyn Clock>) -> Tried {
        Tried::Held { observed: Observed { values: BTreeMap::new(), facts: BTreeMap::new() }, explained: Vec::new() }
    }
}
