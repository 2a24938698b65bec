//! What an account may have of RDS in a region, and what can be ordered there.

use crate::sandbox::engine::Engine;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, list, text};
use crate::sandbox::quota;
use crate::sandbox::service::rds::{paged, required};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::rds::CLASSES;
use crate::sandbox::world::World;
use crate::words::kind::ResourceKind;

/// The class of clusters whose capacity is a range.
const SERVERLESS: &str = "db.serverless";

/// An engine as RDS names it, with the version of a source where nothing else says one, and its license.
fn engine(word: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let known = |engine: Engine, word: &'static str, kind: ResourceKind| {
        Some((word, engine.usual_version(kind), engine.license()))
    };
    match word {
        "postgres" => known(Engine::Postgres, "postgres", ResourceKind::Rds),
        "mysql" => known(Engine::MySql, "mysql", ResourceKind::Rds),
        "mariadb" => known(Engine::MariaDb, "mariadb", ResourceKind::Rds),
        "aurora-postgresql" => known(Engine::Postgres, "aurora-postgresql", ResourceKind::Aurora),
        "aurora-mysql" => known(Engine::MySql, "aurora-mysql", ResourceKind::Aurora),
        "docdb" => Some(("docdb", "5.0.0", "na")),
        "neptune" => Some(("neptune", "1.3.2.1", "amazon-license")),
        _ => None,
    }
}

/// The usual classes, those that definitions name, and of clusters the one without a size. An engine that nobody knows
/// has none.
pub(super) fn orderable(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = required(ask, "Engine")?;
    let known = engine(asked);
    let named = world.classes.clone();
    let site = world.site(place);
    let mut classes: Vec<&str> = CLASSES.iter().copied().chain(named.iter().map(String::as_str)).collect();
    classes.extend((asked.starts_with("aurora-") || asked == "neptune" || asked == "docdb").then_some(SERVERLESS));
    classes.sort_unstable();
    classes.dedup();
    classes.retain(|class| site.offers(class) && ask.param("DBInstanceClass").is_none_or(|asked| asked == *class));
    let zones = || ["a", "b"].into_iter().map(|letter| vec![text("Name", format!("{}{letter}", place.region))]);
    let mut shown = Vec::new();
    if let Some((word, usual_version, license)) = known {
        let version = ask.param("EngineVersion").unwrap_or(usual_version);
        shown.extend(classes.into_iter().map(|class| {
            vec![
                text("Engine", word),
                text("EngineVersion", version),
                text("DBInstanceClass", class),
                text("LicenseModel", license),
                list("AvailabilityZones", "AvailabilityZone", zones()),
                text("MultiAZCapable", true),
                text("ReadReplicaCapable", true),
                text("Vpc", true),
                text("SupportsStorageEncryption", true),
                text("StorageType", "gp3"),
                text("SupportsIops", true),
                text("MinStorageSize", 20),
                text("MaxStorageSize", 65_536),
            ]
        }));
    }
    paged(ask, "OrderableDBInstanceOptions", "OrderableDBInstanceOption", shown)
}

/// Quotas, and how much of each is used.
pub(super) fn attributes(world: &mut World, place: &Place) -> Vec<Element> {
    let quotas = world.quotas;
    let site = world.site(place);
    let most = |code: &str, other: usize| {
        quota::ALL.iter().find(|quota| quota.code == code).map_or(other, |quota| quota.value(site, &quotas))
    };
    let shelf = &site.shelves.rds;
    let gib: u64 = shelf.instances.values().map(|one| u64::from(one.settings.size_gib)).sum();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let all = [
        ("DBInstances", count(quota::db_instances(site)), count(most("L-7B6409FD", 40))),
        ("AllocatedStorage", gib, 100_000),
        ("ManualSnapshots", count(shelf.snapshots.len()), 100),
        ("DBParameterGroups", count(shelf.parameter_groups.len()), 50),
        ("OptionGroups", count(shelf.option_groups.len()), 20),
        ("DBSubnetGroups", count(site.subnet_groups.len()), 50),
        ("DBClusters", count(site.shelves.clusters.clusters.len()), count(most("L-952B80B8", 40))),
        ("DBClusterParameterGroups", count(site.shelves.clusters.parameter_groups.len()), 50),
    ];
    let shown = all.map(|(name, used, max)| vec![text("AccountQuotaName", name), text("Used", used), text("Max", max)]);
    vec![list("AccountQuotas", "AccountQuota", shown)]
}
