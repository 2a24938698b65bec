//! What is kept of instances: automated backups and snapshots.

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::filters;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::service::rds::paged;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::rds::{AutomatedBackup, Instance, InstanceSettings, Snapshot, automated_backup_arn};
use crate::sandbox::world::{Point, World};
use crate::words::kind::ResourceKind;

/// Of living instances (`active`) and of gone ones (`retained`).
pub(crate) fn automated_backups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let region = place.region.as_str();
    let site = world.site(place);
    let wanted = |id: &str, resource: &str, arn: &str| {
        let is = |name: &str, actual: &str| ask.param(name).is_none_or(|asked| asked.eq_ignore_ascii_case(actual));
        is("DBInstanceIdentifier", id) && is("DbiResourceId", resource) && is("DBInstanceAutomatedBackupsArn", arn)
    };
    let statuses = filters(ask).remove("status");
    let has_status = |status: &str| statuses.as_ref().is_none_or(|wanted| wanted.iter().any(|known| known == status));
    let mut shown = Vec::new();
    for instance in site.shelves.rds.instances.values() {
        let arn = automated_backup_arn(instance);
        let lives = instance.settings.retention_days > 0 && instance.status != "creating";
        if lives && has_status("active") && wanted(&instance.id, &instance.resource_id, &arn) {
            shown.push(of_instance(instance, &arn, region));
        }
    }
    for backup in &site.shelves.rds.automated_backups {
        if has_status("retained") && wanted(&backup.instance, &backup.resource_id, &backup.arn) {
            shown.push(of_gone(backup, region));
        }
    }
    paged(ask, "DBInstanceAutomatedBackups", "DBInstanceAutomatedBackup", shown)
}

fn of_instance(instance: &Instance, arn: &str, region: &str) -> Vec<Element> {
    let mut shown = vec![
        text("DBInstanceArn", &instance.arn),
        text("DbiResourceId", &instance.resource_id),
        text("Region", region),
        text("DBInstanceIdentifier", &instance.id),
        node("RestoreWindow", vec![instant("EarliestTime", instance.created), instant("LatestTime", instance.created)]),
        text("Status", "active"),
        instant("InstanceCreateTime", instance.created),
        text("DBInstanceAutomatedBackupsArn", arn),
    ];
    shown.extend(settings(&instance.settings));
    shown.push(text("BackupRetentionPeriod", instance.settings.retention_days));
    shown
}

fn of_gone(backup: &AutomatedBackup, region: &str) -> Vec<Element> {
    let mut shown = vec![
        text("DBInstanceArn", &backup.instance_arn),
        text("DbiResourceId", &backup.resource_id),
        text("Region", region),
        text("DBInstanceIdentifier", &backup.instance),
        node(
            "RestoreWindow",
            vec![instant("EarliestTime", backup.instance_created), instant("LatestTime", backup.ended)],
        ),
        text("Status", "retained"),
        instant("InstanceCreateTime", backup.instance_created),
        text("DBInstanceAutomatedBackupsArn", &backup.arn),
    ];
    shown.extend(settings(&backup.settings));
    shown.push(text("BackupRetentionPeriod", backup.settings.retention_days));
    shown
}

/// Snapshots that somebody asked for, and AWS Backup's.
pub(crate) fn snapshots(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let site = world.site(place);
    let is = |name: &str, actual: &str| ask.param(name).is_none_or(|asked| asked.eq_ignore_ascii_case(actual));
    let mut shown = Vec::new();
    for snapshot in &site.shelves.rds.snapshots {
        if is("DBInstanceIdentifier", &snapshot.instance)
            && is("DBSnapshotIdentifier", &snapshot.id)
            && is("SnapshotType", "manual")
        {
            shown.push(of_snapshot(snapshot));
        }
    }
    // AWS leaves its own backups out unless they are asked for by type or name.
    let asked = ask.param("SnapshotType").is_some() || ask.param("DBSnapshotIdentifier").is_some();
    // There may be very many: the least work first.
    let instance = ask.param("DBInstanceIdentifier");
    let points = site.points.iter().take_while(|_| asked && is("SnapshotType", "awsbackup"));
    for point in points.filter(|point| point.source.kind == ResourceKind::Rds) {
        let may_be = instance.is_none_or(|asked| ends_with(point.source.arn.as_str(), asked));
        if may_be
            && is("DBInstanceIdentifier", point.source.arn.name())
            && is("DBSnapshotIdentifier", snapshot_id(point))
        {
            shown.push(of_point(point));
        }
    }
    if let Some(asked) = ask.param("DBSnapshotIdentifier")
        && shown.is_empty()
    {
        return Err(Failure::new(404, "DBSnapshotNotFound", format!("DBSnapshot {asked} not found.")));
    }
    paged(ask, "DBSnapshots", "DBSnapshot", shown)
}

fn ends_with(text: &str, end: &str) -> bool {
    let from = text.len().checked_sub(end.len());
    from.and_then(|from| text.as_bytes().get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

fn snapshot_id(point: &Point) -> &str {
    point.arn.split_once(":snapshot:").map_or("", |(_, id)| id)
}

fn of_snapshot(snapshot: &Snapshot) -> Vec<Element> {
    let mut shown = vec![
        text("DBSnapshotIdentifier", &snapshot.id),
        text("DBInstanceIdentifier", &snapshot.instance),
        instant("SnapshotCreateTime", snapshot.created),
        text("Status", "available"),
        text("SnapshotType", "manual"),
        text("PercentProgress", 100),
        instant("InstanceCreateTime", snapshot.instance_created),
        text("DBSnapshotArn", &snapshot.arn),
        text("DbiResourceId", &snapshot.resource_id),
    ];
    shown.extend(settings(&snapshot.settings));
    shown
}

fn of_point(point: &Point) -> Vec<Element> {
    let source = &point.source;
    vec![
        text("DBSnapshotIdentifier", snapshot_id(point)),
        text("DBInstanceIdentifier", source.arn.name()),
        instant("SnapshotCreateTime", point.completed),
        text("Engine", source.engine().word()),
        text("EngineVersion", source.engine_version()),
        text("AllocatedStorage", source.size_gib),
        text("Status", "available"),
        text("Port", source.engine().port()),
        text("SnapshotType", "awsbackup"),
        text("PercentProgress", 100),
        text("Encrypted", true),
        text("KmsKeyId", &point.key),
        text("DBSnapshotArn", &point.arn),
        instant("OriginalSnapshotCreateTime", point.created),
        list("TagList", "Tag", source.tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)])),
    ]
}

/// Settings that a kept thing remembers of its instance.
fn settings(settings: &InstanceSettings) -> Vec<Element> {
    vec![
        text("AllocatedStorage", settings.size_gib),
        text("Port", settings.port),
        text("AvailabilityZone", &settings.zone),
        text("VpcId", &settings.vpc),
        text("MasterUsername", &settings.master),
        text("Engine", settings.engine.word()),
        text("EngineVersion", &settings.engine_version),
        text("LicenseModel", settings.engine.license()),
        text("OptionGroupName", &settings.option_group),
        text("Encrypted", true),
        text("StorageType", &settings.storage_type),
        text("KmsKeyId", &settings.key),
        text("IAMDatabaseAuthenticationEnabled", settings.iam_login),
    ]
}
