//! An error as AWS answers it: HTTP status, code, message. Facts 1.2.

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
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

    /// What throttling is called by the service of `operation`.
    pub(crate) fn throttled(operation: &str) -> Self {
        let code = match service(operation) {
            "rds" | "sts" => "Throttling",
            "ec2" => "RequestLimitExceeded",
            _ => "ThrottlingException",
        };
        Self::bad(code, "Rate exceeded")
    }

    /// What a missing permission is called by the service of `operation`.
    pub(crate) fn denied(operation: &str, message: Option<&str>) -> Self {
        let code = match service(operation) {
            "rds" | "sts" => "AccessDenied",
            "ec2" => "UnauthorizedOperation",
            _ => "AccessDeniedException",
        };
        let usual = || {
            format!("User is not authorized to perform: {operation} because no identity-based policy allows the action")
        };
        Self::new(403, code, message.map_or_else(usual, str::to_owned))
    }

    /// What expired credentials are called by the service of `operation`.
    pub(crate) fn expired(operation: &str) -> Self {
        let (status, code) = match service(operation) {
            "rds" | "sts" => (403, "ExpiredToken"),
            "ec2" => (400, "RequestExpired"),
            "backup" => (403, "ExpiredTokenException"),
            _ => (400, "ExpiredTokenException"),
        };
        Self::new(status, code, "The security token included in the request is expired")
    }
}

fn service(operation: &str) -> &str {
    operation.split_once(':').map_or("", |(service, _)| service)
}
