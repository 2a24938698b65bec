//! AWS Backup: vaults, recovery points, restore jobs, copy jobs, plans. Facts 1.

mod copies;
mod jobs;
mod plans;
mod points;
mod routes;
mod vaults;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::{Page, cut};
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// AWS Backup.
pub(crate) struct Backup;

impl ServiceCalls for Backup {
    fn signing_name(&self) -> &'static str {
        "backup"
    }

    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn route(&self, target: &Target) -> Option<Route> {
        routes::route(target)
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "ListBackupVaults",
            "DescribeBackupVault",
            "GetBackupVaultAccessPolicy",
            "ListRecoveryPointsByBackupVault",
            "ListRecoveryPointsByResource",
            "DescribeRecoveryPoint",
            "GetRecoveryPointRestoreMetadata",
            "StartRestoreJob",
            "DescribeRestoreJob",
            "ListRestoreJobs",
            "GetRestoreJobMetadata",
            "ListCopyJobs",
            "DescribeCopyJob",
            "ListProtectedResources",
            "DescribeProtectedResource",
            "ListTags",
            "ListBackupPlans",
            "GetBackupPlan",
            "ListBackupSelections",
            "GetBackupSelection",
            "GetSupportedResourceTypes",
            "DescribeRegionSettings",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        (ask.operation == "StartRestoreJob").then(|| ask.text("RecoveryPointArn").unwrap_or_default().to_owned())
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let value = match ask.operation.as_str() {
        "ListBackupVaults" => vaults::list(world, place, ask),
        "DescribeBackupVault" => vaults::describe(world, place, ask.label(0)),
        "GetBackupVaultAccessPolicy" => vaults::policy(world, place, ask.label(0)),
        "ListRecoveryPointsByBackupVault" => points::by_vault(world, place, ask),
        "ListRecoveryPointsByResource" => points::by_resource(world, place, ask),
        "DescribeRecoveryPoint" => points::describe(world, place, ask),
        "GetRecoveryPointRestoreMetadata" => points::metadata(world, place, ask),
        "StartRestoreJob" => jobs::start(world, place, ask),
        "DescribeRestoreJob" => jobs::describe(world, place, ask.label(0)),
        "ListRestoreJobs" => jobs::list(world, place, ask),
        "GetRestoreJobMetadata" => jobs::metadata(world, place, ask.label(0)),
        "ListCopyJobs" => copies::list(world, place, ask),
        "DescribeCopyJob" => copies::describe(world, place, ask.label(0)),
        "ListProtectedResources" => points::protected(world, place, ask),
        "DescribeProtectedResource" => points::describe_protected(world, place, ask.label(0)),
        "ListTags" => vaults::tags(world, place, ask.label(0)),
        "ListBackupPlans" => plans::list(world, place, ask),
        "GetBackupPlan" => plans::get(world, place, ask.label(0)),
        "ListBackupSelections" => plans::selections(world, place, ask),
        "GetBackupSelection" => plans::selection(world, place, ask),
        "GetSupportedResourceTypes" => Ok(vaults::types()),
        "DescribeRegionSettings" => Ok(vaults::settings(world.site(place))),
        other => Err(Failure::unknown(other)),
    };
    value.map(Answer::Json)
}

/// The page that `maxResults` and `nextToken` ask for.
fn page<T>(ask: &Ask, all: Vec<T>) -> Result<Page<T>, Failure> {
    let size = match ask.param("maxResults") {
        None => 100,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|size| (1..=1_000).contains(size))
            .ok_or_else(|| Failure::invalid("MaxResults must be between 1 and 1000"))?,
    };
    cut(all, &format!("{} {}", ask.operation, ask.label(0)), size, ask.param("nextToken"))
}

/// A list as an answer: AWS leaves the token out at the end.
fn listed(name: &str, page: Page<Value>) -> Value {
    let mut object = Map::new();
    object.insert(name.to_owned(), Value::Array(page.items));
    if let Some(token) = page.token {
        object.insert("NextToken".to_owned(), token.into());
    }
    Value::Object(object)
}

/// A moment of the query string.
fn moment(ask: &Ask, name: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = ask.param(name) else { return Ok(None) };
    // AWS also takes a plain number of seconds.
    let seconds = || text.parse::<i64>().ok().and_then(|second| Timestamp::from_second(second).ok());
    let moment = text.parse().ok().or_else(seconds);
    moment.map(Some).ok_or_else(|| Failure::invalid(format!("{name} is not a timestamp")))
}

/// Between the moments `NAMEAfter` and `NAMEBefore` of the query string.
struct Within {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Within {
    fn read(ask: &Ask, name: &str) -> Result<Self, Failure> {
        Ok(Self { after: moment(ask, &format!("{name}After"))?, before: moment(ask, &format!("{name}Before"))? })
    }

    /// Whether `at` is.
    fn holds(&self, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return self.after.is_none() && self.before.is_none() };
        self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at <= before)
    }
}

/// Whether the query string asks for another value than `actual`.
fn differs(ask: &Ask, name: &str, actual: &str) -> bool {
    ask.param(name).is_some_and(|wanted| wanted != actual)
}

/// Adds a value that AWS leaves out when there is none.
fn put(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(map), Some(value)) = (object.as_object_mut(), value) {
        map.insert(name.to_owned(), value.into());
    }
}

/// Adds an instant that AWS leaves out when there is none.
fn put_instant(object: &mut Value, name: &str, at: Option<Timestamp>) {
    put(object, name, at.map(instant));
}
