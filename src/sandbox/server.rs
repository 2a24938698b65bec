//! The HTTP server: one request is read, understood, perhaps held or spoiled by a fault, answered.
//!
//! Until its effect a request lives and dies with its connection; from its effect on it runs in a task of its own, so
//! that a client that goes away cannot undo half of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use uuid::Uuid;

use crate::sandbox::channel;
use crate::sandbox::clock::{WorldClock, later};
use crate::sandbox::control;
use crate::sandbox::fault::Mischief;
use crate::sandbox::hold::{Holds, When};
use crate::sandbox::inventory::CallRecord;
use crate::sandbox::line::Scissors;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::{self, Caller};
use crate::sandbox::protocol::{self, Answer, Ask, Protocol, Target, Wire};
use crate::sandbox::service::{self, ServiceCalls};
use crate::sandbox::start::SqlMissing;
use crate::sandbox::world::World;
use crate::words::text::tame;
use crate::words::time::Clock;

/// No request's body is larger.
const LARGEST_BODY: usize = 1024 * 1024;

/// What a region that is not enabled still answers, so that somebody can be told of it.
const ANSWERED_ANYWHERE: &[&str] = &["ec2:DescribeRegions", "sts:GetCallerIdentity"];

/// A request that is never answered lets go after this long, in real time.
const LONGEST_SILENCE: Duration = Duration::from_mins(2);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) world: Mutex<World>,
    pub(crate) holds: Holds,
    /// Of this world alone, whatever its seed: a client tells by it whether it meets the same world again.
    pub(crate) id: Uuid,
    pub(crate) made: bool,
    pub(crate) seed: u64,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) sql_missing: SqlMissing,
    pub(crate) requests: AtomicU32,
    pub(crate) memory: Memory,
}

impl Shared {
    /// The world, advanced to the clock's present.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.now());
        world
    }
}

/// The routes: one handler for everything.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    answer(shared, scissors, request).await
}

/// Answers one request that came over this connection, or has the connection cut.
pub(crate) async fn answer(shared: Arc<Shared>, scissors: Scissors, request: Request) -> Response<Body> {
    let mut response = understood(Arc::clone(&shared), scissors, request).await;
    if let Some(date) = date(&shared) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The world's time, as every answer carries it. The fault `clock_skew` moves it.
fn date(shared: &Shared) -> Option<HeaderValue> {
    let skew = shared.world.lock().unwrap_or_else(PoisonError::into_inner).skew;
    let shown = later(shared.clock.now(), skew);
    HeaderValue::from_str(&shown.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

async fn understood(shared: Arc<Shared>, scissors: Scissors, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if channel::is_wanted(&parts) {
        return channel::answer(&mut shared.world(), scissors, parts);
    }
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request's body cannot be read or is larger than 1 MiB");
    };
    let path = parts.uri.path().to_owned();
    if path == "/_world" || path.starts_with("/_world/") {
        return control::answer(&shared, &parts.method, &path, &body);
    }
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        return plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "compressed requests are not simulated; switch request compression off",
        );
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let wire = Wire { method: parts.method, path, query, headers: parts.headers, body: body.to_vec() };
    aws(&shared, &scissors, &wire).await
}

/// The operation that a request asks for, such as `rds:DescribeDBInstances`; nothing where that cannot be read.
pub(crate) fn operation(shared: &Shared, wire: &Wire) -> Option<String> {
    let default = shared.world().default_account.clone();
    let caller = scope::caller(&wire.headers, &default).ok()?;
    let service = service::find(&caller.service).ok()?;
    let route = |target: &Target| service.route(target);
    let ask = protocol::read(service.spoken(wire), wire, service.prefix(), &route).ok()?;
    Some(format!("{}:{}", service.prefix(), ask.operation))
}

/// A request to a service of AWS.
async fn aws(shared: &Arc<Shared>, scissors: &Scissors, wire: &Wire) -> Response<Body> {
    let request_id = request_id(shared);
    let default = shared.world().default_account.clone();
    let caller = match scope::caller(&wire.headers, &default) {
        Ok(caller) => caller,
        Err(failure) => return unsigned(&failure, &request_id),
    };
    let service = match service::find(&caller.service) {
        Ok(service) => service,
        Err(failure) => return unsigned(&failure, &request_id),
    };
    let route = |target: &Target| service.route(target);
    let spoken = service.spoken(wire);
    let ask = match protocol::read(spoken, wire, service.prefix(), &route) {
        Ok(ask) => ask,
        Err(failure) => {
            tracing::info!(code = %failure.code, path = %tame(&wire.path), "the simulated AWS refused a request");
            return protocol::write(spoken, "Unknown", &Err(failure), &request_id);
        }
    };
    let operation = format!("{}:{}", service.prefix(), ask.operation);
    shared.holds.pass(&operation, When::Before).await;
    let (mischief, remembers) = spoil(shared, &caller, &operation);
    match &mischief {
        Some(Mischief::Refuse(failure)) => {
            record(shared, &caller, &operation, &Outcome::refused(failure));
            return protocol::write(spoken, &ask.operation, &Err(failure.clone()), &request_id);
        }
        Some(Mischief::CutBefore) => {
            scissors.cut();
            return plain(StatusCode::OK, "");
        }
        Some(Mischief::Late(by)) => shared.clock.sleep_until(later(shared.clock.now(), *by)).await,
        Some(old @ (Mischief::Stale | Mischief::Old)) => {
            let first = matches!(old, Mischief::Old);
            if let Some(answer) = shared.memory.known(&caller, &operation, wire, first) {
                record(shared, &caller, &operation, &Outcome::of(service, &ask, &answer));
                return protocol::write(spoken, &ask.operation, &answer, &request_id);
            }
        }
        Some(Mischief::CutAfter | Mischief::Silence) | None => {}
    }
    let key = if remembers { shared.memory.key(&caller, &operation, wire) } else { None };
    let task = tokio::spawn(perform(Arc::clone(shared), service, (caller, ask, key), spoken, request_id));
    let Ok(response) = task.await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the simulated AWS failed; its log says why");
    };
    match mischief {
        Some(Mischief::CutAfter) => scissors.cut(),
        Some(Mischief::Silence) => {
            shared.clock.pass(LONGEST_SILENCE).await;
            scissors.cut();
        }
        _ => {}
    }
    response
}

/// What befalls this request, and whether its answer is remembered.
fn spoil(shared: &Shared, caller: &Caller, operation: &str) -> (Option<Mischief>, bool) {
    let mut world = shared.world();
    let remembers = shared.memory.for_later || world.faults.need_old_answers();
    (mischief(&mut world, caller, operation), remembers)
}

/// A region that is not enabled, a fault, or a bucket that is empty.
fn mischief(world: &mut World, caller: &Caller, operation: &str) -> Option<Mischief> {
    if world.disabled.contains(&caller.region) && !ANSWERED_ANYWHERE.contains(&operation) {
        return Some(Mischief::Refuse(Failure::not_enabled(caller.region.as_str())));
    }
    let times = world.times();
    if let Some(mischief) = world.faults.on_request(operation, caller.region.as_str(), times) {
        return Some(mischief);
    }
    let (place, now) = (caller.place(), world.now);
    if world.quotas.request_rates && !world.buckets.take(&place, operation, now, &world.profile) {
        return Some(Mischief::Refuse(Failure::throttled(service::protocol_of(operation))));
    }
    None
}

/// The effect and everything after it.
async fn perform(
    shared: Arc<Shared>,
    service: &'static dyn ServiceCalls,
    (caller, ask, key): (Caller, Ask, Option<String>),
    spoken: Protocol,
    request_id: String,
) -> Response<Body> {
    let operation = format!("{}:{}", service.prefix(), ask.operation);
    let deed = service.deed(&mut shared.world(), &caller, &ask);
    let result = match deed {
        Some(deed) => deed.await,
        None => call(&shared, service, &caller, &ask),
    };
    record(&shared, &caller, &operation, &Outcome::of(service, &ask, &result));
    shared.memory.keep(key, &result);
    shared.holds.pass(&operation, When::After).await;
    protocol::write(spoken, &ask.operation, &result, &request_id)
}

fn call(shared: &Shared, service: &dyn ServiceCalls, caller: &Caller, ask: &Ask) -> Answered {
    let mut world = shared.world();
    let answer = service::call(service, &mut world, caller, ask);
    if reads(&ask.operation) {
        world.forget_looks();
    }
    answer
}

/// Whether an operation only looks.
fn reads(verb: &str) -> bool {
    ["Describe", "List", "Get", "Head"].iter().any(|reads| verb.starts_with(reads))
}

type Answered = Result<Answer, Failure>;

/// The first and the last answer to each read, for answers that are stale.
#[derive(Default)]
pub(crate) struct Memory {
    answers: Mutex<BTreeMap<String, (Answered, Answered)>>,
    /// Kept for a fault that is not there yet. Otherwise only while a fault is there that needs them.
    for_later: bool,
}

impl Memory {
    /// Every answer is kept: a fault may come at any time, and the first answer is that of the world's first day.
    pub(crate) fn of_everything() -> Self {
        Self { for_later: true, ..Self::default() }
    }

    fn known(&self, caller: &Caller, operation: &str, wire: &Wire, first: bool) -> Option<Answered> {
        let key = self.key(caller, operation, wire)?;
        let memory = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(&key).map(|(oldest, newest)| if first { oldest.clone() } else { newest.clone() })
    }

    /// What an answer is kept under; nothing for a request that changes something.
    fn key(&self, caller: &Caller, operation: &str, wire: &Wire) -> Option<String> {
        let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
        let body = String::from_utf8_lossy(&wire.body);
        reads(verb)
            .then(|| format!("{} {} {operation} {}?{} {body}", caller.account, caller.region, wire.path, wire.query))
    }

    fn keep(&self, key: Option<String>, result: &Answered) {
        if let Some(key) = key {
            let mut memory = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            let known = memory.entry(key).or_insert_with(|| (result.clone(), result.clone()));
            known.1.clone_from(result);
        }
    }
}

struct Outcome {
    effect: bool,
    error: Option<String>,
    resource: Option<String>,
}

impl Outcome {
    fn refused(failure: &Failure) -> Self {
        Self { effect: false, error: Some(failure.code.clone()), resource: None }
    }

    fn of(service: &dyn ServiceCalls, ask: &Ask, result: &Result<Answer, Failure>) -> Self {
        match result {
            Err(failure) => Self::refused(failure),
            Ok(_) => {
                let resource = service.changed(ask);
                Self { effect: resource.is_some(), error: None, resource }
            }
        }
    }
}

fn record(shared: &Shared, caller: &Caller, operation: &str, outcome: &Outcome) {
    let mut world = shared.world();
    let at = world.now;
    world.calls.push(CallRecord {
        operation: operation.to_owned(),
        at,
        effect: outcome.effect,
        error: outcome.error.clone(),
        account: caller.account.to_string(),
        region: caller.region.to_string(),
        resource: outcome.resource.clone(),
    });
    if let Some(code) = &outcome.error {
        tracing::debug!(operation, code = %code, "the simulated AWS answered an error");
    }
}

fn request_id(shared: &Shared) -> String {
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    crate::sandbox::seed::Seed::new(shared.seed).stream(&format!("request {number}")).uuid()
}

/// An answer to a request that names no service that is known, so that its protocol is not known either.
fn unsigned(failure: &Failure, request_id: &str) -> Response<Body> {
    let body = protocol::rest_json::error(failure);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [("x-amzn-errortype", failure.code.as_str()), ("x-amzn-requestid", request_id)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
