//! What the probes that read data through AWS have in common.

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
/// | no answer, or none now | `connection`, `timeout` |
/// | drill's own credentials | `setup` |
pub(crate) fn refused(error: &CloudError) -> Miss {
    let reason = match error.kind {
        ErrorKind::Denied => ProbeReason::Authentication,
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Unreadable => ProbeReason::Query,
        ErrorKind::Unavailable if error.code == "timeout" => ProbeReason::Timeout,
        ErrorKind::Unavailable | ErrorKind::Unreachable | ErrorKind::Throttled | ErrorKind::Busy => {
            ProbeReason::Connection
        }
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
