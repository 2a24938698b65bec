//! What `GetRecoveryPointRestoreMetadata` says of a cluster: `PascalCase`, nested JSON in strings (facts 2.2).

use serde_json::{Map, Value, json};

use crate::sandbox::network::SOURCE_SUBNET_GROUP;
use crate::sandbox::thing::cluster::family::Family;
use crate::sandbox::thing::rds::source_network;
use crate::sandbox::world::{Point, World};

/// Everything about the source, in the source's region.
pub(super) fn returned(world: &World, point: &Point, family: &Family) -> Map<String, Value> {
    let source = &point.source;
    let region = &source.source.region;
    let network = world.sites.get(&source.source).map(source_network).unwrap_or_default();
    let metadata = json!({
        "AvailabilityZones": json!([format!("{region}a"), format!("{region}b")]).to_string(),
        "CopyTagsToSnapshot": "true",
        "DBClusterParameterGroupName": family.source_group(),
        "DBSubnetGroupName": SOURCE_SUBNET_GROUP,
        "DatabaseName": source.database,
        "EnableCloudwatchLogsExports": "[]",
        "EnableIAMDatabaseAuthentication": (!source.token_users.is_empty()).to_string(),
        "Engine": family.engine,
        "EngineMode": "provisioned",
        "EngineVersion": family.version(source),
        "KmsKeyId": network.key,
        "Port": family.port.to_string(),
        "ScalingConfiguration": null,
        "VpcSecurityGroupIds": json!(network.security_groups).to_string(),
        "aws:backup:request-id": world.seed.stream(&format!("metadata {}", point.arn)).uuid(),
    });
    metadata.as_object().cloned().unwrap_or_default()
}
