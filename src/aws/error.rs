//! The SDK's errors as [`CloudError`]: the one table of facts 1.2.
//!
//! An answer is classified by its code; AWS Backup's model gives no HTTP status, so a status decides only where no code
//! came. What never became an answer is classified by how far the request can have got: whoever asks for something that
//! changes the world must know whether it may have happened.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::aws::callers::Unvouched;
use crate::aws::limit::HeldBack;
use crate::aws::witness::Refused;
use crate::cloud::error::{CloudError, ErrorKind};

/// The SDK's error for `operation` (such as `backup:StartRestoreJob`), classified and made harmless.
#[must_use]
pub fn cloud_error<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let status = answer.raw().status().as_u16();
            let id = error.request_id().or_else(|| meta.request_id());
            let code = meta.code().map_or_else(|| format!("http_{status}"), ToOwned::to_owned);
            let message = meta.message().unwrap_or("the service gave no message");
            CloudError::new(operation, classify(meta.code(), status), &code, message, id)
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            let kind = if status >= 500 { ErrorKind::Unavailable } else { ErrorKind::Unreadable };
            CloudError::new(operation, kind, "unreadable", &chain(error), error.request_id())
        }
        // The whole attempt took too long: it may have been sent.
        SdkError::TimeoutError(_) => CloudError::new(operation, ErrorKind::Unavailable, "timeout", &chain(error), None),
        SdkError::ConstructionFailure(_) => {
            CloudError::new(operation, ErrorKind::Invalid, "construction", &chain(error), None)
        }
        // Dispatch failures, and any variant that a newer SDK may add: how far it got is in the causes.
        _ => {
            let (kind, code) = unanswered(error);
            CloudError::new(operation, kind, &code, &chain(error), None)
        }
    }
}

/// An answer that parses and still makes no sense, such as one without the id that it exists for.
#[must_use]
pub fn unreadable(operation: &str, what: &str) -> CloudError {
    CloudError::new(operation, ErrorKind::Unreadable, "unreadable", what, None)
}

/// The table: AWS's code → what to do about it. `status` counts only without a code, or with one that is not listed.
#[must_use]
pub fn classify(code: Option<&str>, status: u16) -> ErrorKind {
    let Some(code) = code else {
        return by_status(status);
    };
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "EC2ThrottledException"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "LimitExceededException" => ErrorKind::Throttled,

        "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable"
        | "ServerInternal"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "InternalServiceError"
        | "InternalServiceException"
        | "InternalServiceErrorException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "DependencyFailureException"
        | "DependencyTimeout"
        | "DependencyTimeoutException"
        | "KMSInternal"
        | "KMSInternalException" => ErrorKind::Unavailable,

        "ConflictException"
        | "InvalidResourceStateException"
        | "OperationAborted"
        | "ResourceInUseException"
        | "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidDBClusterStateFault" => ErrorKind::Busy,

        "AccessDenied"
        | "AccessDeniedException"
        | "AccessDeniedFault"
        | "UnauthorizedOperation"
        | "UnauthorizedException"
        | "AuthorizationError"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException"
        | "RegionDisabledException" => ErrorKind::Denied,

        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "UnrecognizedClient"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure" => ErrorKind::Credentials,

        "NoSuchEntity" | "NoSuchEntityException" | "NoSuchResourceException" => ErrorKind::NotFound,

        // Services disagree on the ending: `DBInstanceNotFound`, `DBSubnetGroupNotFoundFault`, `InvalidGroup.NotFound`.
        code if ["NotFound", "NotFoundFault", "NotFoundException"].iter().any(|end| code.ends_with(end)) => {
            ErrorKind::NotFound
        }

        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

/// An answer without a code did not come from the service itself, but from something in between.
fn by_status(status: u16) -> ErrorKind {
    match status {
        429 => ErrorKind::Throttled,
        408 | 500.. => ErrorKind::Unavailable,
        401 | 403 => ErrorKind::Denied,
        _ => ErrorKind::Unreadable,
    }
}

/// Class and code of a request that got no answer.
fn unanswered(error: &(dyn Error + 'static)) -> (ErrorKind, String) {
    let code = |word: &str| word.to_owned();
    if find::<Refused>(error).is_some() {
        return (ErrorKind::Invalid, code("endpoint"));
    }
    if find::<HeldBack>(error).is_some() {
        return (ErrorKind::Throttled, code("held_back"));
    }
    if find::<Unvouched>(error).is_some() {
        return (ErrorKind::Credentials, code("credentials_changed"));
    }
    if let Some(refusal) = find::<AssumeRoleError>(error).map(ProvideErrorMetadata::meta) {
        // Without the role there are no credentials: nothing was sent, and what mends it is what STS said.
        let word = refusal.code().unwrap_or("assume_role");
        return match classify(refusal.code(), 400) {
            kind @ (ErrorKind::Denied | ErrorKind::Throttled) => (kind, code(word)),
            _ => (ErrorKind::Credentials, code(word)),
        };
    }
    if let Some(word) = never_connected(error) {
        return (ErrorKind::Unreachable, code(word));
    }
    if find::<CredentialsError>(error).is_some() || says(error, "identity resolver timed out") {
        return (ErrorKind::Credentials, code("credentials"));
    }
    if find::<ResolveEndpointError>(error).is_some() {
        return (ErrorKind::Invalid, code("endpoint"));
    }
    if find::<ConnectorError>(error).is_some_and(ConnectorError::is_user) {
        return (ErrorKind::Invalid, code("request"));
    }
    let word = if says(error, "read timeout") { "timeout" } else { "connection" };
    (ErrorKind::Unavailable, code(word))
}

/// The word for a failure before there was a connection, when nothing can have been sent.
///
/// The types of these errors are private to the SDK and to its HTTP client, so their texts are what there is. A text
/// that changes in a later version makes the failure `Unavailable`, which is the careful side.
fn never_connected(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if says(error, "dns error") {
        Some("dns")
    } else if says(error, "HTTP connect timeout") {
        Some("connect_timeout")
    } else if says(error, "client error (Connect)") || says(error, "tcp connect error") {
        Some("connect")
    } else {
        None
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    // A chain of causes has an end; the bound is for one that was built wrongly.
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source()).take(32)
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}

fn says(error: &(dyn Error + 'static), words: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(words))
}

/// The error and its causes in one line, without repetitions.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::{classify, cloud_error};
    use crate::aws::limit::HeldBack;
    use crate::cloud::error::ErrorKind;

    fn answer(status: u16) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
    }

    #[test]
    fn codes_decide_and_not_statuses() {
        for (code, status, kind) in [
            ("ThrottlingException", 400, ErrorKind::Throttled),
            ("LimitExceededException", 400, ErrorKind::Throttled),
            ("ServiceUnavailableException", 500, ErrorKind::Unavailable),
            ("DependencyFailureException", 400, ErrorKind::Unavailable),
            ("ConflictException", 400, ErrorKind::Busy),
            ("InvalidResourceStateException", 400, ErrorKind::Busy),
            ("InvalidDBInstanceState", 400, ErrorKind::Busy),
            ("AccessDeniedException", 403, ErrorKind::Denied),
            ("UnauthorizedOperation", 403, ErrorKind::Denied),
            ("OptInRequired", 403, ErrorKind::Denied),
            ("ExpiredTokenException", 400, ErrorKind::Credentials),
            ("UnrecognizedClientException", 403, ErrorKind::Credentials),
            ("ResourceNotFoundException", 400, ErrorKind::NotFound),
            ("DBInstanceNotFound", 404, ErrorKind::NotFound),
            ("DBSubnetGroupNotFoundFault", 404, ErrorKind::NotFound),
            ("InvalidGroup.NotFound", 400, ErrorKind::NotFound),
            ("NoSuchEntity", 404, ErrorKind::NotFound),
            ("NoSuchResourceException", 400, ErrorKind::NotFound),
            ("InvalidParameterValueException", 400, ErrorKind::Invalid),
            ("MissingParameterValueException", 400, ErrorKind::Invalid),
            ("InvalidParameterCombination", 400, ErrorKind::Invalid),
            ("AlreadyExistsException", 400, ErrorKind::Invalid),
            ("SomethingNew", 400, ErrorKind::Invalid),
            ("SomethingNew", 503, ErrorKind::Unavailable),
            ("SomethingNew", 429, ErrorKind::Throttled),
        ] {
            assert_eq!(classify(Some(code), status), kind, "{code}");
        }
    }

    #[test]
    fn an_answer_without_a_code_is_judged_by_its_status() {
        for (status, kind) in [
            (429, ErrorKind::Throttled),
            (408, ErrorKind::Unavailable),
            (502, ErrorKind::Unavailable),
            (403, ErrorKind::Denied),
            (404, ErrorKind::Unreadable),
        ] {
            assert_eq!(classify(None, status), kind, "{status}");
        }
    }

    #[test]
    fn a_refusal_keeps_code_message_and_request_id() {
        let meta = ErrorMetadata::builder().code("AccessDeniedException").message("no\nway\u{1b}[31m").build();
        let mut raw = answer(403);
        raw.headers_mut().insert("x-amzn-requestid", "req-1");
        let error = cloud_error("backup:StartRestoreJob", &SdkError::service_error(meta, raw));
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Denied, "AccessDeniedException"));
        assert_eq!(error.request_id.as_deref(), Some("req-1"));
        assert_eq!(error.message, "no way\u{fffd}[31m");
    }

    #[test]
    fn what_got_no_answer_is_judged_by_how_far_it_got() {
        let failed = |text: &'static str| {
            let error = SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(ConnectorError::io(text.into()));
            cloud_error("backup:StartRestoreJob", &error)
        };
        let dns = failed("dns error");
        assert_eq!((dns.kind, dns.code.as_str(), dns.may_have_happened()), (ErrorKind::Unreachable, "dns", false));
        let held = ConnectorError::other(HeldBack { operation: "backup:StartRestoreJob".to_owned() }.into(), None);
        let held = SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(held);
        let held = cloud_error("backup:StartRestoreJob", &held);
        assert_eq!((held.kind, held.code.as_str()), (ErrorKind::Throttled, "held_back"));
        assert!(held.passes() && !held.may_have_happened(), "it was not sent");
        let refused = failed("client error (Connect)");
        assert_eq!((refused.kind, refused.may_have_happened()), (ErrorKind::Unreachable, false));
        let reset = failed("client error (SendRequest)");
        assert_eq!((reset.kind, reset.may_have_happened()), (ErrorKind::Unavailable, true));

        let slow = SdkError::<ErrorMetadata, HttpResponse>::timeout_error("30 s");
        assert!(cloud_error("backup:StartRestoreJob", &slow).may_have_happened());
        let garbled = SdkError::<ErrorMetadata, HttpResponse>::response_error("not JSON", answer(200));
        assert_eq!(cloud_error("backup:StartRestoreJob", &garbled).kind, ErrorKind::Unreadable);
        let gateway = SdkError::<ErrorMetadata, HttpResponse>::response_error("not JSON", answer(502));
        assert_eq!(cloud_error("backup:StartRestoreJob", &gateway).kind, ErrorKind::Unavailable);
    }
}
