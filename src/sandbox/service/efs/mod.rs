//! EFS: file systems and what makes them reachable. Facts 2.6.

mod systems;
mod tags;
mod targets;

use serde_json::{Map, Value};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::{Page, cut};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::efs::FileSystem;
use crate::sandbox::world::{Site, World};

/// EFS.
pub(crate) struct Efs;

impl ServiceCalls for Efs {
    fn signing_name(&self) -> &'static str {
        "elasticfilesystem"
    }

    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn route(&self, target: &Target) -> Option<Route> {
        route(target.method.as_str(), target.parts)
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "DescribeFileSystems",
            "DescribeReplicationConfigurations",
            "DescribeAccessPoints",
            "DeleteAccessPoint",
            "DeleteFileSystem",
            "DescribeMountTargets",
            "DescribeMountTargetSecurityGroups",
            "CreateMountTarget",
            "DeleteMountTarget",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        match ask.operation.as_str() {
            "CreateMountTarget" => ask.text("FileSystemId").map(str::to_owned),
            "DeleteMountTarget" | "DeleteAccessPoint" | "DeleteFileSystem" | "TagResource" | "UntagResource" => {
                Some(ask.label(0).to_owned())
            }
            _ => None,
        }
    }
}

fn route(method: &str, parts: &[&str]) -> Option<Route> {
    let ["2015-02-01", parts @ ..] = parts else { return None };
    let (operation, labels) = match (method, parts) {
        ("GET", ["file-systems"]) => ("DescribeFileSystems", vec![]),
        ("GET", ["file-systems", "replication-configurations"]) => ("DescribeReplicationConfigurations", vec![]),
        ("DELETE", ["file-systems", id]) => ("DeleteFileSystem", vec![*id]),
        ("GET", ["mount-targets"]) => ("DescribeMountTargets", vec![]),
        ("POST", ["mount-targets"]) => ("CreateMountTarget", vec![]),
        ("DELETE", ["mount-targets", id]) => ("DeleteMountTarget", vec![*id]),
        ("GET", ["mount-targets", id, "security-groups"]) => ("DescribeMountTargetSecurityGroups", vec![*id]),
        ("GET", ["access-points"]) => ("DescribeAccessPoints", vec![]),
        ("DELETE", ["access-points", id]) => ("DeleteAccessPoint", vec![*id]),
        ("GET", ["resource-tags", id]) => ("ListTagsForResource", vec![*id]),
        ("POST", ["resource-tags", id]) => ("TagResource", vec![*id]),
        ("DELETE", ["resource-tags", id]) => ("UntagResource", vec![*id]),
        _ => return None,
    };
    Some((operation, labels.into_iter().map(str::to_owned).collect()))
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    match ask.operation.as_str() {
        "DescribeFileSystems" => systems::describe(world, place, ask).map(Answer::Json),
        "DescribeReplicationConfigurations" => systems::replications(world.site(place), ask).map(Answer::Json),
        "DescribeAccessPoints" => systems::access_points(world.site(place), place, ask).map(Answer::Json),
        "DeleteAccessPoint" => systems::delete_access_point(world.site(place), ask).map(done),
        "DeleteFileSystem" => systems::delete(world, place, ask).map(done),
        "DescribeMountTargets" => targets::describe(world.site(place), place, ask).map(Answer::Json),
        "DescribeMountTargetSecurityGroups" => targets::security_groups(world.site(place), ask).map(Answer::Json),
        "CreateMountTarget" => targets::create(world, place, ask).map(Answer::Json),
        "DeleteMountTarget" => targets::delete(world, place, ask).map(done),
        "ListTagsForResource" => tags::list(world.site(place), ask).map(Answer::Json),
        "TagResource" => tags::add(world.site(place), ask).map(Answer::Json),
        "UntagResource" => tags::remove(world.site(place), ask).map(Answer::Json),
        other => Err(Failure::unknown(other)),
    }
}

fn done((): ()) -> Answer {
    Answer::empty(204)
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::bad("BadRequest", message)
}

/// The file system, unless there is none.
fn system<'a>(site: &'a mut Site, id: &str) -> Result<&'a mut FileSystem, Failure> {
    let found = site.shelves.efs.file_systems.get_mut(id);
    found.ok_or_else(|| Failure::new(404, "FileSystemNotFound", format!("File system '{id}' does not exist.")))
}

/// EFS pages lists in two ways: by `MaxItems` and `Marker`, and by `MaxResults` and `NextToken`.
#[derive(Debug, Clone, Copy)]
struct Paging {
    size: &'static str,
    token: &'static str,
    next: &'static str,
}

const BY_MARKER: Paging = Paging { size: "MaxItems", token: "Marker", next: "NextMarker" };
const BY_TOKEN: Paging = Paging { size: "MaxResults", token: "NextToken", next: "NextToken" };

/// One page of a list as an answer: EFS leaves the token out at the end.
fn listed(ask: &Ask, paging: Paging, name: &str, all: Vec<Value>) -> Result<Value, Failure> {
    let size = match ask.param(paging.size) {
        None => 100,
        Some(text) => {
            let size = text.parse::<usize>().ok().filter(|size| *size >= 1);
            size.ok_or_else(|| bad(format!("{} must be at least 1", paging.size)))?.min(100)
        }
    };
    let page: Page<Value> = cut(all, &ask.operation, size, ask.param(paging.token))
        .map_err(|_| bad(format!("{} is not valid", paging.token)))?;
    let mut object = Map::new();
    object.insert(name.to_owned(), Value::Array(page.items));
    if let Some(token) = page.token {
        object.insert(paging.next.to_owned(), token.into());
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn a_replication_is_no_file_system() {
        let of = |method, parts: &[&str]| route(method, parts).map(|(operation, _)| operation);
        let replications = ["2015-02-01", "file-systems", "replication-configurations"];
        assert_eq!(of("GET", &replications), Some("DescribeReplicationConfigurations"));
        assert_eq!(of("DELETE", &["2015-02-01", "file-systems", "fs-1"]), Some("DeleteFileSystem"));
        assert_eq!(of("GET", &["2015-02-01", "file-systems", "fs-1"]), None);
        assert_eq!(of("GET", &["2014-02-01", "file-systems"]), None);
    }
}
