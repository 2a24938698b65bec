//! The source's instance, and the instances that a definition names in the destination.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::definition::model::Via;
use crate::sandbox::clock::earlier;
use crate::sandbox::file::InstanceFile;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::ebs::{Attachment, Volume, VolumeSettings};
use crate::sandbox::thing::ec2::instance::{Instance, InstanceSettings};
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::shell::{Files, Network};
use crate::sandbox::thing::web::{Pages, Served};
use crate::sandbox::world::{Site, World};

/// What a source instance is.
pub(crate) const SOURCE_KIND: &str = "m6i.large";

/// The device of every instance's root volume.
pub(super) const ROOT: &str = "/dev/xvda";

/// Adds what a definition names in the destination: the zone, the probe instance of `attach`, the instances that
/// scripts run on and that tunnels go through. None of them is made by a restore.
pub(crate) fn add_named(world: &mut World, spec: &ResourceSpec) {
    let place = &spec.destination;
    let zone = spec.with.get("availability_zone").and_then(literal).map(str::to_owned);
    world.site(place).shelves.ec2.named_zones.extend(zone.clone());
    let attach = spec.with.get("attach").and_then(Value::as_object).and_then(|attach| attach.get("instance"));
    let settings = || spec.probes.iter().map(|probe| &probe.settings);
    let scripts = settings().flat_map(|settings| [settings.get("instance"), settings.get("host")]).flatten();
    let vantages = settings().filter_map(|settings| settings.get("from")?.get("ssm"));
    let tunnels = spec.probes.iter().filter_map(|probe| match &probe.via {
        Some(Via::SsmTunnel(instance)) if !instance.contains("${{") => Some(instance.as_str()),
        _ => None,
    });
    let named = attach.into_iter().chain(scripts).chain(vantages).filter_map(literal).chain(tunnels);
    let named: Vec<String> = named.map(str::to_owned).collect();
    for id in named.into_iter().filter(|id| id.starts_with("i-")) {
        let zone = zone.clone().unwrap_or_else(|| format!("{}a", place.region));
        add(world, place, &id, &zone, BTreeMap::from([("Name".to_owned(), "drill-probe".to_owned())]));
    }
}

/// Adds an instance that a world file declares, or changes one that the definition names.
pub(crate) fn declare(world: &mut World, place: &Place, id: &str, declared: InstanceFile) {
    let tags = BTreeMap::from([("Name".to_owned(), "drill-probe".to_owned())]);
    add(world, place, id, &format!("{}a", place.region), tags);
    if let Some(instance) = world.site(place).shelves.ec2.instances.get_mut(id) {
        instance.managed = declared.ssm;
    }
}

/// A running instance that was there first. `zone` is where it stands.
pub(super) fn add(world: &mut World, place: &Place, id: &str, zone: &str, tags: BTreeMap<String, String>) {
    if world.site(place).shelves.ec2.instances.contains_key(id) {
        return;
    }
    let mut stream = world.seed.stream(&format!("instance {} {id}", place.region));
    let launched = earlier(world.started, SignedDuration::from_hours(24 * 120));
    let site = world.site(place);
    let instance = Instance {
        id: id.to_owned(),
        arn: format!("arn:aws:ec2:{}:{}:instance/{id}", place.region, place.account),
        image: format!("ami-{}", stream.hex(17)),
        state: "running",
        steps: Vec::new(),
        checked_at: Some(launched),
        gone_at: None,
        launched,
        protected: true,
        managed: true,
        settings: settings(site, zone, &mut stream),
        tags,
        made_by: None,
        served: Arc::new(Served::new(Pages::default(), Files::new(BTreeMap::new()))),
        rules: Vec::new(),
        network: Network::default(),
        console: String::new(),
        web: None,
    };
    let root = root(place, &instance, launched, &mut stream);
    let shelf = &mut site.shelves.ec2;
    shelf.volumes.insert(root.id.clone(), root);
    shelf.instances.insert(instance.id.clone(), instance);
}

fn settings(site: &Site, zone: &str, stream: &mut Stream) -> InstanceSettings {
    let subnet = site.subnets.iter().find(|subnet| subnet.zone == zone).or(site.subnets.first());
    let vpc = subnet.map(|subnet| subnet.vpc.clone()).unwrap_or_default();
    let groups = site.security_groups.iter().filter(|group| group.vpc == vpc).take(1);
    InstanceSettings {
        kind: SOURCE_KIND.to_owned(),
        zone: zone.to_owned(),
        subnet: subnet.map(|subnet| subnet.id.clone()).unwrap_or_default(),
        security_groups: groups.map(|group| group.id.clone()).collect(),
        vpc,
        profile: None,
        tokens_required: true,
        interface: format!("eni-{}", stream.hex(17)),
        address: format!("172.31.{}.{}", stream.below(16), 4 + stream.below(250)),
        private: None,
    }
}

fn root(place: &Place, instance: &Instance, created: Timestamp, stream: &mut Stream) -> Volume {
    let id = format!("vol-{}", stream.hex(17));
    Volume {
        arn: format!("arn:aws:ec2:{}:{}:volume/{id}", place.region, place.account),
        state: "in-use",
        steps: Vec::new(),
        gone_at: None,
        created,
        settings: VolumeSettings {
            kind: "gp3".to_owned(),
            size_gib: 8,
            iops: Some(3_000),
            throughput: Some(125),
            key: None,
            zone: instance.settings.zone.clone(),
        },
        snapshot: None,
        attachment: Some(Attachment {
            instance: instance.id.clone(),
            device: ROOT.to_owned(),
            state: "attached",
            since: created,
            until: None,
            delete_on_termination: true,
        }),
        tags: instance.tags.clone(),
        made_by: None,
        filesystem: Some("xfs".to_owned()),
        contents: Arc::default(),
        id,
    }
}
