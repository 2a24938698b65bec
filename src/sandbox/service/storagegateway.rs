//! Storage Gateway: gateways and their volumes. Facts 2.9.
//!
//! What goes wrong is an `InvalidGatewayRequestException` whose inner `errorCode` tells what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::storage_gateway::{GatewayVolume, StorageGatewayShelf};
use crate::sandbox::world::World;

/// Storage Gateway.
pub(crate) struct StorageGateway;

impl ServiceCalls for StorageGateway {
    fn signing_name(&self) -> &'static str {
        "storagegateway"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "DescribeGatewayInformation",
            "ListVolumes",
            "DescribeCachediSCSIVolumes",
            "DescribeStorediSCSIVolumes",
            "DeleteVolume",
            "ListTagsForResource",
            "AddTagsToResource",
            "RemoveTagsFromResource",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask).map(Answer::Json)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        let named = match ask.operation.as_str() {
            "DeleteVolume" => "VolumeARN",
            "AddTagsToResource" | "RemoveTagsFromResource" => "ResourceARN",
            _ => return None,
        };
        Some(ask.text(named).unwrap_or_default().to_owned())
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    match ask.operation.as_str() {
        "DescribeGatewayInformation" => gateway(&world.site(place).shelves.storage_gateway, ask),
        "ListVolumes" => list(&world.site(place).shelves.storage_gateway, ask),
        "DescribeCachediSCSIVolumes" => describe(&world.site(place).shelves.storage_gateway, ask, false),
        "DescribeStorediSCSIVolumes" => describe(&world.site(place).shelves.storage_gateway, ask, true),
        "DeleteVolume" => {
            let mut stream = world.stream("deletion");
            let volume = find(&mut world.site(place).shelves.storage_gateway, ask, "VolumeARN")?;
            if volume.gone_at.is_none() {
                volume.begin_deletion(now, &mut stream);
            }
            Ok(json!({ "VolumeARN": volume.arn }))
        }
        "ListTagsForResource" => {
            let volume = find(&mut world.site(place).shelves.storage_gateway, ask, "ResourceARN")?;
            let tags: Vec<Value> = tags(&volume.tags);
            Ok(json!({ "ResourceARN": volume.arn, "Tags": tags }))
        }
        "AddTagsToResource" => {
            let volume = find(&mut world.site(place).shelves.storage_gateway, ask, "ResourceARN")?;
            volume.tags.extend(asked_tags(ask));
            Ok(json!({ "ResourceARN": volume.arn }))
        }
        "RemoveTagsFromResource" => {
            let volume = find(&mut world.site(place).shelves.storage_gateway, ask, "ResourceARN")?;
            let keys = ask.body.get("TagKeys").and_then(Value::as_array).into_iter().flatten();
            keys.filter_map(Value::as_str).for_each(|key| drop(volume.tags.remove(key)));
            Ok(json!({ "ResourceARN": volume.arn }))
        }
        other => Err(Failure::unknown(other)),
    }
}

/// `{"__type": "InvalidGatewayRequestException", "message": …, "error": {"errorCode": …}}`
fn refused(code: &str, message: &str) -> Failure {
    let inner = json!({ "error": { "errorCode": code, "errorDetails": {} } });
    Failure::bad("InvalidGatewayRequestException", message).with_members(inner)
}

fn find<'a>(shelf: &'a mut StorageGatewayShelf, ask: &Ask, named: &str) -> Result<&'a mut GatewayVolume, Failure> {
    let arn = ask.text(named).unwrap_or_default();
    shelf.volumes.get_mut(arn).ok_or_else(|| refused("VolumeNotFound", "The specified volume was not found."))
}

fn gateway(shelf: &StorageGatewayShelf, ask: &Ask) -> Result<Value, Failure> {
    let arn = ask.text("GatewayARN").unwrap_or_default();
    let known = shelf.gateways.get(arn);
    let gateway = known.ok_or_else(|| refused("GatewayNotFound", "The specified gateway was not found."))?;
    let id = arn.rsplit('/').next().unwrap_or_default();
    Ok(json!({
        "GatewayARN": arn,
        "GatewayId": id,
        "GatewayName": "drill",
        "GatewayTimezone": "GMT",
        "GatewayState": "RUNNING",
        "GatewayType": if gateway.stored { "STORED" } else { "CACHED" },
        "GatewayNetworkInterfaces": [{ "Ipv4Address": "10.77.0.20" }],
        "EndpointType": "STANDARD",
        "HostEnvironment": "EC2",
    }))
}

fn list(shelf: &StorageGatewayShelf, ask: &Ask) -> Result<Value, Failure> {
    let wanted = ask.text("GatewayARN");
    if wanted.is_some_and(|arn| !shelf.gateways.contains_key(arn)) {
        return Err(refused("GatewayNotFound", "The specified gateway was not found."));
    }
    let of_it = shelf.volumes.values().filter(|volume| wanted.is_none_or(|arn| volume.gateway == arn));
    let shown: Vec<Value> = of_it
        .map(|volume| {
            json!({
                "VolumeARN": volume.arn,
                "VolumeId": volume.id(),
                "GatewayARN": volume.gateway,
                "GatewayId": volume.gateway.rsplit('/').next(),
                "VolumeType": kind(volume),
                "VolumeSizeInBytes": volume.wish.bytes,
                "VolumeAttachmentStatus": "ATTACHED",
            })
        })
        .collect();
    let size = ask.body.get("Limit").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let page = cut(shown, "gateway volumes", size.unwrap_or(100), ask.text("Marker"))
        .map_err(|_| refused("InvalidParameters", "The marker is not valid."))?;
    let mut answer = json!({ "GatewayARN": wanted, "VolumeInfos": page.items });
    if let (Some(map), Some(token)) = (answer.as_object_mut(), page.token) {
        map.insert("Marker".to_owned(), token.into());
    }
    Ok(answer)
}

fn describe(shelf: &StorageGatewayShelf, ask: &Ask, stored: bool) -> Result<Value, Failure> {
    let arns = ask.body.get("VolumeARNs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut shown = Vec::new();
    for arn in arns {
        let known = shelf.volumes.get(arn).filter(|volume| volume.wish.stored == stored);
        shown.push(show(known.ok_or_else(|| refused("VolumeNotFound", "The specified volume was not found."))?));
    }
    Ok(if stored { json!({ "StorediSCSIVolumes": shown }) } else { json!({ "CachediSCSIVolumes": shown }) })
}

fn kind(volume: &GatewayVolume) -> &'static str {
    if volume.wish.stored { "STORED iSCSI" } else { "CACHED iSCSI" }
}

fn show(volume: &GatewayVolume) -> Value {
    let mut shown = json!({
        "VolumeARN": volume.arn,
        "VolumeId": volume.id(),
        "VolumeType": kind(volume),
        "VolumeStatus": volume.status,
        "VolumeAttachmentStatus": "ATTACHED",
        "VolumeSizeInBytes": volume.wish.bytes,
        "CreatedDate": instant(volume.created),
        "TargetName": volume.wish.target,
        "VolumeiSCSIAttributes": {
            "TargetARN": volume.target_arn(),
            "NetworkInterfaceId": "10.77.0.20",
            "NetworkInterfacePort": 3260,
            "LunNumber": 0,
            "ChapEnabled": false,
        },
    });
    if let Some(map) = shown.as_object_mut() {
        let more =
            [("SourceSnapshotId", &volume.snapshot), ("VolumeDiskId", &volume.wish.disk), ("KMSKey", &volume.wish.key)];
        for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))) {
            map.insert(name.to_owned(), value.into());
        }
    }
    shown
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn asked_tags(ask: &Ask) -> BTreeMap<String, String> {
    let all = ask.body.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
    all.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default()))).collect()
}
