//! The limiter: requests wait for their turn below the SDK and above the wire, so that AWS throttles nobody.
//!
//! There is one bucket for each account, region and operation, on the run's clock. It begins at the documented rate; what AWS
//! answers lowers and raises it. A request whose turn does not come in time is *not sent* and fails as throttled, which
//! leaves nothing in doubt: the step pauses and asks again. The time-out of an attempt begins when its turn has come.
//!
//! Only `session` puts it around a client.

pub(crate) mod bucket;
pub(crate) mod rate;
mod refusal;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::timeout::TimeoutConfig;
use jiff::SignedDuration;

use crate::aws::error::classify;
use crate::aws::limit::bucket::{Bucket, Turn, later};
use crate::aws::limit::rate::{documented, patience};
use crate::aws::limit::refusal::{code, retry_after};
use crate::aws::scope::{account, signature};
use crate::cloud::error::ErrorKind;
use crate::words::time::Clock;

/// AWS's word for a place that is not free: it is about how many, not about how often.
const NO_PLACE: &str = "LimitExceededException";

/// The buckets of one process.
pub struct Limits(Mutex<Inside>);

struct Inside {
    clock: Arc<dyn Clock>,
    /// At most as many as there are accounts, regions and operations.
    buckets: BTreeMap<Key, Bucket>,
}

/// Which bucket.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    account: String,
    region: String,
    operation: String,
}

/// A request that was not sent, because its turn did not come in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}` was not sent: as many as AWS allows were sent in this account and region")]
pub(crate) struct HeldBack {
    pub(crate) operation: String,
}

impl Limits {
    /// Full buckets, on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inside { clock, buckets: BTreeMap::new() })))
    }

    /// Full buckets again, on this clock: what a new process has.
    pub fn forget(&self, clock: Arc<dyn Clock>) {
        let mut inside = self.inside();
        inside.clock = clock;
        inside.buckets.clear();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. What stops waiting leaves its place to the others.
    async fn turn(&self, key: &Key) -> Result<(), HeldBack> {
        let clock = Arc::clone(&self.inside().clock);
        let patience = SignedDuration::try_from(patience(&key.operation)).unwrap_or(SignedDuration::ZERO);
        let deadline = later(clock.now(), patience);
        let waiting = self.enter(key);
        loop {
            let now = clock.now();
            let turn = self.inside().ask(key, waiting.place);
            match turn {
                // Also a moment late: a world's clock runs fast, and a wake-up always comes after its time. Real time is bounded
                // by whoever waits here.
                Turn::Now => return Ok(()),
                Turn::At(_) if now >= deadline => return Err(HeldBack { operation: key.operation.clone() }),
                Turn::At(instant) => clock.sleep_until(instant.min(deadline)).await,
            }
        }
    }

    fn enter<'a>(&'a self, key: &'a Key) -> Waiting<'a> {
        let place = self.inside().bucket(key).enter();
        Waiting { limits: self, key, place }
    }

    /// Learns from an answer.
    fn answered(&self, key: &Key, response: &HttpResponse) {
        let status = response.status().as_u16();
        if status < 400 {
            return;
        }
        let code = code(response);
        let has_no_place = code.as_deref() == Some(NO_PLACE);
        if !has_no_place && classify(code.as_deref(), status) == ErrorKind::Throttled {
            let mut inside = self.inside();
            let now = inside.clock.now();
            inside.bucket(key).throttled(now, retry_after(response));
        }
    }
}

impl Inside {
    fn bucket(&mut self, key: &Key) -> &mut Bucket {
        let now = self.clock.now();
        self.buckets.entry(key.clone()).or_insert_with(|| Bucket::new(documented(&key.operation), now))
    }

    fn ask(&mut self, key: &Key, place: u64) -> Turn {
        let now = self.clock.now();
        self.bucket(key).ask(place, now)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("region", &self.region).field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl Storable for Key {
    type Storer = StoreReplace<Self>;
}

/// A place in the queue.
struct Waiting<'a> {
    limits: &'a Limits,
    key: &'a Key,
    place: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(bucket) = self.limits.inside().buckets.get_mut(self.key) {
            bucket.leave(self.place);
        }
    }
}

/// An HTTP client whose requests wait for their turn.
#[derive(Debug, Clone)]
pub(crate) struct Limited {
    pub(crate) inner: SharedHttpClient,
    pub(crate) limits: Arc<Limits>,
}

impl HttpClient for Limited {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Turnstile {
            inner: self.inner.http_connector(settings, components),
            limits: Arc::clone(&self.limits),
            sleep: components.sleep_impl(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        bag: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, bag)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, bag)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct Turnstile {
    inner: SharedHttpConnector,
    limits: Arc<Limits>,
    sleep: Option<SharedAsyncSleep>,
}

impl HttpConnector for Turnstile {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some(key) = request.extension::<Key>().cloned() else { return self.inner.call(request) };
        let (inner, limits, sleep) = (self.inner.clone(), Arc::clone(&self.limits), self.sleep.clone());
        HttpConnectorFuture::new(async move {
            wait(&limits, &key, sleep).await.map_err(|held| ConnectorError::other(held.into(), None))?;
            inner.call(request).await
        })
    }
}

/// Waits for a turn, by the run's clock and no longer than the SDK gave it besides: in a world that goes slower than real
/// time the second ends first.
async fn wait(limits: &Limits, key: &Key, sleep: Option<SharedAsyncSleep>) -> Result<(), HeldBack> {
    let Some(sleep) = sleep else { return limits.turn(key).await };
    tokio::select! {
        biased;
        turn = limits.turn(key) => turn,
        () = sleep.sleep(patience(&key.operation)) => Err(HeldBack { operation: key.operation.clone() }),
    }
}

/// What every client carries: says which bucket a request is of, gives the attempt the time that it may wait, and learns
/// from the answer.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) service: &'static str,
    pub(crate) limits: Arc<Limits>,
}

impl Meter {
    fn operation(&self, bag: &ConfigBag) -> Option<String> {
        bag.load::<Metadata>().map(|asked| format!("{}:{}", self.service, asked.name()))
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "drill-meter"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = self.operation(bag) else { return Ok(()) };
        let longer = bag.load::<TimeoutConfig>().and_then(|usual| {
            let attempt = usual.operation_attempt_timeout()?.saturating_add(patience(&operation));
            Some(usual.to_builder().operation_attempt_timeout(attempt).build())
        });
        if let Some(longer) = longer {
            bag.interceptor_state().store_put(longer);
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = self.operation(bag) else { return Ok(()) };
        let signed = signature(context.request());
        let key = Key {
            account: signed.map(|signed| account(signed.access_key)).unwrap_or_default(),
            region: signed.map(|signed| signed.region.to_owned()).unwrap_or_default(),
            operation,
        };
        context.request_mut().add_extension(key.clone());
        bag.interceptor_state().store_put(key);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(key) = bag.load::<Key>() {
            self.limits.answered(key, context.response());
        }
        Ok(())
    }
}
