//! An AWS whose restore jobs are under way for ever: for runs that wait. Requests go through the official SDK and reach no
//! network.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::session::{Override, Side, connect_inside};
use restore_drill::cli::clock::MachineClock;
use restore_drill::cloud::Cloud;
use restore_drill::definition::model::Definition;
use restore_drill::sandbox::access_key;
use restore_drill::words::id::AccountId;
use restore_drill::words::time::Clock;
use serde_json::{Value, json};

use crate::figure::explain;
use crate::histories::job_of;
use crate::measure::Stopwatch;

/// Where requests seem to go.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What was asked so far.
#[derive(Default)]
pub(crate) struct Asked {
    first: Mutex<Option<Stopwatch>>,
    jobs: AtomicU64,
    lists: AtomicU64,
    others: AtomicU64,
}

impl Asked {
    /// So long ago the first request was made, in ms.
    pub(crate) fn since_first(&self) -> Option<f64> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).map(Stopwatch::millis)
    }

    /// Looks at one job, pages of a list of them, and anything else.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        (count(&self.jobs), count(&self.lists), count(&self.others))
    }
}

/// Jobs on a page of their list, at most.
const PAGE: u32 = 1_000;

/// The side of AWS.
struct Waits {
    asked: Arc<Asked>,
    /// So many jobs are listed: those of the first runs of `histories`.
    jobs: u32,
}

impl Waits {
    /// The page of the list that a query asks for.
    fn page(&self, query: &str) -> Value {
        let token = query.split('&').find_map(|pair| pair.strip_prefix("nextToken="));
        let from: u32 = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let to = self.jobs.min(from + PAGE);
        let jobs: Vec<Value> = (from + 1..=to).map(|number| under_way(&job_of(number))).collect();
        let next = (to < self.jobs).then(|| to.to_string());
        json!({ "RestoreJobs": jobs, "NextToken": next })
    }
}

fn under_way(job: &str) -> Value {
    json!({ "RestoreJobId": job, "Status": "RUNNING", "CreationDate": 1_795_262_400 })
}

#[async_trait]
impl Exchange for Waits {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.asked.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Stopwatch::start);
        let path = request.uri().path().trim_matches('/');
        let body = match path.split_once('/') {
            Some(("restore-jobs", job)) if !job.contains('/') => {
                self.asked.jobs.fetch_add(1, Ordering::SeqCst);
                under_way(job)
            }
            None if path == "restore-jobs" => {
                self.asked.lists.fetch_add(1, Ordering::SeqCst);
                self.page(request.uri().query().unwrap_or_default())
            }
            _ => {
                self.asked.others.fetch_add(1, Ordering::SeqCst);
                return Err("nothing else is answered here".to_owned());
            }
        };
        let response = Response::builder().status(200).header("content-type", "application/json");
        response.body(Bytes::from(body.to_string())).map_err(explain)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(MachineClock)
    }
}

/// The cloud of a definition, and what is asked of it. No list shows a job.
pub(crate) async fn cloud_and_asked(definition: &Definition) -> Result<(Cloud, Arc<Asked>), String> {
    cloud_of_jobs(definition, 0).await
}

/// The same where the jobs of so many runs are listed.
pub(crate) async fn cloud_of_jobs(definition: &Definition, jobs: u32) -> Result<(Cloud, Arc<Asked>), String> {
    let asked = Arc::new(Asked::default());
    let exchange: Arc<dyn Exchange> = Arc::new(Waits { asked: Arc::clone(&asked), jobs });
    Ok((cloud_over(definition, &exchange).await?, asked))
}

/// The cloud of a definition whose answers nobody needs.
pub(crate) async fn cloud(definition: &Definition) -> Result<Cloud, String> {
    cloud_and_asked(definition).await.map(|(cloud, _)| cloud)
}

/// The official SDKs of a definition's two sides over an exchange.
pub(crate) async fn cloud_over(definition: &Definition, exchange: &Arc<dyn Exchange>) -> Result<Cloud, String> {
    let with = |account: &AccountId| Override {
        url: NOWHERE.to_owned(),
        access_key: access_key(account),
        secret_key: "sandbox".to_owned(),
    };
    let (there, here) = (&definition.destination, &definition.source);
    let destination = Side { region: there.region.clone(), profile: None, access_role: None };
    let source = Side { region: here.region.clone(), profile: None, access_role: None };
    let overrides = (with(&there.account), with(&here.account));
    connect_inside(&destination, &source, overrides, exchange).await.map(|connected| connected.cloud).map_err(explain)
}
