//! RDS DB instances. Facts 2.1.

mod making;
mod metadata;
mod shelf;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::sandbox::clock::earlier;
use crate::sandbox::engine::Engine;
use crate::sandbox::network::{SOURCE_SUBNET_GROUP, add_source_group};
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::rds::making::Restored;
pub(crate) use crate::sandbox::thing::rds::metadata::source_network;
pub(crate) use crate::sandbox::thing::rds::shelf::{
    AutomatedBackup, Deletion, Instance, InstanceSettings, OptionsFor, RESETTING, RdsShelf, Snapshot,
    automated_backup_arn, begin_deletion, begin_modification,
};
pub(crate) use crate::sandbox::thing::rds::wish::{
    CLASSES, check_identifier, rds_error, security_groups, subnet_group,
};
use crate::sandbox::thing::{Copied, Making, Physics};
use crate::sandbox::world::{Point, World};

/// What the source's databases use exists in the source alone: whoever sends it to the destination fails there.
pub(crate) const SOURCE_OPTION_GROUP: &str = "prod-options";

/// See [`SOURCE_OPTION_GROUP`].
pub(crate) fn source_parameter_group(engine: Engine) -> String {
    format!("prod-{}", engine.word())
}

/// DB instances.
pub(crate) struct Rds;

impl Physics for Rds {
    fn backup_type(&self) -> &'static str {
        "RDS"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["rds:DeleteDBInstance"]
    }

    fn smallest_page(&self) -> u32 {
        20
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, how: Copied, stream: &mut Stream) -> String {
        let how = match how {
            Copied::Original => "job",
            Copied::Copy => "copyjob",
        };
        format!("arn:aws:rds:{}:{}:snapshot:awsbackup:{how}-{}", place.region, place.account, stream.uuid())
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        let (engine, version) = (spec.engine(), spec.engine_version());
        let family = engine.group_family(version);
        let options = OptionsFor { engine: engine.word(), major: engine.major(version) };
        for place in [&spec.source, &spec.destination] {
            let shelf = &mut world.site(place).shelves.rds;
            shelf.parameter_groups.insert(format!("default.{family}"), family.clone());
            shelf.option_groups.insert(engine.option_group(version), options.clone());
        }
        let site = world.site(&spec.source);
        site.shelves.rds.parameter_groups.insert(source_parameter_group(engine), family.clone());
        site.shelves.rds.option_groups.insert(SOURCE_OPTION_GROUP.to_owned(), options.clone());
        add_source_group(site, &spec.source);
        let shelf = &mut world.site(&spec.destination).shelves.rds;
        shelf.parameter_groups.extend(spec.parameter_group.clone().map(|name| (name, family)));
        shelf.option_groups.extend(spec.option_group.clone().map(|name| (name, options)));
        add_instance(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        metadata::returned(world, point)
    }

    fn missing(&self, _spec: &ResourceSpec, metadata: &BTreeMap<String, String>) -> Option<&'static str> {
        metadata.get("DBInstanceIdentifier").is_none_or(String::is_empty).then_some("DBInstanceIdentifier")
    }

    /// Twelve minutes for 100 GiB, and not much more for more.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        12.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.15)
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let wish = wish::read(world.site(place), place, point, metadata)?;
        Ok(Box::new(Restored::new(place, wish)))
    }
}

fn add_instance(world: &mut World, spec: &Arc<ResourceSpec>) {
    let id = spec.arn.name().to_owned();
    if world.site(&spec.source).shelves.rds.instances.contains_key(&id) {
        return;
    }
    let mut stream = world.seed.stream(&format!("instance {}", spec.arn));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 380));
    let host = format!("{id}.{}.{}.rds.amazonaws.com", stream.hex(12), spec.source.region);
    let site = world.site(&spec.source);
    let vpc = site.default_vpc().map_or_else(String::new, |vpc| vpc.id.clone());
    let group = site.security_groups.iter().find(|group| group.vpc == vpc).map(|group| group.id.clone());
    let instance = Instance {
        arn: spec.arn.to_string(),
        resource_id: format!("db-{}", stream.word(26)),
        status: "available",
        steps: Vec::new(),
        asked_protection: None,
        asked_password: None,
        gone_at: None,
        keep_automated_backups: false,
        created,
        settings: InstanceSettings {
            class: spec.instance_class.clone(),
            size_gib: spec.size_gib,
            engine: spec.engine(),
            engine_version: spec.engine_version().to_owned(),
            zone: format!("{}a", spec.source.region),
            multi_az: true,
            public: false,
            port: spec.engine().port(),
            subnet_group: SOURCE_SUBNET_GROUP.to_owned(),
            vpc,
            security_groups: group.into_iter().collect(),
            parameter_group: source_parameter_group(spec.engine()),
            option_group: SOURCE_OPTION_GROUP.to_owned(),
            storage_type: "gp3".to_owned(),
            iops: Some("3000".to_owned()),
            throughput: Some("125".to_owned()),
            ca_certificate: "rds-ca-rsa2048-g1".to_owned(),
            minor_upgrades: true,
            copy_tags: true,
            retention_days: 7,
            key: site.keys.first().map(|key| key.arn.clone()).unwrap_or_default(),
            master: spec.master().to_owned(),
            iam_login: !spec.token_users.is_empty(),
        },
        deletion_protection: spec.deletion_protection,
        tags: spec.tags.clone(),
        source: Arc::clone(spec),
        made_by: None,
        point: None,
        database: Database::Elsewhere(host),
        id: id.clone(),
    };
    site.shelves.rds.instances.insert(id, instance);
}
