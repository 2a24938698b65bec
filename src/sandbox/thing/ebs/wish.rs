//! What restore metadata asks EBS for. Facts 2.4. Mistakes fail the job (trap 10).

use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::spec::Place;
use crate::sandbox::thing::asked::Asked;
use crate::sandbox::thing::ebs::{VolumeSettings, contents, filesystem};
use crate::sandbox::thing::ec2::ec2_error;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::world::{Point, Site};

const KINDS: &[&str] = &["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];

/// The volume that the metadata asks for.
pub(crate) struct VolumeWish {
    pub(super) settings: VolumeSettings,
    pub(super) filesystem: Option<String>,
    pub(super) contents: Arc<Contents>,
}

/// What the metadata asks for, or why the job fails. `started` is when the world began.
pub(super) fn read(
    site: &Site,
    place: &Place,
    (point, started): (&Point, Timestamp),
    asked: Asked<'_>,
) -> Result<VolumeWish, String> {
    if let Some(key) = ["volumeId", "restoreType"].into_iter().find(|key| asked.get(key).is_some()) {
        return Err(format!("Invalid restore metadata. Unrecognized key : {key}"));
    }
    let zone = asked.get("availabilityZone").ok_or("Restore metadata availabilityZone is required for EBS volumes")?;
    if !site.shelves.ec2.zones(site, place).iter().any(|known| known == zone) {
        return Err(ec2_error("InvalidParameterValue", &format!("Invalid availability zone: [{zone}]")));
    }
    let kind = asked.get("volumeType").unwrap_or("gp3");
    if !KINDS.contains(&kind) {
        return Err(ec2_error("UnknownVolumeType", &format!("Unknown volume type: {kind}")));
    }
    let (iops, throughput) = figures(kind, number(asked, "iops")?, number(asked, "throughput")?)?;
    let size = number(asked, "volumeSize")?.unwrap_or(point.source.size_gib);
    if size < point.source.size_gib {
        let least = point.source.size_gib;
        let message =
            format!("The size of a volume can not be smaller than its snapshot: {size} GiB, snapshot {least} GiB");
        return Err(ec2_error("InvalidParameterValue", &message));
    }
    let key = key(site, point, asked.get("kmsKeyId"))?;
    Ok(VolumeWish {
        settings: VolumeSettings {
            kind: kind.to_owned(),
            size_gib: size,
            iops,
            throughput,
            key: Some(key),
            zone: zone.to_owned(),
        },
        filesystem: filesystem(&point.source),
        contents: Arc::new(contents(&point.source, point.created, started)),
    })
}

/// The key that a restored volume is encrypted with: the metadata's, or the recovery point's.
pub(crate) fn key(site: &Site, point: &Point, asked: Option<&str>) -> Result<String, String> {
    if !site.can_read(point) {
        return Err(unusable(&point.key));
    }
    match asked {
        None => Ok(point.key.clone()),
        Some(asked) => site.usable_key(asked).map(|key| key.arn.clone()).ok_or_else(|| unusable(asked)),
    }
}

fn unusable(key: &str) -> String {
    let message = format!("The given key ID is not accessible: {key} does not exist, is disabled, or may not be used");
    ec2_error("InvalidKmsKey.InvalidState", &message)
}

fn number(asked: Asked<'_>, key: &str) -> Result<Option<u32>, String> {
    let wrong = || ec2_error("InvalidParameterValue", &format!("Value for parameter {key} is invalid"));
    asked.get(key).map(|text| text.parse().map_err(|_| wrong())).transpose()
}

/// IOPS and throughput that go with the type, with its defaults.
fn figures(kind: &str, iops: Option<u32>, throughput: Option<u32>) -> Result<(Option<u32>, Option<u32>), String> {
    let refused = |what: &str| {
        let message = format!("The parameter {what} is not supported for {kind} volumes");
        Err(ec2_error("InvalidParameterCombination", &message))
    };
    match (kind, iops, throughput) {
        ("gp3", iops, throughput) => Ok((Some(iops.unwrap_or(3_000)), Some(throughput.unwrap_or(125)))),
        (_, _, Some(_)) => refused("throughput"),
        ("io1" | "io2", None, None) => {
            Err(ec2_error("MissingParameter", "The request must contain the parameter iops"))
        }
        ("io1" | "io2", iops, None) => Ok((iops, None)),
        (_, Some(_), None) => refused("iops"),
        (_, None, None) => Ok((None, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn figures_belong_to_their_types() {
        assert_eq!(figures("gp3", None, None), Ok((Some(3_000), Some(125))));
        assert_eq!(figures("gp2", None, None), Ok((None, None)));
        for (kind, iops, throughput) in [("gp2", Some(1), None), ("io1", None, None), ("st1", None, Some(1))] {
            assert!(figures(kind, iops, throughput).is_err(), "{kind}");
        }
    }
}
