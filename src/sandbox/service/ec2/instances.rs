//! Instances: describe, protect, terminate, by EC2's rules. Facts 2.5.

use jiff::Timestamp;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::texts;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::service::ec2::choice::{Choice, paged, required, tag_set, tag_values};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ec2::{Ec2Shelf, Instance};
use crate::sandbox::world::World;

const NOT_FOUND: (&str, &str) = ("InvalidInstanceID.NotFound", "instance ID");

pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "InstanceId");
    let shelf = &world.site(place).shelves.ec2;
    choice.known(shelf.instances.keys().map(String::as_str), NOT_FOUND)?;
    let shown = shelf.instances.values().filter(|instance| fits(&choice, instance));
    let rows = shown.map(|instance| {
        vec![
            text("reservationId", instance.id.replacen("i-", "r-", 1)),
            text("ownerId", &place.account),
            node("groupSet", Vec::new()),
            list("instancesSet", "item", [show(shelf, instance)]),
        ]
    });
    paged(ask, "reservationSet", rows.collect())
}

fn fits(choice: &Choice, instance: &Instance) -> bool {
    let settings = &instance.settings;
    let mut values = vec![
        ("instance-id".to_owned(), instance.id.clone()),
        ("image-id".to_owned(), instance.image.clone()),
        ("instance-state-name".to_owned(), instance.state.to_owned()),
        ("instance-state-code".to_owned(), code(instance.state).to_string()),
        ("instance-type".to_owned(), settings.kind.clone()),
        ("availability-zone".to_owned(), settings.zone.clone()),
        ("subnet-id".to_owned(), settings.subnet.clone()),
        ("vpc-id".to_owned(), settings.vpc.clone()),
        ("private-ip-address".to_owned(), instance.address().unwrap_or_default()),
    ];
    values.extend(settings.security_groups.iter().map(|id| ("instance.group-id".to_owned(), id.clone())));
    values.extend(tag_values(&instance.tags));
    values.extend(instance.tags.keys().map(|key| ("tag-key".to_owned(), key.clone())));
    let values: Vec<(&str, String)> = values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    choice.fits(&instance.id, &values)
}

/// EC2's number of a state.
fn code(state: &str) -> u8 {
    match state {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    }
}

fn state(name: &'static str, state: &str) -> Element {
    node(name, vec![text("code", code(state)), text("name", state)])
}

fn show(shelf: &Ec2Shelf, instance: &Instance) -> Vec<Element> {
    let settings = &instance.settings;
    let gone = instance.state == "terminated";
    let groups = || {
        let groups = settings.security_groups.iter().filter(|_| !gone);
        list("groupSet", "item", groups.map(|id| vec![text("groupId", id), text("groupName", "drill")]))
    };
    let address = instance.address();
    let mut shown = vec![
        text("instanceId", &instance.id),
        text("imageId", &instance.image),
        state("instanceState", instance.state),
        text(
            "privateDnsName",
            address.as_ref().map_or_else(String::new, |_| format!("{}.ec2.internal", instance.hostname())),
        ),
        text("dnsName", ""),
        text("instanceType", &settings.kind),
        instant("launchTime", instance.launched),
        node("placement", vec![text("availabilityZone", &settings.zone), text("tenancy", "default")]),
        node("monitoring", vec![text("state", "disabled")]),
        text("architecture", "x86_64"),
        text("rootDeviceType", "ebs"),
        text("rootDeviceName", "/dev/xvda"),
        text("virtualizationType", "hvm"),
        text("enaSupport", true),
        text("ebsOptimized", true),
        devices(shelf, instance),
        groups(),
        tag_set(&instance.tags),
        node(
            "metadataOptions",
            vec![
                text("state", "applied"),
                text("httpTokens", if settings.tokens_required { "required" } else { "optional" }),
                text("httpEndpoint", "enabled"),
            ],
        ),
    ];
    if let Some(profile) = &settings.profile {
        shown.push(node("iamInstanceProfile", vec![text("arn", profile), text("id", "AIPASANDBOX")]));
    }
    if gone {
        let why = vec![text("code", "Client.UserInitiatedShutdown"), text("message", "User initiated shutdown")];
        shown.push(node("stateReason", why));
        return shown;
    }
    shown.extend([text("subnetId", &settings.subnet), text("vpcId", &settings.vpc)]);
    shown.extend(address.iter().map(|address| text("privateIpAddress", address)));
    let mut interface = vec![
        text("networkInterfaceId", &settings.interface),
        text("subnetId", &settings.subnet),
        text("vpcId", &settings.vpc),
        text("status", "in-use"),
        groups(),
    ];
    interface.extend(address.iter().map(|address| text("privateIpAddress", address)));
    shown.push(list("networkInterfaceSet", "item", [interface]));
    shown
}

fn devices(shelf: &Ec2Shelf, instance: &Instance) -> Element {
    let volumes = shelf.volumes_of(&instance.id);
    let rows = volumes.into_iter().filter_map(|volume| {
        let attachment = volume.attachment.as_ref()?;
        let ebs = vec![
            text("volumeId", &volume.id),
            text("status", attachment.state),
            instant("attachTime", attachment.since),
            text("deleteOnTermination", attachment.delete_on_termination),
        ];
        Some(vec![text("deviceName", &attachment.device), node("ebs", ebs)])
    });
    list("blockDeviceMapping", "item", rows)
}

/// Only running instances have a status, unless all are asked for.
pub(super) fn status(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now = world.now;
    let choice = Choice::read(ask, "InstanceId");
    let shelf = &world.site(place).shelves.ec2;
    choice.known(shelf.instances.keys().map(String::as_str), NOT_FOUND)?;
    let all = ask.flag("IncludeAllInstances").unwrap_or(false);
    let shown = shelf.instances.values().filter(|one| fits(&choice, one) && (all || one.state == "running"));
    let rows = shown.map(|instance| {
        let word = instance.checks(now).unwrap_or("not-applicable");
        vec![
            text("instanceId", &instance.id),
            text("availabilityZone", &instance.settings.zone),
            state("instanceState", instance.state),
            summary("instanceStatus", word),
            summary("systemStatus", word),
        ]
    });
    paged(ask, "instanceStatusSet", rows.collect())
}

fn summary(name: &'static str, word: &str) -> Element {
    let status = if word == "ok" { "passed" } else { word };
    let detail = vec![text("name", "reachability"), text("status", status)];
    node(name, vec![text("status", word), list("details", "item", [detail])])
}

pub(super) fn attribute(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let instance = find(&mut world.site(place).shelves.ec2, required(ask, "InstanceId")?)?;
    let value = match required(ask, "Attribute")? {
        "disableApiTermination" => node("disableApiTermination", vec![text("value", instance.protected)]),
        "instanceType" => node("instanceType", vec![text("value", &instance.settings.kind)]),
        "rootDeviceName" => node("rootDeviceName", vec![text("value", "/dev/xvda")]),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid.");
            return Err(Failure::bad("InvalidParameterValue", message));
        }
    };
    Ok(vec![text("instanceId", &instance.id), value])
}

pub(super) fn modify(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let instance = find(&mut world.site(place).shelves.ec2, required(ask, "InstanceId")?)?;
    let by_name =
        ask.param("Attribute").filter(|name| *name == "disableApiTermination").and_then(|_| ask.flag("Value"));
    let protected = ask.flag("DisableApiTermination.Value").or(by_name).ok_or_else(|| {
        Failure::bad("InvalidParameterCombination", "The simulated AWS modifies DisableApiTermination only")
    })?;
    instance.protected = protected;
    Ok(vec![text("return", true)])
}

pub(super) fn terminate(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now: Timestamp = world.now;
    let mut stream = world.stream("termination");
    let ids = texts(ask, "InstanceId");
    let shelf = &mut world.site(place).shelves.ec2;
    // All or nothing: one that cannot be terminated refuses the request.
    for id in &ids {
        let instance = find(shelf, id)?;
        if instance.protected && !matches!(instance.state, "shutting-down" | "terminated") {
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try \
                 again."
            );
            return Err(Failure::bad("OperationNotPermitted", message));
        }
    }
    let mut rows = Vec::new();
    for id in &ids {
        let instance = find(shelf, id)?;
        let before = instance.state;
        instance.begin_termination(now, &mut stream);
        rows.push(vec![text("instanceId", id), state("currentState", instance.state), state("previousState", before)]);
    }
    Ok(vec![list("instancesSet", "item", rows)])
}

/// The instance of an id.
pub(super) fn find<'a>(shelf: &'a mut Ec2Shelf, id: &str) -> Result<&'a mut Instance, Failure> {
    let missing = || Failure::bad(NOT_FOUND.0, format!("The instance ID '{id}' does not exist"));
    shelf.instances.get_mut(id).ok_or_else(missing)
}
