//! The sources of FSx, what a restore finds in the destination, and what is returned of a source.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::fsx::contents;
use crate::sandbox::thing::fsx::flavour::{Flavour, source_configuration, storage_gib, storage_type};
use crate::sandbox::thing::fsx::making::HOST;
use crate::sandbox::thing::fsx::shelf::{FileSystem, Life, Machine, SystemSettings, Volume, VolumeSettings};
use crate::sandbox::world::{Point, Site, World};

/// What the definition names in the destination, which no restore makes: the directory, or the storage virtual machine
/// with its file system.
pub(super) fn add_surroundings(world: &mut World, spec: &Arc<ResourceSpec>) {
    let place = &spec.destination;
    let own = |key: &str| Flavour::of(spec).own_text(spec, key);
    let (directory, machine) = (own("active_directory_id"), own("svm"));
    world.site(place).shelves.fsx.directories.extend(directory);
    let Some(id) = machine.filter(|id| !world.site(place).shelves.fsx.machines.contains_key(id)) else { return };
    let mut stream = world.seed.stream(&format!("machine {id} {} {}", place.account, place.region));
    let system = format!("fs-{}", stream.hex(17));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 200));
    let plan = Plan { place, created, host: HOST.to_owned(), system, machine: id };
    add_ontap(world.site(place), spec, &plan, &mut stream);
}

/// The source.
pub(super) fn add(world: &mut World, spec: &Arc<ResourceSpec>) {
    let place = &spec.source;
    let mut stream = world.seed.stream(&format!("fsx {}", spec.arn));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 370));
    let held = Arc::new(contents(spec, world.started, world.started));
    let site = world.site(place);
    let (system, volume) = ids(spec, &mut stream);
    if Flavour::of(spec) != Flavour::Ontap {
        let tags = spec.tags.clone();
        add_system(site, spec, (place, created), &system, host(&system, place), tags, &mut stream);
        if let Some(made) = site.shelves.fsx.file_systems.get_mut(&system) {
            made.contents = held;
        }
        return;
    }
    if site.shelves.fsx.volumes.contains_key(&volume) {
        return;
    }
    let host = host(&system, place);
    let known = site.shelves.fsx.machines.values().find(|machine| machine.file_system == system);
    let machine = known.map_or_else(|| format!("svm-{}", stream.hex(17)), |machine| machine.id.clone());
    let plan = Plan { place, created, host, system, machine };
    if !site.shelves.fsx.machines.contains_key(&plan.machine) {
        add_ontap(site, spec, &plan, &mut stream);
    }
    let name = spec.name.as_str().replace('-', "_");
    let mut made = plan.volume(&volume, &name, &mut stream);
    made.settings.size_mib = u64::from(spec.size_gib) * 1024;
    made.contents = held;
    made.tags = spec.tags.clone();
    site.shelves.fsx.volumes.insert(volume, made);
}

/// The ids in the source's ARN: a file system's, and for ONTAP a volume's.
fn ids(spec: &ResourceSpec, stream: &mut Stream) -> (String, String) {
    match spec.arn.name().split_once('/') {
        Some((system, volume)) => (system.to_owned(), volume.to_owned()),
        None => (spec.arn.name().to_owned(), format!("fsvol-{}", stream.hex(17))),
    }
}

fn host(id: &str, place: &Place) -> String {
    format!("{id}.fsx.{}.amazonaws.com", place.region)
}

/// An ONTAP file system with a machine.
struct Plan<'a> {
    place: &'a Place,
    created: Timestamp,
    host: String,
    system: String,
    machine: String,
}

impl Plan<'_> {
    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:fsx:{}:{}:{resource}", self.place.region, self.place.account)
    }

    fn volume(&self, id: &str, name: &str, stream: &mut Stream) -> Volume {
        Volume {
            id: id.to_owned(),
            arn: self.arn(&format!("volume/{}/{id}", self.system)),
            file_system: self.system.clone(),
            life: Life::settled("CREATED"),
            created: self.created,
            uuid: stream.uuid(),
            settings: VolumeSettings {
                name: name.to_owned(),
                machine: self.machine.clone(),
                junction_path: format!("/{name}"),
                size_mib: 1_024,
                storage_efficiency: true,
                tiering: "AUTO".to_owned(),
            },
            contents: Arc::default(),
            is_root: false,
            tags: BTreeMap::new(),
            made_by: None,
        }
    }
}

/// File system, machine and the machine's root volume.
fn add_ontap(site: &mut Site, spec: &ResourceSpec, plan: &Plan, stream: &mut Stream) {
    let at = (plan.place, plan.created);
    add_system(site, spec, at, &plan.system, plan.host.clone(), BTreeMap::new(), stream);
    let machine = Machine {
        id: plan.machine.clone(),
        arn: plan.arn(&format!("storage-virtual-machine/{}/{}", plan.system, plan.machine)),
        name: "svm1".to_owned(),
        file_system: plan.system.clone(),
        created: plan.created,
        uuid: stream.uuid(),
        host: plan.host.clone(),
    };
    site.shelves.fsx.machines.insert(plan.machine.clone(), machine);
    let id = format!("fsvol-{}", stream.hex(17));
    let mut root = plan.volume(&id, "svm1_root", stream);
    "/".clone_into(&mut root.settings.junction_path);
    root.is_root = true;
    site.shelves.fsx.volumes.insert(id, root);
}

/// A file system in the place's default VPC.
fn add_system(
    site: &mut Site,
    spec: &ResourceSpec,
    (place, created): (&Place, Timestamp),
    id: &str,
    host: String,
    tags: BTreeMap<String, String>,
    stream: &mut Stream,
) {
    if site.shelves.fsx.file_systems.contains_key(id) {
        return;
    }
    let flavour = Flavour::of(spec);
    let vpc = site.default_vpc().map(|vpc| vpc.id.clone()).unwrap_or_default();
    let subnets = site.subnets.iter().filter(|subnet| subnet.vpc == vpc && subnet.is_default);
    let wanted = if flavour == Flavour::Windows { 2 } else { 1 };
    let subnets: Vec<String> = subnets.take(wanted).map(|subnet| subnet.id.clone()).collect();
    let group = site.security_groups.iter().find(|group| group.vpc == vpc && group.name == "default");
    let mut configuration = source_configuration(spec);
    match flavour {
        Flavour::Windows => {
            let directory = format!("d-{}", stream.hex(10));
            configuration.insert("ActiveDirectoryId".to_owned(), directory.clone().into());
            configuration.insert("PreferredSubnetId".to_owned(), subnets.first().cloned().into());
            site.shelves.fsx.directories.insert(directory);
        }
        Flavour::Lustre => {
            configuration.insert("MountName".to_owned(), stream.word(8).to_lowercase().into());
        }
        Flavour::OpenZfs | Flavour::Ontap => {}
    }
    let system = FileSystem {
        id: id.to_owned(),
        arn: format!("arn:aws:fsx:{}:{}:file-system/{id}", place.region, place.account),
        flavour,
        life: Life::settled("AVAILABLE"),
        created,
        host,
        settings: SystemSettings {
            storage_gib: storage_gib(spec).max(if flavour == Flavour::Ontap { 1_024 } else { 0 }),
            storage_type: storage_type(spec),
            vpc,
            subnets,
            security_groups: group.map(|group| group.id.clone()).into_iter().collect(),
            key: site.keys.first().map(|key| key.arn.clone()).unwrap_or_default(),
            configuration,
        },
        contents: Arc::default(),
        tags,
        made_by: None,
    };
    site.shelves.fsx.file_systems.insert(id.to_owned(), system);
}

/// What `GetRecoveryPointRestoreMetadata` says: everything about the source, in the source's region.
pub(super) fn returned(world: &World, point: &Point) -> Map<String, Value> {
    let source = &point.source;
    let flavour = Flavour::of(source);
    let request = world.seed.stream(&format!("metadata {}", point.arn)).uuid();
    let shelf = world.sites.get(&source.source).map(|site| &site.shelves.fsx);
    let (system, volume) = source.arn.name().split_once('/').unwrap_or((source.arn.name(), ""));
    let metadata = if flavour == Flavour::Ontap {
        let volume = shelf.and_then(|shelf| shelf.volumes.get(volume));
        json!({
            "FileSystemType": flavour.word(),
            "FileSystemId": system,
            "Name": volume.map(|volume| volume.settings.name.as_str()),
            (flavour.configuration_key()): volume.map(|volume| ontap_text(&volume.settings)),
            "aws:backup:request-id": request,
        })
    } else {
        let settings = shelf.and_then(|shelf| shelf.file_systems.get(system)).map(|system| &system.settings);
        let of = |key: &str| settings.and_then(|settings| settings.configuration.get(key)).cloned();
        let text = |key: &str| of(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        json!({
            "FileSystemType": flavour.word(),
            "FileSystemId": system,
            "StorageCapacity": storage_gib(source).to_string(),
            "StorageType": storage_type(source),
            "VpcId": settings.map(|settings| settings.vpc.as_str()),
            "KmsKeyId": settings.map(|settings| settings.key.as_str()),
            "SubnetIds": settings.map(|settings| json!(settings.subnets).to_string()),
            "SecurityGroupIds": settings.map(|settings| json!(settings.security_groups).to_string()),
            "DeploymentType": text("DeploymentType"),
            "WeeklyMaintenanceStartTime": text("WeeklyMaintenanceStartTime"),
            "DailyAutomaticBackupStartTime": text("DailyAutomaticBackupStartTime"),
            "AutomaticBackupRetentionDays": text("AutomaticBackupRetentionDays"),
            "CopyTagsToBackups": text("CopyTagsToBackups"),
            (flavour.configuration_key()): settings.map(|settings| json!(settings.configuration).to_string()),
            "aws:backup:request-id": request,
        })
    };
    metadata.as_object().cloned().unwrap_or_default()
}

fn ontap_text(settings: &VolumeSettings) -> String {
    json!({
        "junctionPath": settings.junction_path,
        "sizeInMegabytes": settings.size_mib,
        "storageEfficiencyEnabled": settings.storage_efficiency,
        "storageVirtualMachineId": settings.machine,
        "tieringPolicy": { "name": settings.tiering, "coolingPeriod": 31 },
    })
    .to_string()
}
