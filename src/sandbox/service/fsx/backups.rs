//! Backups that FSx keeps of what was deleted. Those of AWS Backup are recovery points, and not listed here.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::fsx::{filters, fits, listed, put, second, shown_tags, texts};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::fsx::{Backup, BackupOf};
use crate::sandbox::world::Site;

const FILTERS: &[&str] = &["backup-type", "file-system-id", "file-system-type", "volume-id"];

pub(super) fn describe(site: &Site, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let backups = &site.shelves.fsx.backups;
    let ids = texts(ask.body.get("BackupIds"));
    if let Some(id) = ids.iter().find(|id| !backups.contains_key(**id)) {
        return Err(Failure::bad("BackupNotFound", format!("Backup '{id}' does not exist.")));
    }
    let filters = filters(ask, FILTERS)?;
    let asked = backups.values().filter(|backup| {
        (ids.is_empty() || ids.contains(&backup.id.as_str())) && fits(&filters, |name| value(backup, name))
    });
    listed(ask, "Backups", asked.map(|backup| show(backup, place)).collect())
}

/// What a filter looks at; nothing fits where a backup has no such value.
fn value(backup: &Backup, name: &str) -> String {
    match (name, &backup.of) {
        ("backup-type", _) => "USER_INITIATED".to_owned(),
        ("file-system-id", BackupOf::FileSystem { id, .. } | BackupOf::Volume { file_system: id, .. })
        | ("volume-id", BackupOf::Volume { id, .. }) => id.clone(),
        ("file-system-type", BackupOf::FileSystem { flavour, .. }) => flavour.word().to_owned(),
        ("file-system-type", BackupOf::Volume { .. }) => "ONTAP".to_owned(),
        _ => String::new(),
    }
}

fn show(backup: &Backup, place: &Place) -> Value {
    let done = backup.life.state == "AVAILABLE";
    let mut shown = json!({
        "BackupId": backup.id,
        "Lifecycle": backup.life.state,
        "Type": "USER_INITIATED",
        "ProgressPercent": if done { 100 } else { 0 },
        "CreationTime": second(backup.created),
        "ResourceARN": backup.arn,
        "Tags": shown_tags(&backup.tags),
        "OwnerId": place.account,
    });
    if let Some(key) = &backup.key {
        put(&mut shown, "KmsKeyId", key.as_str());
    }
    match &backup.of {
        BackupOf::FileSystem { id, arn, flavour } => {
            put(&mut shown, "ResourceType", "FILE_SYSTEM");
            let system = json!({ "FileSystemId": id, "FileSystemType": flavour.word(), "ResourceARN": arn });
            put(&mut shown, "FileSystem", system);
        }
        BackupOf::Volume { id, arn, file_system } => {
            put(&mut shown, "ResourceType", "VOLUME");
            let volume = json!({
                "VolumeId": id, "VolumeType": "ONTAP", "FileSystemId": file_system, "ResourceARN": arn,
            });
            put(&mut shown, "Volume", volume);
        }
    }
    shown
}
