//! What the probes that read data through AWS have in common.

use aws_lc_rs::digest::{SHA256, digest};

use crate::cloud::error::{CloudError, ErrorKind};
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, miss};
use crate::probe::target::Target;

/// The miss for a request about the data that failed.
///
/// | what | reason |
/// |---|---|
/// | not permitted | `authentication` |
/// | not there, or refused as it stands; what is not there also says that data is missing | `query` |
/// | the service cannot be reached from here | `unreachable` |
/// | no answer, or none now | `connection`, `timeout` |
/// | drill's own credentials | `setup` |
pub(crate) fn refused(error: &CloudError) -> Miss {
    let reason = match error.kind {
        ErrorKind::Denied => ProbeReason::Authentication,
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Unreadable => ProbeReason::Query,
        ErrorKind::Unavailable if error.code == "timeout" => ProbeReason::Timeout,
        ErrorKind::Unreachable => ProbeReason::Unreachable,
        ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Busy => ProbeReason::Connection,
        ErrorKind::Credentials => ProbeReason::Setup,
    };
    Miss { missing_data: error.kind == ErrorKind::NotFound, ..miss(reason, &format!("{error}; {}", error.advice())) }
}

/// What is read: the setting's, else what was restored.
///
/// # Errors
/// A `setup` miss when neither says what.
pub(crate) fn named(given: Option<&Given>, key: &str, target: &Target) -> Result<String, Miss> {
    let unknown = || miss(ProbeReason::Setup, &format!("there is nothing restored to read; say what with `{key}`"));
    match given {
        Some(given) => given.fill(key, target),
        None => target.identifier.clone().ok_or_else(unknown),
    }
}

/// The SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
