//! ONTAP volumes and the storage virtual machines that they are in.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::fsx::{bad, filters, final_backup, fits, listed, put, second, shown_tags, skips, texts};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::fsx::{Flavour, Machine, Volume};
use crate::sandbox::world::{Site, World};

pub(super) fn describe(site: &Site, ask: &Ask) -> Result<Value, Failure> {
    let volumes = &site.shelves.fsx.volumes;
    let ids = texts(ask.body.get("VolumeIds"));
    if let Some(id) = ids.iter().find(|id| !volumes.contains_key(**id)) {
        return Err(not_found(id));
    }
    let filters = filters(ask, &["file-system-id", "storage-virtual-machine-id"])?;
    let value = |volume: &Volume, name: &str| match name {
        "file-system-id" => volume.file_system.clone(),
        _ => volume.settings.machine.clone(),
    };
    let asked = volumes.values().filter(|volume| {
        (ids.is_empty() || ids.contains(&volume.id.as_str())) && fits(&filters, |name| value(volume, name))
    });
    listed(ask, "Volumes", asked.map(show).collect())
}

fn show(volume: &Volume) -> Value {
    let settings = &volume.settings;
    let mut shown = json!({
        "CreationTime": second(volume.created),
        "FileSystemId": volume.file_system,
        "Lifecycle": volume.life.state,
        "Name": settings.name,
        "OntapConfiguration": {
            "FlexCacheEndpointType": "NONE",
            "JunctionPath": settings.junction_path,
            "SecurityStyle": "UNIX",
            "SizeInMegabytes": settings.size_mib,
            "SizeInBytes": settings.size_mib.saturating_mul(1024 * 1024),
            "StorageEfficiencyEnabled": settings.storage_efficiency,
            "StorageVirtualMachineId": settings.machine,
            "StorageVirtualMachineRoot": volume.is_root,
            "TieringPolicy": { "Name": settings.tiering, "CoolingPeriod": 31 },
            "UUID": volume.uuid,
            "OntapVolumeType": "RW",
            "SnapshotPolicy": "default",
            "CopyTagsToBackups": false,
            "VolumeStyle": "FLEXVOL",
        },
        "ResourceARN": volume.arn,
        "Tags": shown_tags(&volume.tags),
        "VolumeId": volume.id,
        "VolumeType": "ONTAP",
    });
    if volume.life.state == "FAILED" {
        let why = "The restore of the backup did not finish";
        put(&mut shown, "LifecycleTransitionReason", json!({ "Message": why }));
    }
    shown
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let mut stream = world.stream("volume deletion");
    let id = ask.text("VolumeId").unwrap_or_default();
    let shelf = &mut world.site(place).shelves.fsx;
    let volume = shelf.volumes.get(id).ok_or_else(|| not_found(id))?;
    if volume.is_root {
        return Err(bad(format!("Volume '{id}' is the root volume of a storage virtual machine")));
    }
    if matches!(volume.life.state, "CREATING" | "PENDING") {
        return Err(bad(format!("Volume '{id}' is being created and cannot be deleted yet")));
    }
    let skips = skips(ask, "OntapConfiguration").unwrap_or(Flavour::Ontap.skips_final_backup());
    let backs_up = !skips && matches!(volume.life.state, "CREATED" | "AVAILABLE");
    let backup = shelf.delete_volume(id, backs_up, now, &mut stream);
    let mut answer = json!({ "VolumeId": id, "Lifecycle": "DELETING" });
    put(&mut answer, Flavour::Ontap.response_key(), final_backup(backup));
    Ok(answer)
}

pub(super) fn machines(site: &Site, ask: &Ask) -> Result<Value, Failure> {
    let machines = &site.shelves.fsx.machines;
    let ids = texts(ask.body.get("StorageVirtualMachineIds"));
    if let Some(id) = ids.iter().find(|id| !machines.contains_key(**id)) {
        let message = format!("Storage virtual machine '{id}' does not exist.");
        return Err(Failure::bad("StorageVirtualMachineNotFound", message));
    }
    let filters = filters(ask, &["file-system-id"])?;
    let asked = machines.values().filter(|machine| {
        (ids.is_empty() || ids.contains(&machine.id.as_str())) && fits(&filters, |_| machine.file_system.clone())
    });
    listed(ask, "StorageVirtualMachines", asked.map(show_machine).collect())
}

fn show_machine(machine: &Machine) -> Value {
    let endpoint = json!({ "DNSName": machine.host, "IpAddresses": ["127.0.0.1"] });
    json!({
        "CreationTime": second(machine.created),
        "Endpoints": { "Iscsi": endpoint, "Management": endpoint, "Nfs": endpoint },
        "FileSystemId": machine.file_system,
        "Lifecycle": "CREATED",
        "Name": machine.name,
        "ResourceARN": machine.arn,
        "StorageVirtualMachineId": machine.id,
        "Subtype": "DEFAULT",
        "UUID": machine.uuid,
        "Tags": [],
        "RootVolumeSecurityStyle": "UNIX",
    })
}

fn not_found(id: &str) -> Failure {
    Failure::bad("VolumeNotFound", format!("Volume '{id}' does not exist."))
}
