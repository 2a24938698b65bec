//! `s3`: what is in a restored bucket?
//!
//! | observed | what |
//! |---|---|
//! | `objects`, `bytes`, `complete` | how many objects a bounded listing shows, how large, and whether that were all |
//! | `newest` | the latest `LastModified`: of the restored copies, so the time of the *restore* |
//! | `sampled`, `readable` | with `sample`: how many objects were read, and how many of them could be |
//! | `sha256`, `size` | with `object`: of that object |
//!
//! So `newest` is no age of the data. A listing shows the latest versions only. An object that cannot be read, or is
//! not as long as the listing says, is a miss; where S3 keeps a checksum of it, what was read has that checksum.

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::Object;
use crate::cloud::error::ErrorKind;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::output::nothing;
use crate::probe::reading::{named, refused};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// Keys that are listed unless the definition says otherwise.
const USUAL_KEYS: usize = 10_000;

/// Keys that a definition may ask for at most.
const MOST_KEYS: i64 = 1_000_000;

/// Objects that a definition may have read at most.
const MOST_SAMPLED: i64 = 1_000;

/// How much of an object of the sample is read, in bytes.
const SAMPLE_BYTES: u64 = 16 * 1024 * 1024;

/// The largest object whose hash is made, in bytes.
const OBJECT_BYTES: u64 = 64 * 1024 * 1024;

/// The kind.
pub struct S3;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3Settings {
    bucket: Option<Given>,
    prefix: Option<Given>,
    #[serde(default = "usual_keys")]
    most: usize,
    sample: Option<usize>,
    object: Option<Given>,
}

fn usual_keys() -> usize {
    USUAL_KEYS
}

#[async_trait]
impl ProbeCalls for S3 {
    fn kind(&self) -> ProbeKind {
        ProbeKind::S3
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::optional("bucket", Shape::Template, "The bucket's name; by default the restored bucket's."),
            Field::optional("prefix", Shape::Template, "Only objects whose keys begin so."),
            Field::optional(
                "most",
                Shape::Integer { min: 1, max: MOST_KEYS },
                "Keys that are listed at most; 10,000 by default.",
            ),
            Field::optional(
                "sample",
                Shape::Integer { min: 1, max: MOST_SAMPLED },
                "Read so many of the listed objects, evenly spread, up to 16 MiB of each; all must be readable.",
            ),
            Field::optional(
                "object",
                Shape::Template,
                "The key of one object of at most 64 MiB that must be there: its SHA-256 and its size are observed.",
            ),
        ]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["object", "prefix", "bucket"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: S3Settings = typed(settings)?;
        [("bucket", &settings.bucket), ("prefix", &settings.prefix), ("object", &settings.object)]
            .into_iter()
            .try_for_each(|(key, given)| given.as_ref().map_or(Ok(()), |given| given.check(key)))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: S3Settings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("not all was read within {}", shown(timeout))));
        tokio::time::timeout(timeout, read(&settings, target)).await.unwrap_or_else(late)
    }
}

async fn read(settings: &S3Settings, target: &Target) -> Outcome {
    let bucket = named(settings.bucket.as_ref(), "bucket", target)?;
    let prefix = settings.prefix.as_ref().map(|prefix| prefix.fill("prefix", target)).transpose()?;
    let mut observed = nothing();
    let (listed, complete) = list(&bucket, prefix.as_deref(), settings.most, target).await?;
    let newest = listed.iter().filter_map(|object| object.modified).max();
    let bytes = listed.iter().fold(0_u64, |sum, object| sum.saturating_add(object.size));
    add(&mut observed, "objects", listed.len().into());
    add(&mut observed, "bytes", bytes.into());
    add(&mut observed, "complete", complete.into());
    add(&mut observed, "newest", newest.map_or(Value::Null, |newest| newest.to_string().into()));
    if let Some(object) = &settings.object {
        hash(&bucket, &object.fill("object", target)?, target, &mut observed).await?;
    }
    if let Some(wanted) = settings.sample {
        sample(&bucket, &listed, wanted, target, &mut observed).await?;
    }
    Ok(observed)
}

fn add(observed: &mut Observed, name: &str, value: Value) {
    observed.values.insert(name.to_owned(), value);
}

/// At most `most` objects, and whether there are no more.
async fn list(bucket: &str, prefix: Option<&str>, most: usize, target: &Target) -> Result<(Vec<Object>, bool), Miss> {
    let (mut listed, mut from) = (Vec::new(), None::<String>);
    loop {
        let page = target.buckets.list(bucket, prefix, from.as_deref()).await.map_err(|error| refused(&error))?;
        listed.extend(page.objects);
        if listed.len() > most || (listed.len() == most && page.next.is_some()) {
            listed.truncate(most);
            return Ok((listed, false));
        }
        match page.next {
            None => return Ok((listed, true)),
            Some(next) if from.as_ref() == Some(&next) => {
                return Err(miss(ProbeReason::Query, "the listing gave the same page twice: it may never end"));
            }
            Some(next) => from = Some(next),
        }
    }
}

/// Hash and size of one object. That it is missing is never a success, whatever is expected.
async fn hash(bucket: &str, key: &str, target: &Target, observed: &mut Observed) -> Result<(), Miss> {
    let read = target.buckets.read(bucket, key, OBJECT_BYTES + 1).await.map_err(|error| refused(&error))?;
    let Some(bytes) = read else {
        let missing = miss(ProbeReason::Query, &format!("the bucket `{bucket}` has no object `{key}`"));
        return Err(Miss { observed: Some(observed.clone()), missing_data: true, ..missing });
    };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > OBJECT_BYTES {
        let message = format!("`{key}` is larger than {OBJECT_BYTES} bytes: name a smaller object, or use `sample`");
        return Err(miss(ProbeReason::Setup, &message));
    }
    let hash = digest(&SHA256, &bytes);
    add(observed, "sha256", hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into());
    add(observed, "size", size.into());
    Ok(())
}

/// Reads objects from the whole of the listing, in its order.
async fn sample(
    bucket: &str,
    listed: &[Object],
    wanted: usize,
    target: &Target,
    observed: &mut Observed,
) -> Result<(), Miss> {
    let sampled = wanted.min(listed.len());
    let mut problems = Vec::new();
    for object in spread(listed, sampled) {
        problems.extend(unreadable(bucket, object, target).await?);
    }
    add(observed, "sampled", sampled.into());
    add(observed, "readable", (sampled - problems.len()).into());
    let problem = match problems.into_iter().next() {
        None if sampled > 0 => return Ok(()),
        None => Miss { missing_data: true, ..miss(ProbeReason::Query, "there is no object to sample") },
        Some(problem) => problem,
    };
    Err(Miss { observed: Some(observed.clone()), ..problem })
}

/// `count` elements at even distances, the first one included.
fn spread(listed: &[Object], count: usize) -> impl Iterator<Item = &Object> {
    (0..count).filter_map(move |index| listed.get(index * listed.len() / count))
}

/// Why an object cannot be read as far as the sample goes; none if it can be.
///
/// # Errors
/// When nothing can be said about the object, because S3 does not answer.
async fn unreadable(bucket: &str, object: &Object, target: &Target) -> Result<Option<Miss>, Miss> {
    let (key, wanted) = (&object.key, object.size.min(SAMPLE_BYTES));
    // One byte more than there should be: only an object that is read to its end is compared with its checksum.
    let most = if object.size < SAMPLE_BYTES { object.size + 1 } else { SAMPLE_BYTES };
    Ok(match target.buckets.read(bucket, key, most).await {
        Ok(Some(bytes)) if u64::try_from(bytes.len()) == Ok(wanted) => None,
        Ok(Some(bytes)) => {
            let message = format!("of `{key}` {} bytes can be read, and the listing says {}", bytes.len(), object.size);
            Some(miss(ProbeReason::Query, &message))
        }
        Ok(None) => Some(miss(ProbeReason::Query, &format!("`{key}` is listed, and cannot be read: it is not there"))),
        Err(error) if error.passes() => return Err(refused(&error)),
        Err(error) => {
            let refusal = refused(&error);
            let hint = if error.kind == ErrorKind::Denied { " (the object's KMS key counts too)" } else { "" };
            Some(miss(refusal.reason, &format!("`{key}` cannot be read{hint}: {}", refusal.message)))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::{S3, spread};
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
    }

    #[tokio::test]
    async fn every_miss_has_its_reason() {
        let keys = ["a", "b-locked", "c-short"];
        for (settings, reason, missing) in [
            (json!({ "bucket": "nowhere" }), ProbeReason::Query, true),
            (json!({ "bucket": "secret" }), ProbeReason::Authentication, false),
            (json!({ "bucket": "far" }), ProbeReason::Connection, false),
            (json!({ "object": "z" }), ProbeReason::Query, true),
            (json!({ "prefix": "z", "sample": 1 }), ProbeReason::Query, true),
            (json!({ "prefix": "b", "sample": 1 }), ProbeReason::Authentication, false),
            (json!({ "prefix": "c", "sample": 1 }), ProbeReason::Query, false),
            (json!({ "object": "${{ run.id }}" }), ProbeReason::Setup, false),
        ] {
            let missed = attempt(settings.clone(), &keys).await.unwrap_err();
            assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{settings}");
        }
        let missed = attempt(json!({ "sample": 3 }), &keys).await.unwrap_err();
        assert_eq!(missed.observed.unwrap().values["readable"], json!(1));
    }

    #[test]
    fn a_sample_is_spread_over_the_whole_listing() {
        let listed: Vec<Object> =
            (0..10).map(|number| Object { key: number.to_string(), size: 0, modified: None }).collect();
        let keys = |count| spread(&listed, count).map(|object| object.key.as_str()).collect::<Vec<_>>();
        assert_eq!(keys(3), ["0", "3", "6"]);
        assert_eq!(keys(10).len(), 10);
        assert!(keys(0).is_empty());
    }
}
