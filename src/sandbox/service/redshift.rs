//! Redshift: just enough to wait for a cluster and to delete it. Facts 2.10.

use crate::sandbox::clock::later;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::thing::redshift::Cluster;
use crate::sandbox::world::World;

/// Redshift.
pub(crate) struct Redshift;

impl ServiceCalls for Redshift {
    fn signing_name(&self) -> &'static str {
        "redshift"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Query { namespace: "http://redshift.amazonaws.com/doc/2012-12-01/" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["DescribeClusters", "DeleteCluster"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        match ask.operation.as_str() {
            "DescribeClusters" => describe(world, caller, ask),
            "DeleteCluster" => delete(world, caller, ask),
            other => Err(Failure::unknown(other)),
        }
        .map(Answer::Xml)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        (ask.operation == "DeleteCluster").then(|| ask.param("ClusterIdentifier").unwrap_or_default().to_owned())
    }
}

fn not_found(id: &str) -> Failure {
    Failure::new(404, "ClusterNotFound", format!("Cluster {id} not found."))
}

fn describe(world: &mut World, caller: &Caller, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let clusters = &world.site(&caller.place()).shelves.redshift.clusters;
    let shown: Vec<&Cluster> = match ask.param("ClusterIdentifier") {
        Some(id) => vec![clusters.get(id).ok_or_else(|| not_found(id))?],
        None => clusters.values().collect(),
    };
    Ok(vec![list("Clusters", "Cluster", shown.into_iter().map(show))])
}

fn show(cluster: &Cluster) -> Vec<Element> {
    vec![
        text("ClusterIdentifier", &cluster.id),
        text("ClusterStatus", cluster.status),
        text("NodeType", "ra3.large"),
        text("NumberOfNodes", 2),
        instant("ClusterCreateTime", cluster.created),
        text("ClusterNamespaceArn", &cluster.arn),
    ]
}

fn delete(world: &mut World, caller: &Caller, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let id = ask.param("ClusterIdentifier").unwrap_or_default().to_owned();
    let skips = ask.flag("SkipFinalClusterSnapshot").unwrap_or(false);
    let snapshot = ask.param("FinalClusterSnapshotIdentifier").map(str::to_owned);
    if skips == snapshot.is_some() {
        let message = "FinalClusterSnapshotIdentifier is required unless SkipFinalClusterSnapshot is true";
        return Err(Failure::bad("InvalidParameterCombination", message));
    }
    let gone_at = later(world.now, world.stream("redshift deletion").between(60.0, 180.0));
    let shelf = &mut world.site(&caller.place()).shelves.redshift;
    let cluster = shelf.clusters.get_mut(&id).ok_or_else(|| not_found(&id))?;
    if cluster.status == "deleting" {
        return Err(Failure::bad("InvalidClusterState", "There is an operation running on the Cluster."));
    }
    shelf.snapshots.extend(cluster.begin_deletion(gone_at, snapshot.as_deref()));
    Ok(vec![node("Cluster", show(cluster))])
}
