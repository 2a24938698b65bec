//! What `GetRecoveryPointRestoreMetadata` says of a DB instance. Facts 2.1.

use serde_json::{Map, Value, json};

use crate::sandbox::network::SOURCE_SUBNET_GROUP;
use crate::sandbox::seed::Seed;
use crate::sandbox::thing::rds::{SOURCE_OPTION_GROUP, source_parameter_group};
use crate::sandbox::world::{Point, Site, World};

/// Everything about the source, in the source's region.
pub(crate) fn returned(world: &World, point: &Point) -> Map<String, Value> {
    let source = &point.source;
    let network = world.sites.get(&source.source).map(source_network).unwrap_or_default();
    let snapshot = point.arn.split_once(":snapshot:").map_or("", |(_, name)| name);
    let groups = json!(network.security_groups).to_string();
    let engine = source.engine();
    let metadata = json!({
        "DBInstanceIdentifier": source.arn.name(),
        "DBSnapshotIdentifier": snapshot,
        "DBInstanceClass": source.instance_class,
        "Engine": engine.word(),
        "EngineVersion": source.engine_version(),
        "LicenseModel": engine.license(),
        "DBName": null,
        "AllocatedStorage": source.size_gib.to_string(),
        "StorageType": "gp3",
        "Iops": "3000",
        "StorageThroughput": "125",
        "Port": engine.port().to_string(),
        "MultiAZ": "true",
        "AvailabilityZone": format!("{}a", source.source.region),
        "DBSubnetGroupName": SOURCE_SUBNET_GROUP,
        "VpcId": network.vpc,
        "VpcSecurityGroupIds": groups,
        "DBParameterGroupName": source_parameter_group(engine),
        "OptionGroupName": SOURCE_OPTION_GROUP,
        "PubliclyAccessible": "false",
        "AutoMinorVersionUpgrade": "true",
        "CopyTagsToSnapshot": "true",
        "DeletionProtection": source.deletion_protection.to_string(),
        "BackupRetentionPeriod": "7",
        "EnableIAMDatabaseAuthentication": (!source.token_users.is_empty()).to_string(),
        "EnableCloudwatchLogsExports": json!([engine.log()]).to_string(),
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "ProcessorFeatures": "[]",
        "Domain": null,
        "TdeCredentialArn": "",
        "KmsKeyId": network.key,
        "InformationalOnly:StorageEncrypted": "true",
        "InformationalOnly:MasterUsername": source.master(),
        "aws:backup:request-id": request_id(world.seed, &point.arn),
    });
    metadata.as_object().cloned().unwrap_or_default()
}

/// Where the source's databases are.
#[derive(Default)]
pub(crate) struct SourceNetwork {
    vpc: String,
    pub(crate) security_groups: Vec<String>,
    pub(crate) key: String,
}

/// The source's default VPC with its groups, and the key of its databases.
pub(crate) fn source_network(site: &Site) -> SourceNetwork {
    let vpc = site.default_vpc().map(|vpc| vpc.id.clone()).unwrap_or_default();
    let groups = site.security_groups.iter().filter(|group| group.vpc == vpc).map(|group| group.id.clone()).collect();
    let key = site.keys.first().map(|key| key.arn.clone()).unwrap_or_default();
    SourceNetwork { vpc, security_groups: groups, key }
}

fn request_id(seed: Seed, point: &str) -> String {
    seed.stream(&format!("metadata {point}")).uuid()
}
