//! `s3` against a made-up bucket.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::S3;
use crate::cloud::data::{Buckets, Object, Objects};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls as _};

/// A bucket `drill-1-documents` whose objects hold their keys; two on a page. What is `locked` cannot be read, what
/// is `short` has a byte less than the listing says.
struct Documents(Vec<String>);

fn refusal(kind: ErrorKind) -> CloudError {
    CloudError::new("s3:GetObject", kind, "no", "no", None)
}

#[async_trait]
impl Buckets for Documents {
    async fn list(&self, bucket: &str, prefix: Option<&str>, from: Option<&str>) -> Result<Objects, CloudError> {
        match bucket {
            "drill-1-documents" => {}
            "secret" => return Err(refusal(ErrorKind::Denied)),
            "far" => return Err(refusal(ErrorKind::Unreachable)),
            _ => return Err(refusal(ErrorKind::NotFound)),
        }
        let keys: Vec<&String> = self.0.iter().filter(|key| key.starts_with(prefix.unwrap_or(""))).collect();
        let start: usize = from.map_or(0, |token| token.parse().unwrap());
        let end = (start + 2).min(keys.len());
        let object = |key: &&String| {
            let size = key.len() as u64;
            Object { key: (*key).clone(), size, modified: Some(Timestamp::from_second(1_767_225_600).unwrap()) }
        };
        let next = (end < keys.len()).then(|| end.to_string());
        Ok(Objects { objects: keys[start..end].iter().map(object).collect(), next })
    }

    async fn read(&self, _: &str, key: &str, most: u64) -> Result<Option<Vec<u8>>, CloudError> {
        if !self.0.iter().any(|known| known == key) {
            return Ok(None);
        }
        if key.contains("locked") {
            return Err(refusal(ErrorKind::Denied));
        }
        let bytes = key.bytes().skip(usize::from(key.contains("short")));
        Ok(Some(bytes.take(usize::try_from(most).unwrap()).collect()))
    }
}

async fn attempt(settings: Value, keys: &[&str]) -> Outcome {
    let Value::Object(settings) = settings else { unreachable!() };
    S3.check(&settings).unwrap();
    let documents = Documents(keys.iter().map(|key| (*key).to_owned()).collect());
    let identifier = Some("drill-1-documents".to_owned());
    let target = Target { buckets: Arc::new(documents), identifier, ..Target::for_tests() };
    S3.attempt(&settings, &target, Duration::from_secs(30)).await
}

#[tokio::test]
async fn a_listing_is_bounded_and_says_whether_it_saw_all() {
    let keys = ["a/1", "a/2", "b/1", "b/2", "c/1"];
    for (settings, objects, complete) in [
        (json!({}), 5, true),
        (json!({ "most": 5 }), 5, true),
        (json!({ "most": 4 }), 4, false),
        (json!({ "most": 1 }), 1, false),
        (json!({ "prefix": "b/" }), 2, true),
        (json!({ "prefix": "z/" }), 0, true),
    ] {
        let seen = attempt(settings.clone(), &keys).await.unwrap().values;
        assert_eq!((&seen["objects"], &seen["complete"]), (&json!(objects), &json!(complete)), "{settings}");
        assert_eq!(seen["bytes"], json!(objects * 3), "{settings}");
    }
    assert_eq!(attempt(json!({}), &keys).await.unwrap().values["newest"], json!("2026-01-01T00:00:00Z"));
}

#[tokio::test]
async fn an_object_is_hashed_and_a_sample_is_read() {
    let seen = attempt(json!({ "object": "abc", "sample": 10 }), &["abc", "d"]).await.unwrap().values;
    assert_eq!(seen["sha256"], json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!((&seen["size"], &seen["sampled"], &seen["readable"]), (&json!(3), &json!(2), &json!(2)));
    let of =
        async |keys: &[&str]| attempt(json!({ "sample": 10 }), keys).await.unwrap().values["sample_sha256"].clone();
    assert_eq!(of(&["abc", "d"]).await, seen["sample_sha256"]);
    assert_ne!(of(&["abc", "e"]).await, seen["sample_sha256"]);
}

#[tokio::test]
async fn every_miss_has_its_reason() {
    let keys = ["a", "b-locked", "c-short"];
    for (settings, reason, missing) in [
        (json!({ "bucket": "nowhere" }), ProbeReason::Query, true),
        (json!({ "bucket": "secret" }), ProbeReason::Authentication, false),
        (json!({ "bucket": "far" }), ProbeReason::Unreachable, false),
        (json!({ "object": "z" }), ProbeReason::Query, true),
        (json!({ "prefix": "z", "sample": 1 }), ProbeReason::Query, true),
        (json!({ "prefix": "b", "sample": 1 }), ProbeReason::Authentication, false),
        (json!({ "prefix": "c", "sample": 1 }), ProbeReason::Query, false),
        (json!({ "object": "${{ run.id }}" }), ProbeReason::Setup, false),
        (json!({ "manifest": "none.csv" }), ProbeReason::Setup, false),
    ] {
        let missed = attempt(settings.clone(), &keys).await.unwrap_err();
        assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{settings}");
    }
    let missed = attempt(json!({ "sample": 3 }), &keys).await.unwrap_err();
    assert_eq!(missed.observed.unwrap().values["readable"], json!(1));
}

/// The SHA-256 of `abc`, which is the content of the object `abc`.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// An attempt in a folder with a manifest `list.csv`.
async fn against(manifest: &str, change: Value, keys: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), manifest).unwrap();
    let mut settings = serde_json::Map::from_iter([("manifest".to_owned(), json!("list.csv"))]);
    let Value::Object(change) = change else { unreachable!() };
    settings.extend(change);
    S3.check(&settings).unwrap();
    let documents = Documents(keys.iter().map(|key| (*key).to_owned()).collect());
    let identifier = Some("drill-1-documents".to_owned());
    let target = Target { buckets: Arc::new(documents), identifier, ..Target::for_tests() };
    let target = Target { folder: folder.path().to_owned(), ..target };
    S3.attempt(&settings, &target, Duration::from_secs(30)).await
}

#[tokio::test]
async fn what_a_manifest_lists_is_there_and_as_it_says() {
    let manifest = format!("key,size,sha256\nabc,3,{ABC}\nd/1,3,\n");
    let seen = against(&manifest, json!({}), &["abc", "d/1", "more"]).await.unwrap().values;
    for (name, value) in
        [("manifest_objects", json!(2)), ("compared", json!(1)), ("missing", json!([])), ("different", json!([]))]
    {
        assert_eq!(seen[name], value, "{name}");
    }
    let seen = against(&manifest, json!({ "prefix": "d/" }), &["abc", "d/1"]).await.unwrap().values;
    assert_eq!((&seen["manifest_objects"], &seen["compared"]), (&json!(1), &json!(0)));
    let inventory = "\"b\",\"abc\",\"3\"\n";
    let columns = json!({ "columns": ["bucket", "key", "size"] });
    assert_eq!(against(inventory, columns, &["abc"]).await.unwrap().values["manifest_objects"], json!(1));
}

#[tokio::test]
async fn what_is_missing_and_what_has_changed_is_named() {
    let other = ABC.replace('b', "c");
    let manifest = format!("key,size,sha256\nabc,3,{other}\nd,7,\ngone\u{1b},1,\n");
    let missed = against(&manifest, json!({}), &["abc", "d"]).await.unwrap_err();
    assert_eq!((missed.reason, missed.missing_data), (ProbeReason::Expectation, true));
    for part in ["1 of the manifest's objects are missing: `gone\u{fffd}`", "2 objects differ", "`d` (1 bytes", ABC] {
        assert!(missed.message.contains(part), "{part}: {}", missed.message);
    }
    let seen = missed.observed.unwrap().values;
    assert_eq!((&seen["missing"], &seen["different"]), (&json!(["gone\u{fffd}"]), &json!(["d", "abc"])));
}

#[tokio::test]
async fn a_manifest_that_says_nothing_proves_nothing() {
    for (manifest, change, reason) in [
        ("key,size\n", json!({}), ProbeReason::Query),
        ("key,size\nabc,3\n", json!({ "prefix": "d" }), ProbeReason::Query),
        ("key,size\nabc,3\n", json!({ "most": 1 }), ProbeReason::Setup),
        ("key,size\nabc\n", json!({}), ProbeReason::Setup),
    ] {
        let missed = against(manifest, change.clone(), &["abc", "d"]).await.unwrap_err();
        assert_eq!(missed.reason, reason, "{manifest:?} {change}: {}", missed.message);
    }
}

#[test]
fn columns_need_a_manifest_and_must_say_key_and_size() {
    for (settings, part) in [
        (json!({ "columns": ["key", "size"] }), "of a `manifest`"),
        (json!({ "manifest": "list.csv", "columns": ["bucket", "key"] }), "no column `size`"),
    ] {
        let Value::Object(settings) = settings else { unreachable!() };
        let problem = S3.check(&settings).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
}
