//! DB instances: describe, modify, delete, by RDS's rules.

use crate::sandbox::clock::earlier;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::filters;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::service::rds::groups::subnet_group;
use crate::sandbox::service::rds::{members, paged, required, tags};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::rds::{Deletion, Instance, RESETTING, begin_deletion, begin_modification};
use crate::sandbox::world::{Site, World};
use crate::words::secret::Secret;

pub(crate) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let site = world.site(place);
    if let Some(asked) = ask.param("DBInstanceIdentifier") {
        if let Some(member) = members::find(site, asked) {
            return paged(ask, "DBInstances", "DBInstance", vec![members::show(site, member, mute_port)]);
        }
        let instance = find(site, asked)?;
        return paged(ask, "DBInstances", "DBInstance", vec![show(site, instance, now, mute_port)]);
    }
    let filters = filters(ask);
    let fits = |instance: &&Instance| {
        filters.iter().all(|(name, values)| match name.as_str() {
            "db-instance-id" => values.iter().any(|value| *value == instance.id || *value == instance.arn),
            "dbi-resource-id" => values.contains(&instance.resource_id),
            "engine" => values.iter().any(|value| value == instance.settings.engine.word()),
            _ => false,
        })
    };
    let alone = site.shelves.rds.instances.values().filter(fits).map(|instance| show(site, instance, now, mute_port));
    let shown = alone.chain(members::filtered(site, &filters, mute_port)).collect();
    paged(ask, "DBInstances", "DBInstance", shown)
}

pub(crate) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = required(ask, "DBInstanceIdentifier")?;
    if let Some(member) = members::find(world.site(place), asked) {
        let id = member.id.clone();
        return members::delete(world, place, &id);
    }
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let mut stream = world.stream("deletion");
    let site = world.site(place);
    let id = find(site, asked)?.id.clone();
    let wish = read_deletion(site, &id, ask)?;
    begin_deletion(&mut site.shelves.rds, &id, &wish, now, &mut stream);
    let instance = find(site, asked)?;
    Ok(vec![node("DBInstance", show(site, instance, now, mute_port))])
}

/// RDS's rules of deletion, in its order.
fn read_deletion(site: &Site, id: &str, ask: &Ask) -> Result<Deletion, Failure> {
    let instance = find(site, id)?;
    let skip = ask.flag("SkipFinalSnapshot").unwrap_or(false);
    let final_snapshot = ask.param("FinalDBSnapshotIdentifier");
    let combination = |message: &str| Err(Failure::bad("InvalidParameterCombination", message));
    match (skip, final_snapshot) {
        (true, Some(_)) => {
            return combination("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot");
        }
        (false, None) => {
            return combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
        }
        _ => {}
    }
    if instance.deletion_protection {
        return combination("Cannot delete protected DB Instance, please disable deletion protection and try again.");
    }
    if matches!(instance.status, "creating" | "modifying" | "deleting" | "rebooting" | RESETTING) {
        let message = match instance.status {
            "deleting" => format!("Instance {id} is already being deleted."),
            status => format!("Instance {id} is currently {status} - try again after it is available."),
        };
        return Err(Failure::bad("InvalidDBInstanceState", message));
    }
    if final_snapshot.is_some() && instance.status != "available" {
        let message = format!(
            "Cannot create a snapshot because the database instance {id} is not currently in the available state."
        );
        return Err(Failure::bad("InvalidDBInstanceState", message));
    }
    if let Some(name) = final_snapshot
        && site.shelves.rds.snapshots.iter().any(|snapshot| snapshot.id == name)
    {
        return Err(Failure::bad(
            "DBSnapshotAlreadyExists",
            format!("Cannot create the snapshot because {name} already exists."),
        ));
    }
    let keep_automated_backups = !ask.flag("DeleteAutomatedBackups").unwrap_or(true);
    Ok(Deletion { final_snapshot: final_snapshot.map(str::to_owned), keep_automated_backups })
}

pub(crate) fn modify(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = required(ask, "DBInstanceIdentifier")?.to_lowercase();
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let mut stream = world.stream("modification");
    let site = world.site(place);
    let id = find(site, &asked)?.id.clone();
    let Some(instance) = site.shelves.rds.instances.get_mut(&id) else { return Err(not_found(&asked)) };
    if !matches!(instance.status, "available" | "backing-up" | "storage-optimization" | "failed") {
        let message = format!("Database instance {id} is not in available state.");
        return Err(Failure::bad("InvalidDBInstanceState", message));
    }
    let longest = instance.settings.engine.longest_password();
    let password = ask.param("MasterUserPassword").map(|password| new_password(password, longest)).transpose()?;
    if let Some(protect) = ask.flag("DeletionProtection") {
        instance.asked_protection = Some(protect);
    }
    if let Some(days) = ask.param("BackupRetentionPeriod").and_then(|days| days.parse().ok()) {
        instance.settings.retention_days = days;
    }
    // A failed instance takes the flag and stays failed.
    if instance.status == "failed" {
        instance.deletion_protection = instance.asked_protection.take().unwrap_or(instance.deletion_protection);
    } else {
        instance.asked_password = password.or(instance.asked_password.take());
        begin_modification(instance, now, &mut stream);
    }
    let instance = find(site, &id)?;
    Ok(vec![node("DBInstance", show(site, instance, now, mute_port))])
}

/// A password that a master user may have.
pub(crate) fn new_password(text: &str, longest: usize) -> Result<Secret, Failure> {
    let invalid = |why: &str| {
        let message = format!("The parameter MasterUserPassword is not a valid password because {why}");
        Err(Failure::bad("InvalidParameterValue", message))
    };
    if text.chars().count() < 8 {
        return invalid("it is shorter than 8 characters.");
    }
    if text.chars().count() > longest {
        return invalid(&format!("it is longer than {longest} characters."));
    }
    if !text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '@' | '"')) {
        return invalid("only printable ASCII characters besides '/', '@', '\"', ' ' may be used.");
    }
    Ok(Secret::new(text.to_owned()))
}

/// By identifier, in any case, or by ARN.
pub(crate) fn find<'a>(site: &'a Site, asked: &str) -> Result<&'a Instance, Failure> {
    let id = asked.to_lowercase();
    let found = site
        .shelves
        .rds
        .instances
        .get(&id)
        .or_else(|| site.shelves.rds.instances.values().find(|instance| instance.arn == asked));
    found.ok_or_else(|| not_found(asked))
}

fn not_found(asked: &str) -> Failure {
    Failure::new(404, "DBInstanceNotFound", format!("DBInstance {asked} not found."))
}

fn show(site: &Site, instance: &Instance, now: jiff::Timestamp, mute_port: u16) -> Vec<Element> {
    let settings = &instance.settings;
    let groups =
        settings.security_groups.iter().map(|id| vec![text("VpcSecurityGroupId", id), text("Status", "active")]);
    let mut shown = vec![
        text("DBInstanceIdentifier", &instance.id),
        text("DBInstanceClass", &settings.class),
        text("Engine", settings.engine.word()),
        text("DBInstanceStatus", instance.status),
        text("MasterUsername", &settings.master),
        text("DBName", &instance.source.database),
        text("AllocatedStorage", settings.size_gib),
        text("PreferredBackupWindow", "05:00-05:30"),
        text("BackupRetentionPeriod", settings.retention_days),
        node("DBSecurityGroups", Vec::new()),
        list("VpcSecurityGroups", "VpcSecurityGroupMembership", groups),
        list(
            "DBParameterGroups",
            "DBParameterGroup",
            [vec![text("DBParameterGroupName", &settings.parameter_group), text("ParameterApplyStatus", "in-sync")]],
        ),
        text("PreferredMaintenanceWindow", "sun:06:00-sun:06:30"),
        pending(instance.asked_password.is_some()),
        text("MultiAZ", settings.multi_az),
        text("EngineVersion", &settings.engine_version),
        text("AutoMinorVersionUpgrade", settings.minor_upgrades),
        text("LicenseModel", settings.engine.license()),
        list(
            "OptionGroupMemberships",
            "OptionGroupMembership",
            [vec![text("OptionGroupName", &settings.option_group), text("Status", "in-sync")]],
        ),
        text("PubliclyAccessible", settings.public),
        text("StorageType", &settings.storage_type),
        text("DbInstancePort", 0),
        text("StorageEncrypted", true),
        text("KmsKeyId", &settings.key),
        text("DbiResourceId", &instance.resource_id),
        text("CACertificateIdentifier", &settings.ca_certificate),
        text("CopyTagsToSnapshot", settings.copy_tags),
        text("MonitoringInterval", 0),
        text("DBInstanceArn", &instance.arn),
        text("IAMDatabaseAuthenticationEnabled", settings.iam_login),
        text("PerformanceInsightsEnabled", false),
        text("DeletionProtection", instance.deletion_protection),
        text("NetworkType", "IPV4"),
        text("BackupTarget", "region"),
        tags::tag_list(&instance.tags),
    ];
    shown.extend(subnet_group(site, &settings.subnet_group));
    shown.extend(settings.iops.as_ref().map(|iops| text("Iops", iops)));
    shown.extend(settings.throughput.as_ref().map(|throughput| text("StorageThroughput", throughput)));
    shown.extend(instance.point.as_ref().map(|point| text("AwsBackupRecoveryPointArn", point)));
    shown.extend(once_created(instance, now, mute_port));
    shown
}

/// `PendingModifiedValues`: a password is shown as stars.
pub(crate) fn pending(password: bool) -> Element {
    node("PendingModifiedValues", password.then(|| text("MasterUserPassword", "****")).into_iter().collect())
}

/// What RDS leaves out while an instance is being created.
fn once_created(instance: &Instance, now: jiff::Timestamp, mute_port: u16) -> Vec<Element> {
    if instance.status == "creating" {
        return Vec::new();
    }
    let mut shown = vec![
        instant("InstanceCreateTime", instance.created),
        text("AvailabilityZone", &instance.settings.zone),
        instant("LatestRestorableTime", earlier(now, jiff::SignedDuration::from_mins(5)).max(instance.created)),
    ];
    if let Some((host, port)) = instance.endpoint(mute_port) {
        shown.push(node(
            "Endpoint",
            vec![text("Address", host), text("Port", port), text("HostedZoneId", "Z29XKXDKYMONMX")],
        ));
    }
    shown
}
