//! What `GetRecoveryPointRestoreMetadata` says of an instance. Facts 2.5.

use serde_json::{Map, Value, json};

use crate::sandbox::thing::ec2::source::{ROOT, SOURCE_KIND};
use crate::sandbox::thing::ec2::wish::{DATA, sizes};
use crate::sandbox::world::{Point, World};

/// Everything about the source, in the source's region (traps 8, 9): lists and objects are texts.
pub(super) fn returned(world: &World, point: &Point) -> Map<String, Value> {
    let source = &point.source;
    let site = world.sites.get(&source.source);
    let instance = site.and_then(|site| site.shelves.ec2.instances.get(source.arn.name()));
    let settings = instance.map(|instance| &instance.settings);
    let mut stream = world.seed.stream(&format!("metadata {}", point.arn));
    let groups = settings.map(|settings| settings.security_groups.clone()).unwrap_or_default();
    let subnet = settings.map(|settings| settings.subnet.clone()).unwrap_or_default();
    let interfaces = json!([{
        "NetworkInterfaceId": settings.map(|settings| settings.interface.clone()),
        "PrivateIpAddress": settings.map(|settings| settings.address.clone()),
        "SubnetId": subnet,
        "Groups": groups,
        "DeviceIndex": 0,
        "DeleteOnTermination": true,
    }]);
    let (root, data) = sizes(source);
    let mut device = |name: &str, size: u32, goes_along: bool| {
        json!({
            "DeviceName": name,
            "Ebs": {
                "DeleteOnTermination": goes_along,
                "SnapshotId": format!("snap-{}", stream.hex(17)),
                "VolumeSize": size,
                "VolumeType": "gp3",
                "Encrypted": true,
            },
        })
    };
    let devices = json!([device(ROOT, root, true), device(DATA, data, false)]);
    let metadata = json!({
        "InstanceType": SOURCE_KIND,
        "SubnetId": subnet,
        "SecurityGroupIds": json!(groups).to_string(),
        "VpcId": settings.map(|settings| settings.vpc.clone()),
        "NetworkInterfaces": interfaces.to_string(),
        "IamInstanceProfileName": "prod-app",
        "BlockDeviceMappings": devices.to_string(),
        "Placement": json!({ "AvailabilityZone": settings.map(|settings| settings.zone.clone()), "Tenancy": "default" })
            .to_string(),
        "CpuOptions": "{\"CoreCount\":1,\"ThreadsPerCore\":2}",
        "CreditSpecification": null,
        "CapacityReservationSpecification": "{\"CapacityReservationPreference\":\"open\"}",
        "DisableApiTermination": source.deletion_protection.to_string(),
        "EbsOptimized": "true",
        "HibernationOptions": "{\"Configured\":false}",
        "InstanceInitiatedShutdownBehavior": "stop",
        "KeyName": "prod-key",
        "Monitoring": "{\"State\":\"disabled\"}",
        "RequireIMDSv2": "false",
        "VirtualizationType": "hvm",
        "Architecture": "x86_64",
        "EnaSupport": "true",
        "aws:backup:request-id": stream.uuid(),
    });
    metadata.as_object().cloned().unwrap_or_default()
}
