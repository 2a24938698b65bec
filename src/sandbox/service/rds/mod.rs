//! RDS: DB instances, clusters and what surrounds them; DocumentDB and Neptune answer here too. Facts 2.1, 2.2.

mod account;
mod clusters;
mod groups;
mod instances;
mod kept;
mod members;
mod tags;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::xml::{Element, list, text};
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// RDS.
pub(crate) struct Rds;

impl ServiceCalls for Rds {
    fn signing_name(&self) -> &'static str {
        "rds"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Query { namespace: "http://rds.amazonaws.com/doc/2014-10-31/" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "CreateDBInstance",
            "DescribeDBClusters",
            "ModifyDBCluster",
            "DeleteDBCluster",
            "DescribeDBClusterSnapshots",
            "DescribeDBClusterAutomatedBackups",
            "DescribeDBClusterParameterGroups",
            "DescribeDBInstances",
            "DeleteDBInstance",
            "ModifyDBInstance",
            "AddTagsToResource",
            "RemoveTagsFromResource",
            "ListTagsForResource",
            "DescribeDBInstanceAutomatedBackups",
            "DescribeDBSnapshots",
            "DescribeDBSubnetGroups",
            "DescribeDBParameterGroups",
            "DescribeOptionGroups",
            "DescribeOrderableDBInstanceOptions",
            "DescribeAccountAttributes",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        let named = match ask.operation.as_str() {
            "CreateDBInstance" | "DeleteDBInstance" | "ModifyDBInstance" => "DBInstanceIdentifier",
            "DeleteDBCluster" | "ModifyDBCluster" => "DBClusterIdentifier",
            "AddTagsToResource" | "RemoveTagsFromResource" => "ResourceName",
            _ => return None,
        };
        Some(ask.param(named).unwrap_or_default().to_owned())
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let elements = match ask.operation.as_str() {
        "CreateDBInstance" => members::create(world, place, ask),
        "DescribeDBClusters" => clusters::describe(world, place, ask),
        "ModifyDBCluster" => clusters::modify(world, place, ask),
        "DeleteDBCluster" => clusters::delete(world, place, ask),
        "DescribeDBClusterSnapshots" => clusters::snapshots(world, place, ask),
        "DescribeDBClusterAutomatedBackups" => clusters::automated_backups(world, place, ask),
        "DescribeDBClusterParameterGroups" => clusters::parameter_groups(world, place, ask),
        "DescribeDBInstances" => instances::describe(world, place, ask),
        "DeleteDBInstance" => instances::delete(world, place, ask),
        "ModifyDBInstance" => instances::modify(world, place, ask),
        "AddTagsToResource" => tags::add(world, place, ask),
        "RemoveTagsFromResource" => tags::remove(world, place, ask),
        "ListTagsForResource" => tags::show(world, place, ask),
        "DescribeDBInstanceAutomatedBackups" => kept::automated_backups(world, place, ask),
        "DescribeDBSnapshots" => kept::snapshots(world, place, ask),
        "DescribeDBSubnetGroups" => groups::subnet_groups(world, place, ask),
        "DescribeDBParameterGroups" => groups::parameter_groups(world, place, ask),
        "DescribeOptionGroups" => groups::option_groups(world, place, ask),
        "DescribeOrderableDBInstanceOptions" => account::orderable(world, place, ask),
        "DescribeAccountAttributes" => Ok(account::attributes(world, place)),
        other => Err(Failure::unknown(other)),
    };
    elements.map(Answer::Xml)
}

/// A page of a list, with RDS's `Marker`.
fn paged(ask: &Ask, name: &'static str, item: &'static str, all: Vec<Vec<Element>>) -> Result<Vec<Element>, Failure> {
    let size = match ask.param("MaxRecords") {
        None => 100,
        Some(asked) => asked.parse::<usize>().ok().filter(|size| (20..=100).contains(size)).ok_or_else(|| {
            Failure::bad(
                "InvalidParameterValue",
                format!("Invalid value {asked} for MaxRecords. Must be between 20 and 100"),
            )
        })?,
    };
    let page = cut(all, &ask.operation, size, ask.param("Marker"))
        .map_err(|_| Failure::bad("InvalidParameterValue", "Invalid Marker"))?;
    let mut elements = vec![list(name, item, page.items)];
    elements.extend(page.token.map(|token| text("Marker", token)));
    Ok(elements)
}

/// A required value of the form.
fn required<'a>(ask: &'a Ask, name: &str) -> Result<&'a str, Failure> {
    ask.param(name)
        .ok_or_else(|| Failure::bad("MissingParameter", format!("The request must contain the parameter {name}")))
}
