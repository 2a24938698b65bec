//! What restore metadata asks of FSx for ONTAP: a volume in a storage virtual machine (SVM) that is there already.

use serde_json::{Map, Value};

use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::asked::{Asked, member, word};
use crate::sandbox::thing::fsx::shelf::{Volume, VolumeSettings};
use crate::sandbox::thing::fsx::{bad, fsx_error};
use crate::sandbox::world::Site;

/// The volume that the metadata asks for.
#[derive(Debug, Clone)]
pub(super) struct VolumeWish {
    pub(super) file_system: String,
    pub(super) settings: VolumeSettings,
}

impl VolumeWish {
    /// The name was taken before the job, or while it ran.
    pub(super) fn conflict(&self) -> String {
        let VolumeSettings { name, junction_path, machine, .. } = &self.settings;
        bad(&format!("A volume with the name {name} or the junction path {junction_path} exists already in {machine}"))
    }
}

/// Whether name or junction path are taken in the machine.
pub(super) fn taken<'v>(mut volumes: impl Iterator<Item = &'v Volume>, wanted: &VolumeSettings) -> bool {
    volumes.any(|known| {
        let known = &known.settings;
        known.machine == wanted.machine && (known.name == wanted.name || known.junction_path == wanted.junction_path)
    })
}

/// What the metadata asks for, or why the job fails.
pub(super) fn read(site: &Site, source: &ResourceSpec, asked: Asked) -> Result<VolumeWish, String> {
    let name = asked.get("Name").unwrap_or_default().to_owned();
    check_name(&name)?;
    let own = asked.object("OntapConfiguration").map_err(|why| bad(&why))?;
    let machine = word(&own, "storageVirtualMachineId")
        .ok_or_else(|| fsx_error("MissingVolumeConfiguration", "storageVirtualMachineId is required"))?;
    let Some(found) = site.shelves.fsx.machines.get(&machine) else {
        let message = format!("Storage virtual machine '{machine}' does not exist.");
        return Err(fsx_error("StorageVirtualMachineNotFound", &message));
    };
    let settings = VolumeSettings {
        junction_path: junction_path(&own, &name)?,
        size_mib: size(&own, u64::from(source.size_gib) * 1024)?,
        storage_efficiency: word(&own, "storageEfficiencyEnabled").is_none_or(|text| text == "true"),
        tiering: tiering(&own)?,
        name,
        machine,
    };
    let wish = VolumeWish { file_system: found.file_system.clone(), settings };
    if taken(site.shelves.fsx.volumes.values(), &wish.settings) {
        return Err(wish.conflict());
    }
    Ok(wish)
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=203).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits { Ok(()) } else { Err(bad("Name must be 1 to 203 letters, digits and underscores, no digit first")) }
}

fn junction_path(own: &Map<String, Value>, name: &str) -> Result<String, String> {
    let path = word(own, "junctionPath").unwrap_or_else(|| format!("/{name}"));
    if path.starts_with('/') && path.len() <= 255 { Ok(path) } else { Err(bad("junctionPath must start with a slash")) }
}

fn size(own: &Map<String, Value>, source_mib: u64) -> Result<u64, String> {
    let Some(asked) = word(own, "sizeInMegabytes") else { return Ok(source_mib) };
    asked.parse().ok().filter(|mib| *mib >= 20).ok_or_else(|| bad("sizeInMegabytes must be at least 20"))
}

/// By name, or in an object with the name.
fn tiering(own: &Map<String, Value>) -> Result<String, String> {
    let name = match member(own, "tieringPolicy") {
        Some(Value::Object(policy)) => word(policy, "name"),
        Some(_) => word(own, "tieringPolicy"),
        None => None,
    };
    let name = name.unwrap_or_else(|| "SNAPSHOT_ONLY".to_owned());
    if matches!(name.as_str(), "SNAPSHOT_ONLY" | "AUTO" | "ALL" | "NONE") {
        return Ok(name);
    }
    Err(bad(&format!("tieringPolicy {name} is not SNAPSHOT_ONLY, AUTO, ALL or NONE")))
}

#[cfg(test)]
mod tests {
    use super::{check_name, tiering};

    #[test]
    fn names_follow_ontap_rules() {
        assert!(check_name("drill_0a1b2c3d_orders").is_ok());
        for wrong in ["", "1a", "a-b", &"a".repeat(204)] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tiering_policy_has_two_forms() {
        let of = |text: &str| tiering(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"tieringPolicy":"ALL"}"#), of(r#"{"tieringPolicy":{"name":"ALL","coolingPeriod":31}}"#));
        assert_eq!(of("{}"), Ok("SNAPSHOT_ONLY".to_owned()));
        assert!(of(r#"{"tieringPolicy":"SOME"}"#).is_err());
    }
}
