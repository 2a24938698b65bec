//! What EFS lists of one file system: itself, its mount targets, its access points, its replication. Reads only.

use aws_sdk_efs::types::{AccessPointDescription, FileSystemDescription, MountTargetDescription};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::aws::resource::efs::readiness::{ACCESS_POINT, MOUNT_TARGET, REPLICATION};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::resource::{Part, Subject};
use crate::words::text::tame;

/// The file system: by its id once that is known, else by the creation token, which is the expected name.
pub(crate) async fn file_system(
    efs: &aws_sdk_efs::Client,
    subject: &Subject,
) -> Result<Option<FileSystemDescription>, CloudError> {
    const OPERATION: &str = "elasticfilesystem:DescribeFileSystems";
    let ask = efs.describe_file_systems();
    let ask = match subject.id() {
        Some(id) => ask.file_system_id(id),
        None => ask.creation_token(&subject.expected.name),
    };
    let answer = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = answer.file_systems().first().cloned();
    match (found, subject.arn()) {
        // For an id that does not exist EFS says `FileSystemNotFound`; for a token it answers an empty list.
        (None, Some(_)) => Err(unreadable(OPERATION, "the answer holds no file system and no error")),
        (Some(found), Some(arn)) if found.file_system_arn().is_some_and(|seen| seen != arn.as_str()) => {
            let seen = found.file_system_arn().unwrap_or_default();
            let message = format!("the session sees `{seen}` under the id of `{arn}`");
            Err(CloudError::new(OPERATION, ErrorKind::Invalid, "wrong_session", &message, None))
        }
        (found, _) => Ok(found),
    }
}

/// Its mount targets, none for a file system that is gone.
pub(crate) async fn mount_targets(
    efs: &aws_sdk_efs::Client,
    id: &str,
) -> Result<Vec<MountTargetDescription>, CloudError> {
    const OPERATION: &str = "elasticfilesystem:DescribeMountTargets";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = efs.describe_mount_targets().file_system_id(id).set_marker(token);
        let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        found.extend(page.mount_targets().iter().cloned());
        token = pages.next(page.next_marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Everything that hangs on it, sorted. `subnets` are those of the definition: a mount target elsewhere is not the
/// run's, and a replication never is.
pub(crate) async fn parts(
    efs: &aws_sdk_efs::Client,
    id: &str,
    targets: &[MountTargetDescription],
    subnets: &[String],
) -> Result<Vec<Part>, CloudError> {
    let mut parts: Vec<Part> = targets.iter().map(|target| mount_target(target, subnets)).collect();
    parts.extend(access_points(efs, id).await?);
    parts.extend(replications(efs, id).await?);
    parts.sort_by(|one, other| (&one.kind, &one.id).cmp(&(&other.kind, &other.id)));
    Ok(parts)
}

fn mount_target(target: &MountTargetDescription, subnets: &[String]) -> Part {
    let subnet = tame(target.subnet_id());
    Part {
        kind: MOUNT_TARGET.to_owned(),
        foreign: !subnets.contains(&subnet),
        id: subnet,
        status: tame(target.life_cycle_state().as_str()),
    }
}

/// An access point holds no data and goes with its file system, so whoever made it, it does not stand in the way.
async fn access_points(efs: &aws_sdk_efs::Client, id: &str) -> Result<Vec<Part>, CloudError> {
    const OPERATION: &str = "elasticfilesystem:DescribeAccessPoints";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = efs.describe_access_points().file_system_id(id).set_next_token(token);
        let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        found.extend(page.access_points().iter().filter_map(access_point));
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn access_point(point: &AccessPointDescription) -> Option<Part> {
    let status = point.life_cycle_state().map(|state| tame(state.as_str())).unwrap_or_default();
    Some(Part { status, ..Part::planned(ACCESS_POINT, &tame(point.access_point_id()?)) })
}

/// A restored file system has no replication (facts 2.6, "Not created"): one that is there was added by somebody, and
/// carries data to or from somewhere else.
async fn replications(efs: &aws_sdk_efs::Client, id: &str) -> Result<Vec<Part>, CloudError> {
    const OPERATION: &str = "elasticfilesystem:DescribeReplicationConfigurations";
    let answer = efs.describe_replication_configurations().file_system_id(id).send().await;
    let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => answer,
        // `ReplicationNotFound` is the usual answer.
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for replication in answer.replications() {
        for destination in replication.destinations() {
            let source = replication.source_file_system_id();
            let other = if source == id { destination.file_system_id() } else { source };
            let status = tame(destination.status().as_str());
            found.push(Part { status, foreign: true, ..Part::planned(REPLICATION, &tame(other)) });
        }
    }
    Ok(found)
}
