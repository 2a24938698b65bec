//! What EC2's answers show of a restored instance and its volumes. Pure.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    GroupIdentifier, HttpTokensState, IamInstanceProfile, Instance, InstanceMetadataOptionsResponse,
    InstanceNetworkInterface, InstanceState, InstanceStateName, InstanceType, Placement, StateReason, Volume,
    VolumeAttachment, VolumeAttachmentState, VolumeState,
};
use jiff::Timestamp;

use crate::aws::resource::ec2::readiness::{Checks, VOLUME, phase};
use crate::aws::time::made_since;
use crate::cloud::resource::{Endpoint, Observation, Part, Phase};
use crate::words::text::tame;

/// Whether a volume is on its way out, and nothing needs to be asked for.
pub(crate) fn is_leaving(part: &Part) -> bool {
    part.status.starts_with("deleting")
}

/// The state of an instance.
pub(crate) fn state(instance: &Instance) -> &str {
    instance.state().and_then(InstanceState::name).map_or("", InstanceStateName::as_str)
}

/// A volume of the instance, as a part; none if it is deleted already. It is foreign if it is older than the run's
/// intent, or on another instance.
pub(crate) fn part(volume: &Volume, instance: &str, since: Timestamp) -> Option<Part> {
    let id = volume.volume_id()?;
    let state = volume.state().map_or("", VolumeState::as_str);
    if state == "deleted" {
        return None;
    }
    let attached = || volume.attachments().iter().filter(|one| one.state() != Some(&VolumeAttachmentState::Detached));
    let elsewhere = attached().any(|one| one.instance_id() != Some(instance));
    let goes_along =
        attached().find(|one| one.instance_id() == Some(instance)).and_then(VolumeAttachment::delete_on_termination);
    let status = match goes_along {
        Some(true) => format!("{state}, deleted with the instance"),
        Some(false) => format!("{state}, outlives the instance"),
        None => state.to_owned(),
    };
    let foreign = elsewhere || !made_since(volume.create_time(), since);
    Some(Part { kind: VOLUME.to_owned(), id: tame(id), status: tame(&status), foreign })
}

/// What is there of an instance that is gone: its volumes, or nothing.
pub(crate) fn left(status: &str, parts: Vec<Part>) -> Observation {
    let absent = Observation { status: status.to_owned(), ..Observation::absent() };
    if parts.is_empty() {
        return absent;
    }
    let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    let status = match ids.as_slice() {
        [one] => format!("{status}; volume {one} is left"),
        several => format!("{status}; volumes {} are left", several.join(", ")),
    };
    // Without its instance a volume is of no use for the drill, and is still to be removed.
    let phase = if parts.iter().all(is_leaving) { Phase::Leaving } else { Phase::Hindered };
    Observation { phase, status, parts, ..absent }
}

/// A look at an instance that is there. `checks` are there once it runs.
pub(crate) fn observation(
    instance: &Instance,
    checks: Option<Checks<'_>>,
    protected: bool,
    parts: Vec<Part>,
) -> Observation {
    let state = state(instance);
    let status = match checks {
        Some(Checks { instance: "ok", system: "ok" }) | None => state.to_owned(),
        Some(checks) => format!("{state}; instance check {}, system check {}", checks.instance, checks.system),
    };
    let endpoint = instance.private_ip_address().map(|host| Endpoint { host: tame(host), port: None });
    let phase = match phase(state, checks) {
        Phase::Ready if endpoint.is_none() => Phase::Pending,
        phase => phase,
    };
    Observation { phase, status: tame(&status), endpoint, protected, parts, facts: report_facts(instance) }
}

fn report_facts(instance: &Instance) -> BTreeMap<String, String> {
    let profile = instance.iam_instance_profile().and_then(IamInstanceProfile::arn);
    let options = instance.metadata_options();
    let tokens = options.and_then(InstanceMetadataOptionsResponse::http_tokens).map(HttpTokensState::as_str);
    let interfaces = instance.network_interfaces().iter().filter_map(InstanceNetworkInterface::network_interface_id);
    let groups = instance.security_groups().iter().filter_map(GroupIdentifier::group_id);
    [
        ("availability_zone", instance.placement().and_then(Placement::availability_zone).map(tame)),
        ("image", instance.image_id().map(tame)),
        ("imds_tokens", tokens.map(tame)),
        ("instance_profile", profile.map(tame)),
        ("instance_type", instance.instance_type().map(InstanceType::as_str).map(tame)),
        ("network_interfaces", listed(interfaces)),
        ("private_dns", instance.private_dns_name().filter(|name| !name.is_empty()).map(tame)),
        ("public_address", instance.public_ip_address().map(tame)),
        ("security_groups", listed(groups)),
        ("state_reason", instance.state_reason().and_then(StateReason::message).map(tame)),
        ("subnet", instance.subnet_id().map(tame)),
        ("vpc", instance.vpc_id().map(tame)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

/// The same order at every look; none if there are none.
fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    if ids.is_empty() { None } else { Some(tame(&ids.join(", "))) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Instance, InstanceState, InstanceStateName, Volume, VolumeAttachment, VolumeState};
    use aws_smithy_types::DateTime;
    use jiff::Timestamp;

    use super::{left, observation, part};
    use crate::aws::resource::ec2::readiness::Checks;
    use crate::cloud::resource::{Part, Phase};

    fn since() -> Timestamp {
        Timestamp::from_second(1_767_225_600).unwrap()
    }

    fn volume(made: i64, on: Option<&str>) -> Volume {
        let attachments = on.map(|instance| {
            vec![VolumeAttachment::builder().instance_id(instance).delete_on_termination(false).build()]
        });
        Volume::builder()
            .volume_id("vol-1")
            .state(VolumeState::InUse)
            .create_time(DateTime::from_secs(made))
            .set_attachments(attachments)
            .build()
    }

    #[test]
    fn a_volume_that_the_restore_did_not_make_is_foreign() {
        let made = since().as_second() + 60;
        let ours = part(&volume(made, Some("i-1")), "i-1", since()).unwrap();
        assert_eq!((ours.foreign, ours.status.as_str()), (false, "in-use, outlives the instance"));
        assert!(!part(&volume(made, None), "i-1", since()).unwrap().foreign);
        assert!(part(&volume(made, Some("i-9")), "i-1", since()).unwrap().foreign);
        assert!(part(&volume(made - 86_400, Some("i-1")), "i-1", since()).unwrap().foreign);
        let deleted = Volume::builder().volume_id("vol-1").state(VolumeState::Deleted).build();
        assert_eq!(part(&deleted, "i-1", since()), None);
    }

    #[test]
    fn an_instance_is_gone_only_with_its_volumes() {
        let volume = |status: &str| Part { status: status.to_owned(), ..Part::planned("volume", "vol-1") };
        assert_eq!(left("terminated", Vec::new()).phase, Phase::Gone);
        let seen = left("terminated", vec![volume("available")]);
        assert_eq!((seen.phase, seen.status.as_str()), (Phase::Hindered, "terminated; volume vol-1 is left"));
        assert_eq!(left("not found", vec![volume("deleting")]).phase, Phase::Leaving);
    }

    #[test]
    fn a_running_instance_answers_at_its_private_address() {
        let running = InstanceState::builder().name(InstanceStateName::Running).build();
        let instance = Instance::builder().state(running).private_ip_address("10.0.0.7").build();
        let early = observation(&instance, Some(Checks { instance: "initializing", system: "ok" }), false, Vec::new());
        assert_eq!(early.phase, Phase::Pending);
        assert_eq!(early.status, "running; instance check initializing, system check ok");
        let ready = observation(&instance, Some(Checks { instance: "ok", system: "ok" }), false, Vec::new());
        assert_eq!((ready.phase, ready.status.as_str()), (Phase::Ready, "running"));
        let endpoint = ready.endpoint.unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("10.0.0.7", None));
    }
}
