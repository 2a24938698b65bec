//! The stage of rehearsals: a cloud over the official SDKs whose requests a world in memory answers.
//!
//! One stage serves one thread. Worlds are put on it one after the other; the SDK's clients stay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::aws::exchange::Exchange;
use crate::aws::session::{Override, Side, connect_inside};
use crate::cli::error::CliError;
use crate::cloud::Cloud;
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
    place: Arc<Place>,
}

/// A request that was made: its operation, and the step that made it.
pub(crate) type Asked = (String, Option<StepId>);

#[derive(Default)]
struct Place {
    world: Mutex<Option<(Direct, Arc<IdleClock>)>>,
    /// What was asked, while somebody wants to know.
    asked: Mutex<Option<Vec<Asked>>>,
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
        Ok(Self { cloud: connected.cloud, place })
    }

    /// From now on this world answers.
    pub(crate) fn show(&self, direct: &Direct, clock: &Arc<IdleClock>) {
        *self.place.world() = Some((direct.clone(), Arc::clone(clock)));
    }

    /// Writes down what is asked from now on.
    pub(crate) fn listen(&self) {
        *self.place.asked() = Some(Vec::new());
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
        self.note(&direct, &request);
        direct.exchange(request).await.map_err(|cut| cut.to_string())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        match self.world().as_ref() {
            Some((_, clock)) => Arc::clone(clock) as Arc<dyn Clock>,
            None => IdleClock::new(jiff::Timestamp::UNIX_EPOCH),
        }
    }
}
