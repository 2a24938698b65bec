//! File systems.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::fsx::{bad, final_backup, listed, put, second, shown_tags, skips, texts};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::fsx::{FileSystem, Flavour};
use crate::sandbox::world::{Site, World};

/// What OpenZFS asks for before it deletes child volumes, which every OpenZFS file system of a world has.
const WITH_CHILDREN: &str = "DELETE_CHILD_VOLUMES_AND_SNAPSHOTS";

pub(super) fn describe(site: &Site, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let systems = &site.shelves.fsx.file_systems;
    let ids = texts(ask.body.get("FileSystemIds"));
    if let Some(id) = ids.iter().find(|id| !systems.contains_key(**id)) {
        return Err(not_found(id));
    }
    let asked = systems.values().filter(|system| ids.is_empty() || ids.contains(&system.id.as_str()));
    listed(ask, "FileSystems", asked.map(|system| show(system, place)).collect())
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let mut stream = world.stream("file system deletion");
    let id = ask.text("FileSystemId").unwrap_or_default();
    let shelf = &mut world.site(place).shelves.fsx;
    let system = shelf.file_systems.get(id).ok_or_else(|| not_found(id))?;
    let flavour = system.flavour;
    check(system, ask)?;
    let backs_up = !skips(ask, flavour.configuration_key()).unwrap_or(flavour.skips_final_backup());
    let backs_up = backs_up && system.life.state == "AVAILABLE";
    let backup = shelf.delete_file_system(id, backs_up, now, &mut stream);
    let mut answer = json!({ "FileSystemId": id, "Lifecycle": "DELETING" });
    put(&mut answer, flavour.response_key(), final_backup(backup));
    Ok(answer)
}

fn check(system: &FileSystem, ask: &Ask) -> Result<(), Failure> {
    const SETTINGS: [&str; 3] = ["WindowsConfiguration", "LustreConfiguration", "OpenZFSConfiguration"];
    let own = system.flavour.configuration_key();
    if let Some(foreign) = SETTINGS.into_iter().find(|key| *key != own && ask.body.get(key).is_some()) {
        return Err(bad(format!("{foreign} cannot be given for the file system '{}' of another type", system.id)));
    }
    match (system.life.state, system.flavour) {
        ("CREATING", _) => Err(bad(format!("File system '{}' is being created and cannot be deleted yet", system.id))),
        (_, Flavour::Ontap) => {
            Err(bad(format!("File system '{}' has storage virtual machines: delete those first", system.id)))
        }
        ("DELETING", _) => Ok(()),
        (_, Flavour::OpenZfs) => {
            let options = ask.body.get(own).and_then(|own| own.get("Options"));
            if texts(options).contains(&WITH_CHILDREN) {
                return Ok(());
            }
            let why = "has child volumes or snapshots; the option DELETE_CHILD_VOLUMES_AND_SNAPSHOTS deletes them";
            Err(bad(format!("File system '{}' {why}", system.id)))
        }
        _ => Ok(()),
    }
}

fn show(system: &FileSystem, place: &Place) -> Value {
    let settings = &system.settings;
    let mut shown = json!({
        "OwnerId": place.account,
        "CreationTime": second(system.created),
        "FileSystemId": system.id,
        "FileSystemType": system.flavour.word(),
        "Lifecycle": system.life.state,
        "StorageCapacity": settings.storage_gib,
        "StorageType": settings.storage_type,
        "VpcId": settings.vpc,
        "SubnetIds": settings.subnets,
        "NetworkInterfaceIds": [],
        "KmsKeyId": settings.key,
        "ResourceARN": system.arn,
        "Tags": shown_tags(&system.tags),
        "NetworkType": "IPV4",
    });
    put(&mut shown, system.flavour.configuration_key(), Value::Object(settings.configuration.clone()));
    match system.life.state {
        "FAILED" => put(&mut shown, "FailureDetails", json!({ "Message": "The restore of the backup did not finish" })),
        "CREATING" => {}
        _ => put(&mut shown, "DNSName", system.host.as_str()),
    }
    shown
}

fn not_found(id: &str) -> Failure {
    Failure::bad("FileSystemNotFound", format!("File system '{id}' does not exist."))
}
