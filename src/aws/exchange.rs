//! Requests that never reach a network: an HTTP client and a sleep for the SDK, both given from outside.
//!
//! A rehearsal hands requests to a world in memory, whose time is not the machine's.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;

use crate::words::time::Clock;

/// Answers requests in the place of a network.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// One request, one answer.
    ///
    /// # Errors
    /// Why no answer came: a connection that was reset.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String>;

    /// The clock that time-outs of requests go by.
    fn clock(&self) -> Arc<dyn Clock>;
}

/// The SDK's view of an [`Exchange`].
#[derive(Clone)]
pub(crate) struct Inside(pub(crate) Arc<dyn Exchange>);

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

impl HttpClient for Inside {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Inside {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let exchange = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let answer = exchange.exchange(Request::from_parts(parts, body)).await;
            let answer = answer.map_err(|why| ConnectorError::io(why.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl AsyncSleep for Inside {
    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.0.clock();
        let long = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let until = clock.now().saturating_add(long).unwrap_or(jiff::Timestamp::MAX);
        Sleep::new(Shareable(Mutex::new(Box::pin(async move { clock.sleep_until(until).await }))))
    }
}

/// The SDK wants futures that threads can share, though it polls them from one at a time.
struct Shareable(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for Shareable {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
    }
}
