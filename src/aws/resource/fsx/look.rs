//! What FSx says of one file system or volume. Reads only.

use aws_sdk_fsx::types::{
    Backup, BackupType, FileSystem, Filter, FilterName, StorageVirtualMachine, Volume, VolumeFilter, VolumeFilterName,
};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::aws::resource::fsx::flavour::Thing;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::text::tame;

/// A file system by id.
pub(crate) async fn file_system(fsx: &aws_sdk_fsx::Client, id: &str) -> Result<Option<FileSystem>, CloudError> {
    const OPERATION: &str = "fsx:DescribeFileSystems";
    let answer = fsx.describe_file_systems().file_system_ids(id).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        // An empty list is no proof of absence: FSx says `FileSystemNotFound` for an id that does not exist.
        Ok(answer) => answer
            .file_systems()
            .first()
            .cloned()
            .map(Some)
            .ok_or_else(|| unreadable(OPERATION, "the answer holds no file system and no error")),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All file systems of the region.
pub(crate) async fn file_systems(fsx: &aws_sdk_fsx::Client) -> Result<Vec<FileSystem>, CloudError> {
    const OPERATION: &str = "fsx:DescribeFileSystems";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = fsx.describe_file_systems().set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.file_systems().iter().cloned());
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// A volume by id.
pub(crate) async fn volume(fsx: &aws_sdk_fsx::Client, id: &str) -> Result<Option<Volume>, CloudError> {
    const OPERATION: &str = "fsx:DescribeVolumes";
    let answer = fsx.describe_volumes().volume_ids(id).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => answer
            .volumes()
            .first()
            .cloned()
            .map(Some)
            .ok_or_else(|| unreadable(OPERATION, "the answer holds no volume and no error")),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A volume by name: names are unique in a storage virtual machine.
pub(crate) async fn volume_named(
    fsx: &aws_sdk_fsx::Client,
    svm: &str,
    name: &str,
) -> Result<Option<Volume>, CloudError> {
    const OPERATION: &str = "fsx:DescribeVolumes";
    let filter = VolumeFilter::builder().name(VolumeFilterName::StorageVirtualMachineId).values(svm).build();
    let (mut pages, mut token) = (Pages::new(OPERATION), None);
    loop {
        let ask = fsx.describe_volumes().filters(filter.clone()).set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        if let Some(volume) = page.volumes().iter().find(|volume| volume.name() == Some(name)) {
            return Ok(Some(volume.clone()));
        }
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(None);
        }
    }
}

/// A storage virtual machine by id.
pub(crate) async fn machine(fsx: &aws_sdk_fsx::Client, id: &str) -> Result<StorageVirtualMachine, CloudError> {
    const OPERATION: &str = "fsx:DescribeStorageVirtualMachines";
    let answer = fsx.describe_storage_virtual_machines().storage_virtual_machine_ids(id).send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let found = answer.storage_virtual_machines().first().cloned();
    found.ok_or_else(|| unreadable(OPERATION, "the answer holds no storage virtual machine and no error"))
}

/// Backups that are kept of it, by id.
pub(crate) async fn backups(fsx: &aws_sdk_fsx::Client, thing: Thing<'_>) -> Result<Vec<String>, CloudError> {
    const OPERATION: &str = "fsx:DescribeBackups";
    let (name, id) = match thing {
        Thing::FileSystem { id, .. } => (FilterName::FileSystemId, id),
        Thing::Volume { id } => (FilterName::VolumeId, id),
    };
    let filter = Filter::builder().name(name).values(id).build();
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = fsx.describe_backups().filters(filter.clone()).set_next_token(token);
        let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        found.extend(page.backups().iter().filter_map(kept));
        token = pages.next(page.next_token())?;
        if token.is_none() {
            found.sort();
            return Ok(found);
        }
    }
}

fn kept(backup: &Backup) -> Option<String> {
    let status = backup.lifecycle().map(|status| tame(status.as_str())).unwrap_or_default();
    (status != "DELETED").then(|| {
        let kind = backup.r#type().map_or("no type", BackupType::as_str);
        tame(&format!("backup {} ({kind}, {status})", backup.backup_id().unwrap_or("without an id")))
    })
}
