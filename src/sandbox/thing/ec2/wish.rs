//! What restore metadata asks EC2 for. Facts 2.5. Mistakes fail the job (trap 10).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::{Asked, member, word};
use crate::sandbox::thing::ebs::{contents, volume_key};
use crate::sandbox::thing::ec2::block::{ServerBlock, served};
use crate::sandbox::thing::ec2::ec2_error;
use crate::sandbox::thing::ec2::source::SOURCE_KIND;
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::shell::{Contents, Network, Rule};
use crate::sandbox::thing::web::Served;
use crate::sandbox::world::{Point, Site, Subnet};

/// The device of a restored instance's second volume.
pub(super) const DATA: &str = "/dev/sdf";

/// Instance types that every zone of a world offers, besides those that definitions name.
pub(crate) const KINDS: &[&str] = &[
    SOURCE_KIND,
    "c6i.large",
    "m5.large",
    "m6g.large",
    "m6i.xlarge",
    "r6i.large",
    "t2.micro",
    "t3.large",
    "t3.medium",
    "t3.micro",
    "t3.small",
    "t4g.medium",
    "t4g.small",
];

/// The one value that AWS Backup takes for an instance profile (trap 38).
const AS_BACKED_UP: &str = "UseBackedUpValue";

/// The instance that the metadata asks for.
pub(super) struct Wish {
    pub(super) kind: String,
    pub(super) subnet: Subnet,
    pub(super) security_groups: Vec<String>,
    pub(super) profile: bool,
    pub(super) tokens_required: bool,
    pub(super) protected: bool,
    pub(super) private: bool,
    pub(super) key: String,
    /// Root and data volume, in GiB.
    pub(super) sizes: (u32, u32),
    pub(super) contents: Arc<Contents>,
    pub(super) served: Arc<Served>,
    pub(super) rules: Vec<Rule>,
    pub(super) network: Network,
    pub(super) console: String,
}

/// Root and data volume of a source, in GiB.
pub(super) fn sizes(source: &ResourceSpec) -> (u32, u32) {
    (8, source.size_gib.saturating_sub(8).max(1))
}

/// What the metadata asks for, or why the job fails. `started` is when the world began.
pub(super) fn read(
    site: &Site,
    place: &Place,
    (point, started): (&Point, Timestamp),
    asked: Asked<'_>,
) -> Result<Wish, String> {
    check_interfaces(asked)?;
    check_profile(asked)?;
    if let Some(name) = asked.get("KeyName") {
        return Err(ec2_error("InvalidKeyPair.NotFound", &format!("The key pair '{name}' does not exist")));
    }
    let subnet = subnet(site, place, asked.get("SubnetId"))?;
    let placed = asked.object("Placement")?;
    if let Some(zone) = word(&placed, "AvailabilityZone").filter(|zone| *zone != subnet.zone) {
        return Err(ec2_error("InvalidParameterValue", &format!("Invalid availability zone: [{zone}]")));
    }
    let security_groups = security_groups(site, &subnet, &asked.list("SecurityGroupIds")?)?;
    let kind = kind(site, &point.source, asked.get("InstanceType"))?;
    if kind.starts_with("t2.") && asked.get("CpuOptions").is_some() {
        return Err(ec2_error("InvalidParameterCombination", &format!("CpuOptions are not supported for {kind}")));
    }
    let block = ServerBlock::read(&point.source.extra).unwrap_or_default();
    Ok(Wish {
        kind,
        subnet,
        security_groups,
        profile: asked.get("IamInstanceProfileName").is_some(),
        tokens_required: asked.is_true("RequireIMDSv2"),
        protected: match asked.get("DisableApiTermination") {
            Some(_) => asked.is_true("DisableApiTermination"),
            None => point.source.deletion_protection,
        },
        private: point.source.private,
        key: key(site, point, asked)?,
        sizes: sizes(&point.source),
        contents: Arc::new(contents_of(point, started)),
        served: Arc::new(served(&point.source, &block)),
        rules: block.rules(),
        network: block.network(),
        console: block.console,
    })
}

/// What is on the data volume. The block is the server's, so that no `volume:` of it can be read.
fn contents_of(point: &Point, started: Timestamp) -> Contents {
    let plain = ResourceSpec { extra: Map::new(), ..ResourceSpec::clone(&point.source) };
    contents(&plain, point.created, started)
}

fn check_interfaces(asked: Asked<'_>) -> Result<(), String> {
    let Some(text) = asked.get("NetworkInterfaces") else { return Ok(()) };
    if asked.get("SubnetId").is_some() || asked.get("SecurityGroupIds").is_some() {
        let message = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the \
                       same request";
        return Err(ec2_error("InvalidParameterCombination", message));
    }
    let interfaces: Vec<Map<String, Value>> = serde_json::from_str(text)
        .map_err(|_| ec2_error("InvalidParameterValue", "NetworkInterfaces must be a JSON array, as a string"))?;
    let named = interfaces.iter().find_map(|interface| word(interface, "NetworkInterfaceId")).unwrap_or_default();
    let message = format!("The networkInterface ID '{named}' does not exist");
    Err(ec2_error("InvalidNetworkInterfaceID.NotFound", &message))
}

fn check_profile(asked: Asked<'_>) -> Result<(), String> {
    match asked.get("IamInstanceProfileName") {
        None | Some(AS_BACKED_UP) => Ok(()),
        Some(_) => Err("AWS Backup does not permit attaching a new instance profile to a restored instance; use \
                        UseBackedUpValue or leave IamInstanceProfileName out"
            .to_owned()),
    }
}

fn subnet(site: &Site, place: &Place, asked: Option<&str>) -> Result<Subnet, String> {
    match asked {
        Some(id) => site.subnets.iter().find(|subnet| subnet.id == id).cloned().ok_or_else(|| {
            ec2_error("InvalidSubnetID.NotFound", &format!("The subnet ID '{id}' does not exist in {}", place.region))
        }),
        None => {
            let vpc = site.default_vpc().map(|vpc| vpc.id.as_str());
            let found = site.subnets.iter().find(|subnet| Some(subnet.vpc.as_str()) == vpc);
            found.cloned().ok_or_else(|| ec2_error("VPCIdNotSpecified", "No default VPC for this user"))
        }
    }
}

fn security_groups(site: &Site, subnet: &Subnet, asked: &[String]) -> Result<Vec<String>, String> {
    if asked.is_empty() {
        let default = site.security_groups.iter().find(|group| group.vpc == subnet.vpc && group.name == "default");
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    }
    for id in asked {
        match site.security_groups.iter().find(|group| group.id == *id) {
            None => {
                let message = format!("The security group '{id}' does not exist");
                return Err(ec2_error("InvalidGroup.NotFound", &message));
            }
            Some(group) if group.vpc != subnet.vpc => {
                let message = format!("Security group {id} and subnet {} belong to different networks.", subnet.id);
                return Err(ec2_error("InvalidParameter", &message));
            }
            Some(_) => {}
        }
    }
    Ok(asked.to_vec())
}

fn kind(site: &Site, source: &ResourceSpec, asked: Option<&str>) -> Result<String, String> {
    let kind = asked.unwrap_or(SOURCE_KIND);
    if !site.offers(kind) {
        let message =
            format!("Your requested instance type ({kind}) is not supported in your requested Availability Zone");
        return Err(ec2_error("Unsupported", &message));
    }
    let named = source.with.get("instance_type").and_then(literal);
    if KINDS.contains(&kind) || named == Some(kind) {
        return Ok(kind.to_owned());
    }
    Err(ec2_error("InvalidParameterValue", &format!("Invalid value '{kind}' for InstanceType.")))
}

/// The key of all volumes. The mapping takes no snapshot and no outpost back.
fn key(site: &Site, point: &Point, asked: Asked<'_>) -> Result<String, String> {
    let Some(text) = asked.get("BlockDeviceMappings") else { return volume_key(site, point, None) };
    let devices: Vec<Map<String, Value>> = serde_json::from_str(text)
        .map_err(|_| ec2_error("InvalidParameterValue", "BlockDeviceMappings must be a JSON array, as a string"))?;
    let volumes: Vec<&Map<String, Value>> =
        devices.iter().filter_map(|device| member(device, "Ebs").and_then(Value::as_object)).collect();
    for volume in &volumes {
        if let Some(key) = ["SnapshotId", "OutpostArn"].into_iter().find(|key| member(volume, key).is_some()) {
            return Err(format!("Invalid restore metadata. BlockDeviceMappings must not contain {key}"));
        }
    }
    let named = volumes.iter().find_map(|volume| word(volume, "KmsKeyId"));
    volume_key(site, point, named.as_deref())
}
