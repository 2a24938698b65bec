//! File systems that a drill may have left, with their mount targets. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use aws_sdk_efs::types::{FileSystemDescription, LifeCycleState, MountTargetDescription};
use serde_json::json;

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::efs::look;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::Settings;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// Every file system with a drill's creation token or tag, or that a restore job of a drill made.
pub(super) async fn list(efs: &aws_sdk_efs::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "elasticfilesystem:DescribeFileSystems";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = efs.describe_file_systems().set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        for one in page.file_systems() {
            if *one.life_cycle_state() == LifeCycleState::Deleted {
                continue;
            }
            let arn = arn_of(OPERATION, one.file_system_arn())?;
            let tags = one.tags().iter().map(|tag| (tag.key().to_owned(), tame(tag.value()))).collect();
            if wanted.has(&arn, Some(one.creation_token()), &tags) {
                let with = settings(efs, one).await?;
                let state = Some(one.life_cycle_state().as_str());
                let listed = thing(ResourceKind::Efs, "file system", arn, state, Some(one.creation_time()));
                found.push(Leftover { name: Some(tame(one.creation_token())), tags, with, ..listed });
            }
        }
        token = pages.next(page.next_marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The subnets of the mount targets that it has now: one that is added later is somebody else's.
async fn settings(efs: &aws_sdk_efs::Client, one: &FileSystemDescription) -> Result<Settings, CloudError> {
    let targets = look::mount_targets(efs, one.file_system_id()).await?;
    let subnets: Vec<&str> = targets.iter().map(MountTargetDescription::subnet_id).collect();
    Ok([("subnets".to_owned(), json!(subnets))].into_iter().collect())
}
