//! File systems and ONTAP volumes that a drill may have left. An ONTAP file system or storage virtual machine is never
//! listed: a drill makes none (trap 31). Permissions: [`crate::aws::permissions::SWEEP`].

use std::collections::BTreeMap;

use aws_sdk_fsx::types::{FileSystem, FileSystemLifecycle, FileSystemType, Tag, Volume, VolumeLifecycle};
use serde_json::json;

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::fsx::look;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::Settings;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// File systems by tag or restore job; volumes by name too.
pub(super) async fn list(fsx: &aws_sdk_fsx::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    let mut found = Vec::new();
    for one in look::file_systems(fsx).await? {
        found.extend(file_system(&one, wanted)?);
    }
    for one in volumes(fsx).await? {
        found.extend(volume(&one, wanted)?);
    }
    Ok(found)
}

async fn volumes(fsx: &aws_sdk_fsx::Client) -> Result<Vec<Volume>, CloudError> {
    const OPERATION: &str = "fsx:DescribeVolumes";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let page = fsx.describe_volumes().set_next_token(token).send().await;
        let page = page.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.volumes().iter().cloned());
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tame(tag.value().unwrap_or_default())))).collect()
}

fn file_system(one: &FileSystem, wanted: &Wanted) -> Result<Option<Leftover>, CloudError> {
    let flavour = match one.file_system_type().map(FileSystemType::as_str) {
        Some("WINDOWS") => "windows",
        Some("LUSTRE") => "lustre",
        Some("OPENZFS") => "openzfs",
        _ => return Ok(None),
    };
    let (arn, tags) = (arn_of("fsx:DescribeFileSystems", one.resource_arn())?, tags(one.tags()));
    if !wanted.has(&arn, None, &tags) {
        return Ok(None);
    }
    let state = one.lifecycle().map(FileSystemLifecycle::as_str);
    let listed = thing(ResourceKind::Fsx, "file system", arn, state, one.creation_time());
    let with: Settings = [(flavour.to_owned(), json!({}))].into_iter().collect();
    Ok(Some(Leftover { tags, with, ..listed }))
}

/// Only volumes of ONTAP: those of OpenZFS belong to their file system.
fn volume(one: &Volume, wanted: &Wanted) -> Result<Option<Leftover>, CloudError> {
    let Some(ontap) = one.ontap_configuration() else { return Ok(None) };
    let (arn, tags) = (arn_of("fsx:DescribeVolumes", one.resource_arn())?, tags(one.tags()));
    // ONTAP allows no hyphens in names.
    let name = one.name().map(|name| name.replace('_', "-"));
    if !wanted.has(&arn, name.as_deref(), &tags) {
        return Ok(None);
    }
    let machine = ontap.storage_virtual_machine_id().unwrap_or_default();
    let state = one.lifecycle().map(VolumeLifecycle::as_str);
    let listed = thing(ResourceKind::Fsx, "volume", arn, state, one.creation_time());
    let with: Settings = [("ontap".to_owned(), json!({ "svm": tame(machine) }))].into_iter().collect();
    Ok(Some(Leftover { name: name.as_deref().map(tame), tags, with, ..listed }))
}
