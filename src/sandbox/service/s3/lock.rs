//! Object Lock and checksums: what a request says of them, and what an answer does.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderName;
use jiff::Timestamp;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::iso;
use crate::sandbox::service::s3::request::header_text;
use crate::sandbox::thing::s3::{Blob, Bucket, Retained, Version};
use crate::words::base64;
use crate::words::kind::LockMode;

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// The retention that a new version is asked to have.
pub(super) fn asked(bucket: &Bucket, ask: &Ask, now: Timestamp) -> Result<Option<Retained>, Failure> {
    let (mode, until) = match (header_text(ask, MODE), header_text(ask, UNTIL)) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        _ => {
            return Err(Failure::bad("InvalidArgument", format!("{UNTIL} and {MODE} must both be supplied")));
        }
    };
    if !bucket.locks {
        return Err(Failure::bad("InvalidRequest", "Bucket is missing Object Lock Configuration"));
    }
    let summed = ["content-md5", "x-amz-sdk-checksum-algorithm"].iter().any(|name| header_text(ask, name).is_some())
        || ask.headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
    if !summed {
        return Err(Failure::bad(
            "InvalidRequest",
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        ));
    }
    let mode = LockMode::ALL.iter().copied().find(|known| known.word().to_uppercase() == mode);
    let mode = mode.ok_or_else(|| Failure::bad("InvalidArgument", "Unknown wormMode directive."))?;
    let until = until.parse::<Timestamp>();
    let until = until.map_err(|_| Failure::bad("InvalidArgument", "The retain until date is not a date"))?;
    if until <= now {
        return Err(Failure::bad("InvalidArgument", "The retain until date must be in the future!"));
    }
    Ok(Some(Retained { mode, until }))
}

/// The SHA-256 that a request is sent with, if it is the body's.
pub(super) fn checksum(ask: &Ask) -> Result<Option<String>, Failure> {
    let Some(said) = header_text(ask, CHECKSUM) else { return Ok(None) };
    if said == base64::encode(digest(&SHA256, &ask.raw).as_ref()) {
        return Ok(Some(said.to_owned()));
    }
    Err(Failure::bad("BadDigest", "The SHA256 you specified did not match the calculated checksum."))
}

/// What a look at a version says of its retention, and of its checksum where that is asked for.
pub(super) fn headers(version: &Version, blob: &Blob, ask: &Ask) -> Vec<(HeaderName, String)> {
    let mut headers = Vec::new();
    if let Some(Retained { mode, until }) = version.retained {
        headers.push((HeaderName::from_static(MODE), mode.word().to_uppercase()));
        headers.push((HeaderName::from_static(UNTIL), iso(until)));
    }
    // The checksum is the whole object's, and says nothing of a part.
    let is_asked = header_text(ask, "x-amz-checksum-mode") == Some("ENABLED") && header_text(ask, "range").is_none();
    if let Some(sha256) = blob.sha256.as_ref().filter(|_| is_asked) {
        headers.push((HeaderName::from_static(CHECKSUM), sha256.clone()));
        headers.push((HeaderName::from_static("x-amz-checksum-type"), "FULL_OBJECT".to_owned()));
    }
    headers
}

/// Whether a deletion is to go over a governance retention.
pub(super) fn bypasses(ask: &Ask) -> bool {
    header_text(ask, "x-amz-bypass-governance-retention") == Some("true")
}

/// A retention stands in the way.
pub(super) fn protected() -> Failure {
    Failure::new(403, "AccessDenied", "Access Denied because object protected by object lock.")
}
