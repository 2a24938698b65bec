//! The stage of rehearsals: a cloud over the official SDKs whose requests a world in memory answers.
//!
//! One stage serves one thread. Worlds are put on it one after the other; the SDK's clients stay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::aws::exchange::Exchange;
use crate::aws::session::{Learned, Override, Side, connect_inside};
use crate::cli::error::CliError;
use crate::cli::rehearse::slumber::Slumber;
use crate::cloud::Cloud;
use crate::cloud::resource::REQUEST_ID;
use crate::definition::model::Definition;
use crate::run::call::under_way;
use crate::sandbox::{Direct, IdleClock, access_key};
use crate::words::id::{AccountId, StepId};
use crate::words::time::Clock;

/// Where requests seem to go.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A cloud and the place for its world.
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    learned: Learned,
    place: Arc<Place>,
}

/// A request that was made: its operation, and the step that made it.
pub(crate) type Asked = (String, Option<StepId>);

#[derive(Default)]
struct Place {
    world: Mutex<Option<(Direct, Arc<IdleClock>)>>,
    /// What was asked, while somebody wants to know.
    asked: Mutex<Option<Vec<Asked>>>,
    stranger: Mutex<Stranger>,
    slumber: Slumber,
}

/// Somebody else with the same wish.
#[derive(Default)]
struct Stranger {
    /// Comes before this start of a restore job.
    comes_at: Option<u32>,
    /// So many were started.
    starts: u32,
    /// The restore jobs that are the stranger's.
    jobs: Vec<String>,
}

impl Stage {
    /// Builds the cloud of a definition. Sends nothing.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) async fn new(definition: &Definition) -> Result<Self, CliError> {
        let place = Arc::new(Place::default());
        let exchange: Arc<dyn Exchange> = Arc::clone(&place) as Arc<dyn Exchange>;
        let (there, here) = (&definition.destination, &definition.source);
        let with = |account: &AccountId| Override {
            url: NOWHERE.to_owned(),
            access_key: access_key(account),
            secret_key: "sandbox".to_owned(),
        };
        let destination = Side { region: there.region.clone(), profile: None, access_role: None };
        let source = Side { region: here.region.clone(), profile: None, access_role: None };
        let overrides = (with(&there.account), with(&here.account));
        let connected = connect_inside(&destination, &source, overrides, &exchange).await;
        let connected = connected.map_err(|error| CliError::Session(Box::new(error)))?;
        Ok(Self { cloud: connected.cloud, learned: connected.learned, place })
    }

    /// From now on this world answers.
    pub(crate) fn show(&self, direct: &Direct, clock: &Arc<IdleClock>) {
        *self.place.world() = Some((direct.clone(), Arc::clone(clock)));
        self.place.slumber.begin();
        self.begin_process();
    }

    /// The sleep of the process that asks here.
    pub(crate) fn slumber(&self) -> &Slumber {
        &self.place.slumber
    }

    /// What the clients learned and listed is forgotten: the next process knows nothing of it.
    pub(crate) fn begin_process(&self) {
        self.learned.forget(self.place.clock());
        self.cloud.listings.forget();
    }

    /// Somebody else comes just before this start of a restore job, or nobody.
    pub(crate) fn expect_stranger(&self, comes_at: Option<u32>) {
        *self.place.stranger() = Stranger { comes_at, ..Stranger::default() };
    }

    /// The restore jobs of somebody else.
    pub(crate) fn jobs_of_stranger(&self) -> Vec<String> {
        self.place.stranger().jobs.clone()
    }

    /// Writes down what is asked from now on.
    pub(crate) fn listen(&self) {
        *self.place.asked() = Some(Vec::new());
    }

    /// How much was asked since then.
    pub(crate) fn asked_so_far(&self) -> usize {
        self.place.asked().as_ref().map_or(0, Vec::len)
    }

    /// What was asked since then, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.place.asked().take().unwrap_or_default()
    }
}

impl Place {
    fn world(&self) -> MutexGuard<'_, Option<(Direct, Arc<IdleClock>)>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Vec<Asked>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stranger(&self) -> MutexGuard<'_, Stranger> {
        self.stranger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request of somebody else, if it comes now: the same wish, another token and another mark.
    fn other_wish(&self, direct: &Direct, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        let mut stranger = self.stranger();
        stranger.comes_at?;
        if direct.operation(request)? != "backup:StartRestoreJob" {
            return None;
        }
        stranger.starts += 1;
        if stranger.comes_at != Some(stranger.starts) {
            return None;
        }
        let mut body: Value = serde_json::from_slice(request.body()).ok()?;
        // Into the run's own bucket nobody else restores.
        if body["Metadata"].get("DestinationBucketName").is_some() {
            return None;
        }
        body["IdempotencyToken"] = Value::from("of-somebody-else");
        if let Some(mark) = body["Metadata"].get_mut(REQUEST_ID) {
            *mark = Value::from("00000000-0000-4000-8000-000000000000");
        }
        let mut other = Request::new(Bytes::from(body.to_string()));
        *other.method_mut() = request.method().clone();
        *other.uri_mut() = request.uri().clone();
        *other.headers_mut() = request.headers().clone();
        Some(other)
    }

    fn note(&self, direct: &Direct, request: &Request<Bytes>) {
        if let Some(asked) = self.asked().as_mut()
            && let Some(operation) = direct.operation(request)
        {
            asked.push((operation, under_way()));
        }
    }
}

#[async_trait]
impl Exchange for Place {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let direct = self.world().as_ref().map(|(direct, _)| direct.clone());
        let Some(direct) = direct else { return Err("there is no world".to_owned()) };
        if !self.slumber.lets_out().await {
            return Err("the connection was closed while nobody used it".to_owned());
        }
        self.note(&direct, &request);
        if let Some(other) = self.other_wish(&direct, &request)
            && let Ok(answer) = direct.exchange(other).await
        {
            let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            self.stranger().jobs.extend(answer["RestoreJobId"].as_str().map(str::to_owned));
        }
        let woken = self.slumber.is_of_new_call().then(|| (direct.operation(&request), direct.calls()));
        let answer = direct.exchange(request).await.map_err(|cut| cut.to_string());
        if let Some((Some(operation), before)) = woken
            && direct.changed_since(before, &operation)
        {
            self.slumber.note_change(operation);
        }
        self.slumber.awake().await;
        answer
    }

    fn clock(&self) -> Arc<dyn Clock> {
        match self.world().as_ref() {
            Some((_, clock)) => Arc::clone(clock) as Arc<dyn Clock>,
            None => IdleClock::new(jiff::Timestamp::UNIX_EPOCH),
        }
    }
}
