//! Which operation a request means: method, bucket or object, and the flags of the query string.

use crate::sandbox::protocol::{Route, Target};

/// Operations on a bucket by flag and method. The first flag that the request has decides.
const OF_BUCKET: &[(&str, &str, &str)] = &[
    ("location", "GET", "GetBucketLocation"),
    ("versioning", "GET", "GetBucketVersioning"),
    ("versioning", "PUT", "PutBucketVersioning"),
    ("tagging", "GET", "GetBucketTagging"),
    ("tagging", "PUT", "PutBucketTagging"),
    ("tagging", "DELETE", "DeleteBucketTagging"),
    ("publicAccessBlock", "GET", "GetPublicAccessBlock"),
    ("publicAccessBlock", "PUT", "PutPublicAccessBlock"),
    ("publicAccessBlock", "DELETE", "DeletePublicAccessBlock"),
    ("ownershipControls", "GET", "GetBucketOwnershipControls"),
    ("ownershipControls", "PUT", "PutBucketOwnershipControls"),
    ("encryption", "GET", "GetBucketEncryption"),
    ("encryption", "PUT", "PutBucketEncryption"),
    ("object-lock", "GET", "GetObjectLockConfiguration"),
    ("versions", "GET", "ListObjectVersions"),
    ("uploads", "GET", "ListMultipartUploads"),
    ("delete", "POST", "DeleteObjects"),
    ("list-type", "GET", "ListObjectsV2"),
];

/// Finds the operation; its labels are the bucket and the key.
pub(super) fn route(target: &Target) -> Option<Route> {
    let operation = match target.parts.len() {
        0 => service(target),
        1 => bucket(target),
        _ => object(target),
    };
    Some((operation?, target.parts.iter().map(|part| (*part).to_owned()).collect()))
}

fn service(target: &Target) -> Option<&'static str> {
    (target.method.as_str() == "GET").then_some("ListBuckets")
}

fn bucket(target: &Target) -> Option<&'static str> {
    let method = target.method.as_str();
    let flagged = OF_BUCKET.iter().find(|(flag, of, _)| *of == method && target.has(flag));
    if let Some((_, _, operation)) = flagged {
        return Some(operation);
    }
    // A flag that is not simulated must not turn into the operation without it.
    if !plain(target, &[]) {
        return None;
    }
    match method {
        "PUT" => Some("CreateBucket"),
        "HEAD" => Some("HeadBucket"),
        "DELETE" => Some("DeleteBucket"),
        _ => None,
    }
}

fn object(target: &Target) -> Option<&'static str> {
    let method = target.method.as_str();
    if target.headers.contains_key("x-amz-copy-source") {
        return None;
    }
    match method {
        "GET" if plain(target, &["versionId"]) => Some("GetObject"),
        "HEAD" if plain(target, &["versionId"]) => Some("HeadObject"),
        "PUT" if plain(target, &[]) => Some("PutObject"),
        "DELETE" if plain(target, &["versionId"]) => Some("DeleteObject"),
        "DELETE" if plain(target, &["uploadId"]) => Some("AbortMultipartUpload"),
        "POST" if plain(target, &["uploads"]) && target.has("uploads") => Some("CreateMultipartUpload"),
        _ => None,
    }
}

/// Whether the query string has no other names than these and the one that SDKs add.
fn plain(target: &Target, known: &[&str]) -> bool {
    target.params.iter().all(|(name, _)| name == "x-id" || known.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::route;
    use crate::sandbox::protocol::Target;
    use crate::sandbox::protocol::encoding::form;

    fn operation(method: Method, parts: &[&str], query: &str) -> Option<&'static str> {
        let (params, headers) = (form(query), HeaderMap::new());
        let target = Target { method: &method, parts, params: &params, headers: &headers };
        route(&target).map(|(operation, _)| operation)
    }

    #[test]
    fn flags_decide() {
        assert_eq!(operation(Method::GET, &["b"], "versions&max-keys=5"), Some("ListObjectVersions"));
        assert_eq!(operation(Method::GET, &["b"], "list-type=2&prefix=versions"), Some("ListObjectsV2"));
        assert_eq!(operation(Method::POST, &["b"], "delete"), Some("DeleteObjects"));
        assert_eq!(operation(Method::DELETE, &["b", "k"], "x-id=DeleteObject&versionId=1"), Some("DeleteObject"));
        assert_eq!(operation(Method::DELETE, &["b", "k"], "uploadId=1"), Some("AbortMultipartUpload"));
        assert_eq!(operation(Method::PUT, &["b"], ""), Some("CreateBucket"));
        assert_eq!(operation(Method::GET, &[], "x-id=ListBuckets"), Some("ListBuckets"));
    }

    #[test]
    fn a_flag_that_is_not_simulated_is_no_other_operation() {
        assert_eq!(operation(Method::PUT, &["b"], "policy"), None);
        assert_eq!(operation(Method::PUT, &["b"], "object-lock"), None);
        assert_eq!(operation(Method::DELETE, &["b"], "lifecycle"), None);
        assert_eq!(operation(Method::GET, &["b", "k"], "tagging"), None);
    }
}
