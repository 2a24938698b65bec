//! The simulated AWS in this process, in virtual time: what was asked of it, by the kind of step, and a door that may refuse.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use restore_drill::aws::exchange::Exchange;
use restore_drill::run::call::under_way;
use restore_drill::sandbox::{Direct, IdleClock, WorldSpec};
use restore_drill::words::time::Clock;

use crate::figure::explain;

/// The seed of every world of the figures.
const SEED: u64 = 7;

/// What stands before a world. It says how a request is refused, if it is.
pub(crate) trait Door: Send {
    fn refuses(&mut self, operation: &str, asked: &[u8], now: Timestamp) -> Option<Refusal>;

    /// A request that was let in was answered.
    fn answered(&mut self, operation: &str, asked: &[u8], answer: &Response<Bytes>, now: Timestamp);
}

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many requests.
    Rate,
    /// Too many restores.
    Places,
}

/// A door that is always open.
pub(crate) struct Open;

impl Door for Open {
    fn refuses(&mut self, _: &str, _: &[u8], _: Timestamp) -> Option<Refusal> {
        None
    }

    fn answered(&mut self, _: &str, _: &[u8], _: &Response<Bytes>, _: Timestamp) {}
}

/// What was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// By the kind of the step that asked, and by operation; refused ones apart.
    pub(crate) answered: BTreeMap<(String, String), usize>,
    pub(crate) throttled: usize,
    pub(crate) full: usize,
}

impl Tally {
    /// Every request.
    pub(crate) fn all(&self) -> usize {
        self.answered.values().sum::<usize>() + self.throttled + self.full
    }

    /// Those from the accepted start to the proof that what was restored is gone: of looks at jobs and things, and of guards.
    pub(crate) fn counted(&self) -> (usize, usize) {
        let (mut looks, mut guards) = (0, 0);
        for ((step, operation), count) in &self.answered {
            let verb = operation.split_once(':').map_or(operation.as_str(), |(_, verb)| verb);
            match verb {
                "DescribeRestoreJob" | "ListRestoreJobs" => looks += count,
                "StartRestoreJob" | "GetRestoreJobMetadata" => guards += count,
                _ if matches!(step.as_str(), "ready" | "finish" | "probe" | "teardown") => guards += count,
                _ => {}
            }
        }
        (looks, guards)
    }

    /// The operations that count, most frequent first.
    pub(crate) fn shown(&self, drills: usize) -> String {
        let mut by_operation: BTreeMap<&str, usize> = BTreeMap::new();
        for ((step, operation), count) in &self.answered {
            let of_job = operation.ends_with("RestoreJob") || operation.ends_with("RestoreJobs");
            if of_job || matches!(step.as_str(), "ready" | "finish" | "probe" | "teardown") {
                *by_operation.entry(operation).or_default() += count;
            }
        }
        let mut sorted: Vec<(&str, usize)> = by_operation.into_iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let each =
            |count: usize| crate::table::shown(crate::figure::number(count) / crate::figure::number(drills.max(1)));
        let shown: Vec<String> =
            sorted.iter().map(|(operation, count)| format!("{operation} {}", each(*count))).collect();
        shown.join(", ")
    }
}

/// A world, its clock and its door.
pub(crate) struct Inside {
    direct: Direct,
    clock: Arc<IdleClock>,
    door: Mutex<Box<dyn Door>>,
    tally: Mutex<Tally>,
}

impl Inside {
    /// The world of `spec` at the present of `clock`.
    pub(crate) fn new(spec: WorldSpec, clock: &Arc<IdleClock>) -> Arc<Self> {
        let direct = Direct::new(spec, SEED, clock);
        let door: Box<dyn Door> = Box::new(Open);
        Arc::new(Self { direct, clock: Arc::clone(clock), door: Mutex::new(door), tally: Mutex::default() })
    }

    /// From now on this door stands before it, and what was asked is counted from zero.
    pub(crate) fn put(&self, door: Box<dyn Door>) {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = door;
        *self.tally_mut() = Tally::default();
    }

    /// What was asked.
    pub(crate) fn tally(&self) -> Tally {
        self.tally_mut().clone()
    }

    pub(crate) fn direct(&self) -> &Direct {
        &self.direct
    }

    fn tally_mut(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> MutexGuard<'_, Box<dyn Door>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Exchange for Inside {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let operation = self.direct.operation(&request).unwrap_or_else(|| "unknown".to_owned());
        let refusal = self.door().refuses(&operation, request.body(), self.clock.now());
        if let Some(refusal) = refusal {
            let mut tally = self.tally_mut();
            match refusal {
                Refusal::Rate => tally.throttled += 1,
                Refusal::Places => tally.full += 1,
            }
            return refused(&operation, refusal);
        }
        let step = under_way();
        let kind = step.as_ref().map_or("run", |step| step.as_str().split('.').next().unwrap_or_default()).to_owned();
        let asked = request.body().clone();
        let answer = self.direct.exchange(request).await.map_err(|cut| cut.to_string())?;
        *self.tally_mut().answered.entry((kind, operation.clone())).or_default() += 1;
        self.door().answered(&operation, &asked, &answer, self.clock.now());
        Ok(answer)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }
}

/// The answer of the service that is asked, in its own protocol.
fn refused(operation: &str, refusal: Refusal) -> Result<Response<Bytes>, String> {
    let service = operation.split(':').next().unwrap_or_default();
    let (code, message) = match (refusal, service) {
        (Refusal::Places, _) => ("LimitExceededException", "The number of concurrent restore jobs is reached"),
        (Refusal::Rate, "ec2") => ("RequestLimitExceeded", "Request limit exceeded."),
        (Refusal::Rate, "s3") => ("SlowDown", "Please reduce your request rate."),
        (Refusal::Rate, "rds") => ("Throttling", "Rate exceeded"),
        (Refusal::Rate, _) => ("ThrottlingException", "Rate exceeded"),
    };
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let (status, body): (u16, String) = match service {
        "ec2" => (503, format!("<Response><Errors>{error}</Errors><RequestID>bench</RequestID></Response>")),
        "s3" => (503, error),
        "rds" | "sts" | "iam" => (400, format!("<ErrorResponse>{error}<RequestId>bench</RequestId></ErrorResponse>")),
        _ => (400, format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}")),
    };
    let content = if body.starts_with('{') { "application/json" } else { "text/xml" };
    let response = Response::builder().status(status).header("content-type", content).header("x-amzn-errortype", code);
    response.body(Bytes::from(body)).map_err(explain)
}
