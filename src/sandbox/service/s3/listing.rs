//! Lists: buckets, objects, versions, unfinished uploads. Tokens and markers are keys, so that a list goes on rightly
//! while what was listed is being deleted.

use crate::sandbox::protocol::encoding::decode;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, instant, node, text};
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::{Blob, Bucket, Version};
use crate::sandbox::world::World;

/// No page is longer.
const LONGEST_PAGE: usize = 1_000;

/// Every bucket of the account, in whatever region.
pub(super) fn buckets(world: &World, place: &Place, ask: &Ask) -> Answer {
    let own = world.sites.iter().filter(|(home, _)| home.account == place.account);
    let all = own.flat_map(|(home, site)| site.shelves.s3.buckets.values().map(move |bucket| (home, bucket)));
    let fits = |(home, bucket): &(&Place, &Bucket)| {
        ask.param("prefix").is_none_or(|prefix| bucket.name.starts_with(prefix))
            && ask.param("bucket-region").is_none_or(|region| region == home.region.as_str())
    };
    let mut found: Vec<(&Place, &Bucket)> = all.filter(fits).collect();
    found.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    let shown = found.into_iter().map(|(home, bucket)| {
        let members = vec![
            text("Name", &bucket.name),
            instant("CreationDate", bucket.created),
            text("BucketRegion", &home.region),
            text("BucketArn", bucket.arn()),
        ];
        node("Bucket", members)
    });
    let owner = node("Owner", vec![text("ID", &place.account)]);
    Answer::Xml(vec![node("ListAllMyBucketsResult", vec![node("Buckets", shown.collect()), owner])])
}

/// One line of a listing of objects.
enum Line<'a> {
    Object(&'a str, &'a Version, &'a Blob),
    /// What lies below a delimiter, as one.
    Prefix(String),
}

impl Line<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Object(key, ..) => key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

pub(super) fn objects(bucket: &Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let most = page_size(ask, "max-keys")?;
    let (prefix, delimiter) = (ask.param("prefix").unwrap_or_default(), ask.param("delimiter"));
    let after = match ask.param("continuation-token") {
        Some(token) => Some(read_token(token)?),
        None => ask.param("start-after").map(str::to_owned),
    };
    let mut lines = lines(bucket, prefix, delimiter);
    lines.retain(|line| after.as_deref().is_none_or(|after| line.name() > after));
    let truncated = lines.len() > most && most > 0;
    lines.truncate(most);
    let mut shown = vec![
        text("Name", &bucket.name),
        text("Prefix", prefix),
        text("MaxKeys", most),
        text("KeyCount", lines.len()),
        text("IsTruncated", truncated),
    ];
    shown.extend(delimiter.map(|delimiter| text("Delimiter", delimiter)));
    shown.extend(ask.param("continuation-token").map(|token| text("ContinuationToken", token)));
    if let Some(last) = lines.last().filter(|_| truncated) {
        shown.push(text("NextContinuationToken", write_token(last.name())));
    }
    shown.extend(lines.iter().map(show_line));
    Ok(Answer::Xml(vec![node("ListBucketResult", shown)]))
}

fn lines<'a>(bucket: &'a Bucket, prefix: &str, delimiter: Option<&str>) -> Vec<Line<'a>> {
    let mut lines: Vec<Line> = Vec::new();
    for (key, version, blob) in bucket.current_objects() {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let below = delimiter
            .and_then(|delimiter| rest.split_once(delimiter).map(|(first, _)| format!("{prefix}{first}{delimiter}")));
        match below {
            None => lines.push(Line::Object(key, version, blob)),
            Some(below) if lines.last().is_some_and(|last| last.name() == below) => {}
            Some(below) => lines.push(Line::Prefix(below)),
        }
    }
    lines
}

fn show_line(line: &Line) -> Element {
    match line {
        Line::Prefix(prefix) => node("CommonPrefixes", vec![text("Prefix", prefix)]),
        Line::Object(key, version, blob) => {
            let mut members = vec![text("Key", key), instant("LastModified", version.at)];
            members.extend(content(blob));
            node("Contents", members)
        }
    }
}

/// What lists say of an object's content.
fn content(blob: &Blob) -> [Element; 3] {
    // A restore leaves the storage class behind (facts 2.8).
    [text("ETag", format!("\"{}\"", blob.etag)), text("Size", blob.body.len()), text("StorageClass", "STANDARD")]
}

/// Versions and delete markers, the newest of each key first.
pub(super) fn versions(bucket: &Bucket, ask: &Ask) -> Result<Answer, Failure> {
    if ask.param("delimiter").is_some() {
        return Err(Failure::new(501, "NotImplemented", "The simulated AWS lists versions without a delimiter"));
    }
    let most = page_size(ask, "max-keys")?;
    let prefix = ask.param("prefix").unwrap_or_default();
    let marker = (ask.param("key-marker"), ask.param("version-id-marker"));
    if marker.0.is_none() && marker.1.is_some() {
        return Err(Failure::bad("InvalidArgument", "A version-id marker cannot be specified without a key marker."));
    }
    let keys = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix));
    let all = keys.flat_map(|(key, versions)| {
        let rest = versions.iter().enumerate().skip(passed(key, versions, marker));
        rest.map(move |(place, version)| (key, version, place == 0))
    });
    let mut found: Vec<(&String, &Version, bool)> = all.take(most + 1).collect();
    let truncated = found.len() > most && most > 0;
    found.truncate(most);
    let mut shown = vec![
        text("Name", &bucket.name),
        text("Prefix", prefix),
        text("KeyMarker", marker.0.unwrap_or_default()),
        text("VersionIdMarker", marker.1.unwrap_or_default()),
        text("MaxKeys", most),
        text("IsTruncated", truncated),
    ];
    if let Some((key, version, _)) = found.last().filter(|_| truncated) {
        shown.extend([text("NextKeyMarker", key), text("NextVersionIdMarker", &version.id)]);
    }
    shown.extend(found.into_iter().map(|(key, version, is_latest)| show_version(key, version, is_latest)));
    Ok(Answer::Xml(vec![node("ListVersionsResult", shown)]))
}

/// How many of a key's versions lie before the markers. A marker whose version is gone hides nothing that is left.
fn passed(key: &str, versions: &[Version], (key_marker, version_marker): (Option<&str>, Option<&str>)) -> usize {
    let Some(marker) = key_marker else { return 0 };
    if key != marker {
        return if key < marker { versions.len() } else { 0 };
    }
    match version_marker {
        None => versions.len(),
        Some(id) => versions.iter().position(|version| version.id == id).map_or(0, |place| place + 1),
    }
}

fn show_version(key: &str, version: &Version, is_latest: bool) -> Element {
    let mut members = vec![
        text("Key", key),
        text("VersionId", &version.id),
        text("IsLatest", is_latest),
        instant("LastModified", version.at),
    ];
    match &version.blob {
        None => node("DeleteMarker", members),
        Some(blob) => {
            members.extend(content(blob));
            node("Version", members)
        }
    }
}

/// Unfinished multipart uploads.
pub(super) fn uploads(bucket: &Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let most = page_size(ask, "max-uploads")?;
    let prefix = ask.param("prefix").unwrap_or_default();
    let after = (ask.param("key-marker").unwrap_or_default(), ask.param("upload-id-marker").unwrap_or("\u{10ffff}"));
    let all = bucket.uploads.iter().filter(|((key, id), _)| {
        key.starts_with(prefix) && (after.0.is_empty() || (key.as_str(), id.as_str()) > after)
    });
    let mut found: Vec<_> = all.take(most + 1).collect();
    let truncated = found.len() > most && most > 0;
    found.truncate(most);
    let mut shown = vec![text("Bucket", &bucket.name), text("MaxUploads", most), text("IsTruncated", truncated)];
    if let Some(((key, id), _)) = found.last().filter(|_| truncated) {
        shown.extend([text("NextKeyMarker", key), text("NextUploadIdMarker", id)]);
    }
    shown.extend(found.into_iter().map(|((key, id), begun)| {
        let members = vec![text("Key", key), text("UploadId", id), instant("Initiated", *begun)];
        node("Upload", members)
    }));
    Ok(Answer::Xml(vec![node("ListMultipartUploadsResult", shown)]))
}

fn page_size(ask: &Ask, name: &str) -> Result<usize, Failure> {
    let Some(asked) = ask.param(name) else { return Ok(LONGEST_PAGE) };
    let size = asked.parse::<usize>().ok().filter(|size| i32::try_from(*size).is_ok());
    size.map(|size| size.min(LONGEST_PAGE)).ok_or_else(|| {
        Failure::bad("InvalidArgument", format!("Argument {name} must be an integer between 0 and 2147483647"))
    })
}

/// A continuation token: the last name, so written that nobody takes it for one.
fn write_token(name: &str) -> String {
    name.bytes().fold("t1.".to_owned(), |token, byte| format!("{token}{byte:02x}"))
}

fn read_token(token: &str) -> Result<String, Failure> {
    let hex = token.strip_prefix("t1.").filter(|hex| hex.len().is_multiple_of(2) && hex.is_ascii());
    let escaped = hex.map(|hex| {
        let pairs = hex.as_bytes().chunks(2).map(|pair| format!("%{}", String::from_utf8_lossy(pair)));
        decode(&pairs.collect::<String>(), false)
    });
    escaped.ok_or_else(|| Failure::bad("InvalidArgument", "The continuation token provided is incorrect"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{objects, read_token, versions, write_token};
    use crate::sandbox::protocol::encoding::form;
    use crate::sandbox::protocol::xml::write;
    use crate::sandbox::protocol::{Answer, Ask};
    use crate::sandbox::thing::s3::{Blob, Bucket, Versioning};

    fn bucket() -> Bucket {
        let mut bucket = Bucket::new("b", Timestamp::UNIX_EPOCH);
        bucket.versioning = Versioning::Enabled;
        for (number, key) in ["a/1", "a/2", "b", "c/1"].iter().enumerate() {
            for version in ["old", "new"] {
                let blob = Arc::new(Blob::new(key.as_bytes().to_vec(), "text/plain"));
                bucket.put(key, format!("{version}{number}"), Timestamp::UNIX_EPOCH, blob);
            }
        }
        bucket
    }

    fn body(answer: &Answer) -> String {
        if let Answer::Xml(elements) = answer { write(elements) } else { String::new() }
    }

    fn ask(query: &str) -> Ask {
        Ask { params: form(query), ..Ask::default() }
    }

    #[test]
    fn a_delimiter_folds_and_a_token_goes_on() {
        let page = body(&objects(&bucket(), &ask("list-type=2&delimiter=/&max-keys=2")).unwrap());
        assert!(page.contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"), "{page}");
        assert!(page.contains("<Key>b</Key>") && page.contains("<IsTruncated>true</IsTruncated>"), "{page}");
        let rest = format!("list-type=2&delimiter=/&continuation-token={}", write_token("b"));
        let page = body(&objects(&bucket(), &ask(&rest)).unwrap());
        assert!(page.contains("<Prefix>c/</Prefix>") && !page.contains("<Key>b</Key>"), "{page}");
        assert_eq!(read_token(&write_token("ä/1")).unwrap(), "ä/1");
        assert!(read_token("x").is_err());
    }

    #[test]
    fn versions_go_on_after_their_markers() {
        let page = body(&versions(&bucket(), &ask("versions&max-keys=3")).unwrap());
        assert!(page.contains("<NextKeyMarker>a/2</NextKeyMarker><NextVersionIdMarker>new1</NextVersionIdMarker>"));
        let rest = "versions&key-marker=a/2&version-id-marker=new1";
        let page = body(&versions(&bucket(), &ask(rest)).unwrap());
        assert_eq!(page.matches("<Version>").count(), 5);
        let gone = "versions&key-marker=a/2&version-id-marker=deleted";
        assert_eq!(body(&versions(&bucket(), &ask(gone)).unwrap()).matches("<Version>").count(), 6);
    }
}
