//! Volumes that a drill may have left: those that carry its tag or that its restore jobs made. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use aws_sdk_ec2::types::{Volume, VolumeState};

use crate::aws::resource::ebs::tags;
use crate::aws::resource::ebs::volume::Volumes;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, RUN_TAG, Wanted};
use crate::words::kind::ResourceKind;

/// Volumes of restored instances carry the tag too. While such a one is attached it belongs to its instance.
pub(super) async fn list(volumes: &Volumes, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    let made = wanted.made.iter().filter(|arn| arn.service() == "ec2");
    let made: Vec<String> = made.filter_map(|arn| arn.resource().strip_prefix("volume/")).map(String::from).collect();
    let mut found: Vec<Volume> = volumes.filtered("tag-key", &[RUN_TAG.to_owned()]).await?;
    for volume in volumes.filtered("volume-id", &made).await? {
        if found.iter().all(|one| one.volume_id() != volume.volume_id()) {
            found.push(volume);
        }
    }
    let stays = |volume: &&Volume| volume.state() != Some(&VolumeState::Deleted);
    found
        .iter()
        .filter(stays)
        .filter(|volume| !goes_with_an_instance(volume))
        .map(|one| leftover(one, wanted))
        .collect()
}

fn goes_with_an_instance(volume: &Volume) -> bool {
    volume.attachments().iter().any(|one| one.delete_on_termination() == Some(true))
}

fn leftover(volume: &Volume, wanted: &Wanted) -> Result<Leftover, CloudError> {
    let Wanted { account, region, partition, .. } = wanted;
    let arn = volume.volume_id().map(|id| format!("arn:{partition}:ec2:{region}:{account}:volume/{id}"));
    let arn = arn_of("ec2:DescribeVolumes", arn.as_deref())?;
    let state = volume.state().map(VolumeState::as_str);
    let listed = thing(ResourceKind::Ebs, "volume", arn, state, volume.create_time());
    Ok(Leftover { tags: tags::read(volume.tags()), ..listed })
}
