//! Who is calling what, where: from the credential scope of a `SigV4` signature. Signatures are not checked.

use axum::http::{HeaderMap, header};

use crate::sandbox::protocol::failure::Failure;
use crate::words::id::{AccountId, Region};

/// The caller of one request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// The service's name as the signature says it.
    pub(crate) service: String,
    pub(crate) access_key: String,
}

/// Reads the caller from the `Authorization` header. Keys that carry no account belong to `default`.
pub(crate) fn caller(headers: &HeaderMap, default: &AccountId) -> Result<Caller, Failure> {
    let missing = || Failure::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    let incomplete =
        || Failure::bad("IncompleteSignature", "Authorization header requires a `Credential` parameter of five parts");
    let scope = text.split_once("Credential=").map(|(_, rest)| rest).ok_or_else(incomplete)?;
    let scope = scope.split([',', ' ']).next().unwrap_or(scope);
    let mut parts = scope.split('/');
    let (Some(key), Some(_date), Some(region), Some(service)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(incomplete());
    };
    let service = service.to_owned();
    let region =
        region.parse().map_err(|_| Failure::bad("IncompleteSignature", "the credential scope names no region"))?;
    Ok(Caller { account: account(key).unwrap_or_else(|| default.clone()), region, service, access_key: key.to_owned() })
}

/// The account that an access key of the sandbox carries.
fn account(access_key: &str) -> Option<AccountId> {
    let rest = access_key.strip_prefix("AKIASANDBOX").or_else(|| access_key.strip_prefix("ASIASANDBOX"))?;
    rest.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::caller;

    #[test]
    fn the_credential_scope_says_who_calls_what_where() {
        let default = "111122223333".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(caller(&headers, &default).unwrap_err().code, "MissingAuthenticationToken");
        let text = "AWS4-HMAC-SHA256 Credential=AKIASANDBOX123456789012/20261121/eu-west-1/backup/aws4_request, SignedHeaders=host";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(text));
        let found = caller(&headers, &default).unwrap();
        assert_eq!((found.account.as_str(), found.region.as_str()), ("123456789012", "eu-west-1"));
        assert_eq!(found.service, "backup");
        let text = "AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1, SignedHeaders=host";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(text));
        assert_eq!(caller(&headers, &default).unwrap_err().code, "IncompleteSignature");
    }
}
