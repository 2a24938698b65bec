//! What is in a bucket: what the world file says, or a made history that fits the definition's probes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::s3::block::{BucketBlock, Objects};
use crate::sandbox::thing::s3::bucket::Blob;
use crate::words::kind::ProbeKind;

/// Objects were written over so many days.
const HISTORY_DAYS: i64 = 90;

/// A made bucket has so many objects.
const MADE_OBJECTS: u32 = 24;

/// An object with its versions.
#[derive(Debug, Clone)]
pub(super) struct BackedUp {
    pub(super) key: String,
    /// When each was written and what it is, the oldest first; never empty.
    pub(super) versions: Vec<(Timestamp, Arc<Blob>)>,
    /// It has an ACL that lets everybody read it.
    pub(super) is_public: bool,
}

/// The bucket as it was at `moment`, by key.
pub(super) fn at_moment(spec: &ResourceSpec, seed: Seed, moment: Timestamp) -> Vec<BackedUp> {
    let block = super::block_of(spec);
    let mut stream = seed.stream(&format!("objects {}", spec.arn));
    let bodies = bodies(spec, &block, &mut stream);
    let all = i32::try_from(bodies.len().max(1)).unwrap_or(i32::MAX);
    let gap = SignedDuration::from_hours(24 * HISTORY_DAYS) / all;
    let mut objects: Vec<BackedUp> = (0_i32..)
        .zip(bodies)
        .map(|(number, (key, versions))| {
            let newest = earlier(moment, gap * (all - number - 1));
            let newest = earlier(newest, stream.between(30.0, 900.0));
            BackedUp { key, versions: dated(versions, newest), is_public: false }
        })
        .collect();
    objects.sort_by(|one, other| one.key.cmp(&other.key));
    objects.dedup_by(|one, other| one.key == other.key);
    let public = usize::try_from(block.public_objects).unwrap_or(usize::MAX);
    objects.iter_mut().take(public).for_each(|object| object.is_public = true);
    objects
}

/// Older versions were written a day apart.
fn dated(versions: Vec<Blob>, newest: Timestamp) -> Vec<(Timestamp, Arc<Blob>)> {
    let back = i64::try_from(versions.len()).unwrap_or(0);
    versions
        .into_iter()
        .zip(1_i64..)
        .map(|(blob, number)| (earlier(newest, SignedDuration::from_hours(24 * (back - number))), Arc::new(blob)))
        .collect()
}

/// Keys and the bodies of their versions, the oldest first.
fn bodies(spec: &ResourceSpec, block: &BucketBlock, stream: &mut Stream) -> Vec<(String, Vec<Blob>)> {
    let versions = block.versions();
    match &block.objects {
        Some(Objects::Each(each)) => each
            .iter()
            .map(|one| {
                let older = (1..versions).map(|version| format!("{} (version {version})", one.body));
                let all = older.chain([one.body.clone()]);
                (one.key.clone(), all.map(|body| Blob::new(body.into_bytes(), content_type(&one.key))).collect())
            })
            .collect(),
        Some(Objects::Many(many)) => (1..=many.count)
            .map(|number| {
                let key = format!("{}object-{number:05}.txt", many.prefix);
                let size = usize::try_from(many.bytes()).unwrap_or(0);
                let all = (0..versions).map(|_| Blob::new(stream.hex(size).into_bytes(), "text/plain"));
                (key, all.collect())
            })
            .collect(),
        None => made(spec, versions, stream),
    }
}

fn made(spec: &ResourceSpec, versions: u32, stream: &mut Stream) -> Vec<(String, Vec<Blob>)> {
    let mut keys: Vec<String> =
        (1..=MADE_OBJECTS).map(|number| format!("2026/{:02}/invoice-{number:03}.json", number.div_ceil(2))).collect();
    for probe in spec.probes.iter().filter(|probe| probe.kind == ProbeKind::S3) {
        keys.extend(probe.settings.get("key").and_then(literal).map(str::to_owned));
        let prefix = probe.settings.get("prefix").and_then(literal).unwrap_or_default();
        if !keys.iter().any(|key| key.starts_with(prefix)) {
            keys.extend((1..=MADE_OBJECTS).map(|number| format!("{prefix}invoice-{number:03}.json")));
        }
    }
    keys.retain(|key| !key.is_empty());
    let object = |(key, number): (String, u32)| {
        let kind = content_type(&key);
        let all: Vec<Blob> = (1..=versions).map(|version| Blob::new(invoice(number, version, stream), kind)).collect();
        (key, all)
    };
    keys.into_iter().zip(1_u32..).map(object).collect()
}

fn invoice(number: u32, version: u32, stream: &mut Stream) -> Vec<u8> {
    let (euros, cents, customer) = (5 + stream.below(995), stream.below(100), stream.word(8));
    let lines: Vec<String> = (1..=3 + stream.below(4))
        .map(|line| format!("{{\"line\":{line},\"sku\":\"{}\",\"quantity\":{}}}", stream.word(6), 1 + stream.below(9)))
        .collect();
    let lines = lines.join(",");
    let text = format!(
        "{{\"invoice\":{number},\"version\":{version},\"customer\":\"{customer}\",\"amount\":\"{euros}.{cents:02}\",\
         \"currency\":\"EUR\",\"lines\":[{lines}]}}\n"
    );
    text.into_bytes()
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/json",
        Some("txt" | "csv" | "md") => "text/plain",
        _ => "binary/octet-stream",
    }
}
