//! An error as AWS answers it: HTTP status, code, message. Facts 1.2.

use serde_json::Value;

use crate::sandbox::protocol::Protocol;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Further members of a JSON error's body.
    pub(crate) members: Option<Box<Value>>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: None }
    }

    /// The same with further members in its JSON body.
    pub(crate) fn with_members(self, members: Value) -> Self {
        Self { members: Some(Box::new(members)), ..self }
    }

    /// An error of the caller's making, HTTP 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// AWS Backup's `InvalidParameterValueException`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterValueException", message)
    }

    /// AWS Backup's and Secrets Manager's `ResourceNotFoundException`.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::bad("ResourceNotFoundException", message)
    }

    /// The operation is not simulated, or does not exist.
    pub(crate) fn unknown(operation: &str) -> Self {
        Self::new(
            404,
            "UnknownOperationException",
            format!(
                "The simulated AWS does not know the operation {operation}; docs/world.md lists those that it knows"
            ),
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure",
        )
    }

    /// What throttling is called.
    pub(crate) fn throttled(protocol: Protocol) -> Self {
        let (status, code) = match protocol {
            Protocol::Query { .. } => (400, "Throttling"),
            Protocol::Ec2Query => (400, "RequestLimitExceeded"),
            Protocol::RestXml => (503, "SlowDown"),
            Protocol::RestJson | Protocol::Json { .. } | Protocol::Cbor => (400, "ThrottlingException"),
        };
        Self::new(status, code, "Rate exceeded")
    }

    /// What a missing permission for `operation` is called.
    pub(crate) fn denied(protocol: Protocol, operation: &str, message: Option<&str>) -> Self {
        let code = match protocol {
            Protocol::Query { .. } | Protocol::RestXml => "AccessDenied",
            Protocol::Ec2Query => "UnauthorizedOperation",
            Protocol::RestJson | Protocol::Json { .. } | Protocol::Cbor => "AccessDeniedException",
        };
        let usual = || {
            format!("User is not authorized to perform: {operation} because no identity-based policy allows the action")
        };
        Self::new(403, code, message.map_or_else(usual, str::to_owned))
    }

    /// The account has not enabled the region (facts 1.2).
    pub(crate) fn not_enabled(region: &str) -> Self {
        let message =
            format!("The AWS Access Key Id needs a subscription for the service: the Region {region} is not enabled");
        Self::new(403, "OptInRequired", message)
    }

    /// What expired credentials are called.
    pub(crate) fn expired(protocol: Protocol) -> Self {
        let (status, code) = match protocol {
            Protocol::Query { .. } => (403, "ExpiredToken"),
            Protocol::RestXml => (400, "ExpiredToken"),
            Protocol::Ec2Query => (400, "RequestExpired"),
            Protocol::RestJson => (403, "ExpiredTokenException"),
            Protocol::Json { .. } | Protocol::Cbor => (400, "ExpiredTokenException"),
        };
        Self::new(status, code, "The security token included in the request is expired")
    }
}
