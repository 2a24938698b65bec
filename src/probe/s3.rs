//! `s3`: what is in a restored bucket?
//!
//! | observed | what |
//! |---|---|
//! | `objects`, `bytes`, `complete` | how many objects a bounded listing shows, how large, and whether that were all |
//! | `newest` | the latest `LastModified`: of the restored copies, so the time of the *restore* |
//! | `sampled`, `readable` | with `sample`: how many objects were read, and how many of them could be |
//! | `sample_sha256` | with `sample`: of the keys and contents of these objects |
//! | `sha256`, `size` | with `object`: of that object |
//! | `manifest_objects`, `compared` | with `manifest`: how many objects it lists, and how many contents were compared |
//! | `missing`, `different` | with `manifest`: the keys of objects that are not there, or not as it says |
//!
//! So `newest` is no age of the data. A listing shows the latest versions only. An object that cannot be read, is not
//! as long as the listing says, or not as a manifest says, is a miss; where S3 keeps a checksum of it, what was read
//! has that checksum.

mod against;
pub(crate) mod manifest;
mod sample;

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::Object;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::output::nothing;
use crate::probe::reading::{hex, named, refused, sha256};
use crate::probe::s3::manifest::check_columns;
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
    manifest: Option<String>,
    columns: Option<Vec<String>>,
}

fn usual_keys() -> usize {
    USUAL_KEYS
}

#[async_trait]
impl ProbeCalls for S3 {
    fn kind(&self) -> ProbeKind {
        ProbeKind::S3
    }

    fn about(&self) -> &'static str {
        "Read an S3 bucket."
    }

    fn holds_when(&self) -> &'static str {
        "the bucket can be read"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/s3.md")
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
            Field::optional(
                "manifest",
                Shape::Text,
                "A file, from the definition's folder, that lists what must be there: CSV or JSON lines with key and \
                 size, perhaps sha256. The hashes of `sample` objects, 10 by default, are compared.",
            ),
            Field::optional(
                "columns",
                Shape::List { of: Box::new(Shape::Text), min: 2 },
                "The manifest is CSV without a header, such as an unpacked S3 Inventory, with these columns.",
            ),
        ]
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["s3:GetObject", "s3:ListBucket"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["object", "prefix", "bucket", "manifest"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: S3Settings = typed(settings)?;
        if let Some(columns) = &settings.columns {
            if settings.manifest.is_none() {
                return Err("`columns` are those of a `manifest`, and there is none".to_owned());
            }
            check_columns(columns).map_err(|problem| format!("`columns`: {problem}"))?;
        }
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
        sample::sample(&bucket, &listed, wanted, target, &mut observed).await?;
    }
    if let Some(name) = &settings.manifest {
        let list = wanted(settings, name, prefix.as_deref(), complete, target)?;
        against::compare(&bucket, &list, &listed, settings.sample, target, &mut observed).await?;
    }
    Ok(observed)
}

/// What a manifest says of the part that was listed.
fn wanted(
    settings: &S3Settings,
    name: &str,
    prefix: Option<&str>,
    complete: bool,
    target: &Target,
) -> Result<manifest::Manifest, Miss> {
    if !complete {
        let message =
            format!("a manifest needs the whole listing, which ended at {} keys: raise `most`", settings.most);
        return Err(miss(ProbeReason::Setup, &message));
    }
    let read = manifest::read(&target.folder, name, settings.columns.as_deref());
    let mut list = read.map_err(|problem| miss(ProbeReason::Setup, &problem))?;
    list.retain(|key, _| key.starts_with(prefix.unwrap_or_default()));
    if list.is_empty() {
        let below = prefix.map_or_else(String::new, |prefix| format!(" whose key begins with `{prefix}`"));
        return Err(miss(ProbeReason::Query, &format!("`{name}` lists no object{below}: there is nothing to compare")));
    }
    Ok(list)
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
    add(observed, "sha256", hex(&sha256(&bytes)).into());
    add(observed, "size", size.into());
    Ok(())
}

#[cfg(test)]
mod tests;
