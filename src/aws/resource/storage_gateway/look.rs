//! What Storage Gateway's answers show of a restored volume. Pure.

use std::collections::BTreeMap;

use aws_sdk_storagegateway::types::{CachediScsiVolume, StorediScsiVolume, VolumeiScsiAttributes};
use aws_smithy_types::DateTime;

use crate::aws::resource::storage_gateway::readiness::phase;
use crate::cloud::resource::{Endpoint, Observation};
use crate::words::text::tame;

/// A volume, cached or stored.
pub(crate) struct Volume {
    /// Its ARN, as AWS wrote it.
    pub(crate) arn: Option<String>,
    /// Its iSCSI target, by ARN or by name.
    pub(crate) target: Option<String>,
    /// When it was made.
    pub(crate) made: Option<DateTime>,
    /// The service's word for its state.
    pub(crate) status: String,
    bytes: i64,
    address: Option<Endpoint>,
    facts: Vec<(&'static str, Option<String>)>,
}

/// A cached volume.
pub(crate) fn of_cached(volume: &CachediScsiVolume) -> Volume {
    let attributes = volume.volumei_scsi_attributes();
    Volume {
        arn: volume.volume_arn().map(ToOwned::to_owned),
        status: tame(volume.volume_status().unwrap_or_default()),
        target: attributes.and_then(VolumeiScsiAttributes::target_arn).or(volume.target_name()).map(ToOwned::to_owned),
        bytes: volume.volume_size_in_bytes(),
        made: volume.created_date().copied(),
        address: attributes.and_then(address),
        facts: vec![
            ("kms_key", volume.kms_key().map(tame)),
            ("snapshot", volume.source_snapshot_id().map(tame)),
            ("volume_type", volume.volume_type().map(tame)),
        ],
    }
}

/// A stored volume.
pub(crate) fn of_stored(volume: &StorediScsiVolume) -> Volume {
    let attributes = volume.volumei_scsi_attributes();
    Volume {
        arn: volume.volume_arn().map(ToOwned::to_owned),
        status: tame(volume.volume_status().unwrap_or_default()),
        target: attributes.and_then(VolumeiScsiAttributes::target_arn).or(volume.target_name()).map(ToOwned::to_owned),
        bytes: volume.volume_size_in_bytes(),
        made: volume.created_date().copied(),
        address: attributes.and_then(address),
        facts: vec![
            ("disk", volume.volume_disk_id().map(tame)),
            ("kms_key", volume.kms_key().map(tame)),
            ("snapshot", volume.source_snapshot_id().map(tame)),
            ("volume_type", volume.volume_type().map(tame)),
        ],
    }
}

/// Where the iSCSI target answers.
fn address(attributes: &VolumeiScsiAttributes) -> Option<Endpoint> {
    let host = attributes.network_interface_id().filter(|host| !host.is_empty())?;
    let port = u16::try_from(attributes.network_interface_port()).ok().filter(|port| *port > 0);
    Some(Endpoint { host: tame(host), port })
}

/// What a look shows.
pub(crate) fn observation(volume: Volume) -> Observation {
    let mut facts: BTreeMap<String, String> =
        volume.facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    facts.insert("size_bytes".to_owned(), volume.bytes.to_string());
    if let Some(target) = &volume.target {
        facts.insert("target".to_owned(), tame(target));
    }
    Observation {
        phase: phase(&volume.status),
        status: volume.status,
        endpoint: volume.address,
        protected: false,
        parts: Vec::new(),
        facts,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_storagegateway::types::{CachediScsiVolume, VolumeiScsiAttributes};

    use super::{observation, of_cached};
    use crate::cloud::resource::Phase;

    #[test]
    fn a_look_shows_where_the_target_answers() {
        let attributes = VolumeiScsiAttributes::builder().network_interface_id("10.0.0.7");
        let attributes = attributes.network_interface_port(3_260);
        let volume = CachediScsiVolume::builder()
            .volume_status("AVAILABLE")
            .volume_size_in_bytes(1_024)
            .volumei_scsi_attributes(attributes.build())
            .build();
        let seen = observation(of_cached(&volume));
        assert_eq!((seen.phase, seen.endpoint.and_then(|endpoint| endpoint.port)), (Phase::Ready, Some(3_260)));
        assert_eq!(seen.facts.get("size_bytes").map(String::as_str), Some("1024"));
    }
}
