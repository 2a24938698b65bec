//! Objects: put, get, delete one or many, and unfinished multipart uploads.

use std::sync::Arc;

use axum::http::{HeaderName, header};
use jiff::Timestamp;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, node, text};
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::seed::Stream;
use crate::sandbox::service::s3::lock;
use crate::sandbox::service::s3::request::{Node, document, header_text, malformed};
use crate::sandbox::thing::s3::{Blob, Bucket, Deleted, NULL_VERSION, Version, Versioning};

/// One request deletes no more.
const MOST_DELETIONS: usize = 1_000;

/// Version ids have this length; others are none.
const VERSION_ID: usize = 32;

fn version_header() -> HeaderName {
    HeaderName::from_static("x-amz-version-id")
}

fn encryption_header() -> HeaderName {
    HeaderName::from_static("x-amz-server-side-encryption")
}

/// `GetObject` and, its body left out by the server, `HeadObject`.
pub(super) fn get(bucket: &Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let (version, blob) = find(bucket, ask)?;
    let mut headers = vec![
        (header::CONTENT_TYPE, blob.content_type.clone()),
        (header::ETAG, format!("\"{}\"", blob.etag)),
        (header::LAST_MODIFIED, version.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (encryption_header(), bucket.encryption.algorithm.clone()),
    ];
    if bucket.versioning != Versioning::Never {
        headers.push((version_header(), version.id.clone()));
    }
    let whole = blob.body.len();
    headers.extend(lock::headers(version, blob, ask));
    let Some(asked) = header_text(ask, "range").and_then(|range| range.strip_prefix("bytes=")) else {
        return Ok(Answer::Raw { status: 200, headers, body: blob.body.clone() });
    };
    let part = range(asked, whole).and_then(|(from, to)| Some((from, to, blob.body.get(from..=to)?)));
    let (from, to, part) =
        part.ok_or_else(|| Failure::new(416, "InvalidRange", "The requested range is not satisfiable"))?;
    headers.push((header::CONTENT_RANGE, format!("bytes {from}-{to}/{whole}")));
    Ok(Answer::Raw { status: 206, headers, body: part.to_vec() })
}

/// The first and last byte of `2-5`, `2-` or `-4`.
fn range(asked: &str, whole: usize) -> Option<(usize, usize)> {
    let last = whole.checked_sub(1)?;
    let (from, to) = asked.split_once('-')?;
    if from.is_empty() {
        let count = to.parse::<usize>().ok().filter(|count| *count > 0)?;
        return Some((whole.saturating_sub(count), last));
    }
    let from = from.parse::<usize>().ok().filter(|from| *from <= last)?;
    let to = if to.is_empty() { last } else { to.parse::<usize>().ok()?.min(last) };
    (from <= to).then_some((from, to))
}

fn find<'a>(bucket: &'a Bucket, ask: &Ask) -> Result<(&'a Version, &'a Blob), Failure> {
    let key = ask.label(1);
    match ask.param("versionId") {
        None => bucket.current(key).ok_or_else(|| Failure::new(404, "NoSuchKey", "The specified key does not exist.")),
        Some(id) => {
            let gone = || Failure::new(404, "NoSuchVersion", "The specified version does not exist.");
            let version = bucket.version(key, id).ok_or_else(gone)?;
            let marker =
                || Failure::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
            Ok((version, version.blob.as_deref().ok_or_else(marker)?))
        }
    }
}

pub(super) fn put(bucket: &mut Bucket, ask: &Ask, now: Timestamp, stream: &mut Stream) -> Result<Answer, Failure> {
    let (sha256, retained) = (lock::checksum(ask)?, lock::asked(bucket, ask, now)?);
    let content_type = header_text(ask, "content-type").unwrap_or("binary/octet-stream");
    let blob = Arc::new(Blob { sha256, ..Blob::new(ask.raw.clone(), content_type) });
    let etag = format!("\"{}\"", blob.etag);
    let id = bucket.put_retained(ask.label(1), stream.word(VERSION_ID), (now, retained), blob);
    let mut headers = vec![(header::ETAG, etag), (encryption_header(), bucket.encryption.algorithm.clone())];
    if bucket.versioning != Versioning::Never {
        headers.push((version_header(), id));
    }
    Ok(Answer::Raw { status: 200, headers, body: Vec::new() })
}

pub(super) fn delete(bucket: &mut Bucket, ask: &Ask, now: Timestamp, stream: &mut Stream) -> Result<Answer, Failure> {
    let deleted = delete_one(bucket, ask.label(1), ask.param("versionId"), (now, lock::bypasses(ask)), stream)?;
    let mut headers: Vec<(HeaderName, String)> = deleted.version.map(|id| (version_header(), id)).into_iter().collect();
    if deleted.is_marker {
        headers.push((HeaderName::from_static("x-amz-delete-marker"), "true".to_owned()));
    }
    Ok(Answer::Raw { status: 204, headers, body: Vec::new() })
}

fn delete_one(
    bucket: &mut Bucket,
    key: &str,
    version: Option<&str>,
    (now, bypasses): (Timestamp, bool),
    stream: &mut Stream,
) -> Result<Deleted, Failure> {
    match version {
        None => Ok(bucket.delete(key, stream.word(VERSION_ID), now)),
        Some(id) if bucket.retains(key, id, now, bypasses) => Err(lock::protected()),
        Some(id) if id == NULL_VERSION || id.len() == VERSION_ID => Ok(bucket.delete_version(key, id)),
        Some(_) => Err(Failure::bad("InvalidArgument", "Invalid version id specified")),
    }
}

/// Up to a thousand objects or versions. The answer is 200 even if some cannot be deleted (trap 28).
pub(super) fn delete_many(
    bucket: &mut Bucket,
    ask: &Ask,
    now: Timestamp,
    stream: &mut Stream,
) -> Result<Answer, Failure> {
    let body = document(ask, "Delete")?;
    let quiet = body.is_true(&["Quiet"]);
    let objects: Vec<&Node> = body.all("Object").collect();
    if objects.is_empty() || objects.len() > MOST_DELETIONS {
        return Err(malformed());
    }
    let mut shown = Vec::new();
    for object in objects {
        let key = object.all("Key").next().map(Node::text).filter(|key| !key.is_empty()).ok_or_else(malformed)?;
        let version = object.at(&["VersionId"]);
        match delete_one(bucket, key, version, (now, lock::bypasses(ask)), stream) {
            Ok(_) if quiet => {}
            Ok(deleted) => shown.push(node("Deleted", show_deleted(key, version, deleted))),
            Err(failure) if failure.code == "AccessDenied" => {
                shown.push(show_failed(key, version, ("AccessDenied", &failure.message)));
            }
            // Among many, S3 calls a version id that is none a version that is not there.
            Err(_) => {
                let said = ("NoSuchVersion", "The specified version does not exist.");
                shown.push(show_failed(key, version, said));
            }
        }
    }
    Ok(Answer::Xml(vec![node("DeleteResult", shown)]))
}

fn show_failed(key: &str, version: Option<&str>, (code, message): (&str, &str)) -> Element {
    let version = text("VersionId", version.unwrap_or_default());
    node("Error", vec![text("Key", key), version, text("Code", code), text("Message", message)])
}

fn show_deleted(key: &str, version: Option<&str>, deleted: Deleted) -> Vec<Element> {
    let mut members = vec![text("Key", key)];
    members.extend(version.map(|id| text("VersionId", id)));
    if deleted.is_marker {
        members.push(text("DeleteMarker", true));
        members.extend(deleted.version.map(|id| text("DeleteMarkerVersionId", id)));
    }
    members
}

/// An upload begins. Its parts are not simulated: it stays until it is aborted.
pub(super) fn begin_upload(bucket: &mut Bucket, ask: &Ask, now: Timestamp, stream: &mut Stream) -> Answer {
    let (key, id) = (ask.label(1).to_owned(), stream.word(64));
    bucket.uploads.insert((key.clone(), id.clone()), now);
    let members = vec![text("Bucket", &bucket.name), text("Key", key), text("UploadId", id)];
    Answer::Xml(vec![node("InitiateMultipartUploadResult", members)])
}

pub(super) fn abort_upload(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let upload = (ask.label(1).to_owned(), ask.param("uploadId").unwrap_or_default().to_owned());
    let gone = || {
        Failure::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
             completed.",
        )
    };
    bucket.uploads.remove(&upload).map(|_| Answer::empty(204)).ok_or_else(gone)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{delete_many, put, range};
    use crate::sandbox::protocol::xml::write;
    use crate::sandbox::protocol::{Answer, Ask};
    use crate::sandbox::seed::Seed;
    use crate::sandbox::thing::s3::{Bucket, Versioning};

    #[test]
    fn ranges_are_cut_to_the_object() {
        assert_eq!(range("2-5", 10), Some((2, 5)));
        assert_eq!((range("2-", 10), range("-4", 10), range("0-99", 10)), (Some((2, 9)), Some((6, 9)), Some((0, 9))));
        assert_eq!((range("10-", 10), range("5-2", 10), range("0-1", 0), range("-0", 10)), (None, None, None, None));
    }

    fn locked(mode: &str, until: &str) -> Ask {
        let mut ask = Ask { labels: vec!["b".into(), "k".into()], raw: b"x".to_vec(), ..Ask::default() };
        // The SHA-256 of `x`.
        let sums = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";
        let said = [
            ("x-amz-object-lock-mode", mode),
            ("x-amz-object-lock-retain-until-date", until),
            ("x-amz-checksum-sha256", sums),
        ];
        for (name, value) in said {
            ask.headers.insert(name, value.parse().unwrap());
        }
        ask
    }

    #[test]
    fn what_is_retained_is_not_deleted_before_its_time() {
        let mut stream = Seed::new(1).stream("test");
        let (now, later) = (Timestamp::UNIX_EPOCH, "1970-01-03T00:00:00Z".parse().unwrap());
        let mut bucket = Bucket::new("b", now);
        bucket.versioning = Versioning::Enabled;
        let mut put = |bucket: &mut Bucket, ask: &Ask| put(bucket, ask, now, &mut stream).map_err(|no| no.code);
        let ask = locked("COMPLIANCE", "1970-01-02T00:00:00Z");
        assert_eq!(put(&mut bucket, &ask).unwrap_err(), "InvalidRequest", "the bucket has no lock");
        bucket.locks = true;
        assert_eq!(put(&mut bucket, &locked("FOREVER", "1970-01-02T00:00:00Z")).unwrap_err(), "InvalidArgument");
        assert_eq!(put(&mut bucket, &locked("COMPLIANCE", "1969-01-02T00:00:00Z")).unwrap_err(), "InvalidArgument");
        let other = Ask { raw: b"y".to_vec(), ..ask.clone() };
        assert_eq!(put(&mut bucket, &other).unwrap_err(), "BadDigest");
        put(&mut bucket, &ask).unwrap();
        put(&mut bucket, &locked("GOVERNANCE", "1970-01-02T00:00:00Z")).unwrap();
        let ids: Vec<String> = bucket.objects["k"].iter().map(|version| version.id.clone()).collect();
        let [governed, complied] = &ids[..] else { panic!("two versions") };
        let mut stream = Seed::new(2).stream("test");
        let mut delete = |bucket: &mut Bucket, id: &str, at, bypasses| {
            super::delete_one(bucket, "k", Some(id), (at, bypasses), &mut stream).map(drop).map_err(|no| no.code)
        };
        for (id, bypasses) in [(governed, false), (complied, false), (complied, true)] {
            assert_eq!(delete(&mut bucket, id, now, bypasses), Err("AccessDenied".to_owned()), "{id} {bypasses}");
        }
        assert_eq!(delete(&mut bucket, governed, now, true), Ok(()));
        assert_eq!(delete(&mut bucket, complied, later, false), Ok(()));
        assert!(bucket.objects.is_empty());
    }

    #[test]
    fn many_deletions_answer_each() {
        let mut stream = Seed::new(1).stream("test");
        let mut bucket = Bucket::new("b", Timestamp::UNIX_EPOCH);
        bucket.versioning = Versioning::Enabled;
        let ask = Ask { labels: vec!["b".into(), "k".into()], raw: b"x".to_vec(), ..Ask::default() };
        put(&mut bucket, &ask, Timestamp::UNIX_EPOCH, &mut stream).unwrap();
        let id = bucket.objects["k"][0].id.clone();
        let body = format!(
            "<Delete><Object><Key>k</Key><VersionId>{id}</VersionId></Object><Object><Key>m</Key></Object><Object>\
             <Key>k</Key><VersionId>short</VersionId></Object></Delete>"
        );
        let ask = Ask { raw: body.into_bytes(), ..Ask::default() };
        let answer = delete_many(&mut bucket, &ask, Timestamp::UNIX_EPOCH, &mut stream).unwrap();
        let Answer::Xml(elements) = answer else { panic!("the answer is XML") };
        let text = write(&elements);
        assert_eq!((text.matches("<Deleted>").count(), text.matches("<Error>").count()), (2, 1), "{text}");
        assert!(text.contains("<DeleteMarker>true</DeleteMarker>"), "{text}");
        assert_eq!(bucket.objects.keys().collect::<Vec<_>>(), ["m"]);
    }
}
