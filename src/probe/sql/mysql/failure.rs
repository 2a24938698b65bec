//! What went wrong with a database, as a miss: the class that a negative control predicts, and a sentence for people.
//!
//! | what | reason |
//! |---|---|
//! | refused, closed; SQLSTATE 08…; too many connections (1040, 1129, 1203), killed (1927) | `connection` |
//! | handshake, certificate, name, no TLS on the other side; TLS is asked for (3159) | `tls` |
//! | at the login: SQLSTATE 28…; 1044, 1130, 1820, 1862, 3118, 4151; an unknown way to log in | `authentication` |
//! | 1317, 1969, 3024 | `timeout` |
//! | every other error; 42S02 and 42S22 (1146, 1054) also say that data is missing | `query` |

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::sql::wire::too_large;
use crate::probe::trust::{cause, unproven};

/// `ER_UNKNOWN_SYSTEM_VARIABLE`.
pub(super) const UNKNOWN_VARIABLE: u16 = 1193;

/// The miss for an error while logging in.
pub(super) fn entering(error: &Error) -> Miss {
    if is_too_large(error) {
        return miss(ProbeReason::Connection, "what answers there does not speak the protocol of MySQL");
    }
    explain(error)
}

/// The miss for an error after that: who is logged in and may not do something asks for too much.
pub(super) fn asking(error: &Error) -> Miss {
    if is_too_large(error) {
        return too_large();
    }
    let told = explain(error);
    match (error, told.reason) {
        (Error::Server(_), ProbeReason::Authentication) => Miss { reason: ProbeReason::Query, ..told },
        _ => told,
    }
}

fn explain(error: &Error) -> Miss {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return unproven(tls, "tls.");
    }
    match error {
        Error::Server(refusal) => refused(refusal),
        Error::Driver(problem) => stopped(problem),
        Error::Io(IoError::Tls(problem)) => miss(ProbeReason::Tls, &format!("TLS does not come about: {problem}")),
        Error::Io(IoError::Io(problem)) => miss(ProbeReason::Connection, &format!("the connection ended: {problem}")),
        other => miss(ProbeReason::Connection, &other.to_string()),
    }
}

fn refused(refusal: &ServerError) -> Miss {
    let ServerError { code, message, state } = refusal;
    let reason = match code {
        1317 | 1969 | 3024 => ProbeReason::Timeout,
        1044 | 1130 | 1820 | 1862 | 3118 | 4151 => ProbeReason::Authentication,
        1040 | 1129 | 1203 | 1927 => ProbeReason::Connection,
        3159 => ProbeReason::Tls,
        _ if state.starts_with("28") => ProbeReason::Authentication,
        _ if state.starts_with("08") => ProbeReason::Connection,
        _ => ProbeReason::Query,
    };
    let mut refused = miss(reason, &format!("the database said: {message} (error {code}, SQLSTATE {state})"));
    refused.missing_data = matches!(code, 1054 | 1146) || matches!(state.as_str(), "42S02" | "42S22");
    refused
}

fn stopped(problem: &DriverError) -> Miss {
    let (reason, message) = match problem {
        DriverError::NoClientSslFlagFromServer => (ProbeReason::Tls, "the server offers no TLS".to_owned()),
        DriverError::CleartextPluginDisabled => (
            ProbeReason::Authentication,
            "the server wants to see the password as it is, which it gets only of a token (`rds_iam: true`)".to_owned(),
        ),
        DriverError::MysqlOldPasswordDisabled | DriverError::UnknownAuthPlugin { .. } => (
            ProbeReason::Authentication,
            format!("{problem} Let the user log in by `caching_sha2_password` or `mysql_native_password`"),
        ),
        DriverError::StmtParamsMismatch { required, supplied } => {
            (ProbeReason::Query, format!("the query has {required} `?`, and `params` has {supplied} values"))
        }
        DriverError::Params(_) | DriverError::MixedParams => {
            (ProbeReason::Query, "write `?` for each of the `params`: `:name` is taken for a parameter, too".to_owned())
        }
        DriverError::LocalInfile(_) => {
            (ProbeReason::Query, "the server asked for a file of this machine, which it does not get".to_owned())
        }
        other => (ProbeReason::Connection, format!("the server does not speak as MySQL does: {other}")),
    };
    miss(reason, &message)
}

/// The driver tells it by a sentence alone.
fn is_too_large(error: &Error) -> bool {
    match error {
        Error::Driver(problem) => matches!(problem, DriverError::PacketTooLarge),
        Error::Io(IoError::Io(problem)) => problem.to_string().contains("larger than max_allowed_packet"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{asking, entering};
    use crate::definition::model::ProbeReason;
    use mysql_async::{DriverError, Error, IoError, ServerError};
    use std::io;

    fn server(code: u16, state: &str) -> Error {
        Error::Server(ServerError { code, message: "no\x1b[31m".to_owned(), state: state.to_owned() })
    }

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        for (code, state, reason, missing) in [
            (1045, "28000", ProbeReason::Authentication, false),
            (1044, "42000", ProbeReason::Authentication, false),
            (4151, "HY000", ProbeReason::Authentication, false),
            (1049, "42000", ProbeReason::Query, false),
            (1040, "08004", ProbeReason::Connection, false),
            (3159, "HY000", ProbeReason::Tls, false),
            (1146, "42S02", ProbeReason::Query, true),
            (1054, "42S22", ProbeReason::Query, true),
            (1792, "25006", ProbeReason::Query, false),
            (3024, "HY000", ProbeReason::Timeout, false),
            (1969, "70100", ProbeReason::Timeout, false),
            (1317, "70100", ProbeReason::Timeout, false),
        ] {
            let missed = entering(&server(code, state));
            assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{code}");
            assert!(missed.message.contains(state) && !missed.message.contains('\x1b'), "{}", missed.message);
        }
        // `SELECT … INTO OUTFILE` without the right to: the login was fine.
        assert_eq!(asking(&server(1045, "28000")).reason, ProbeReason::Query);
    }

    #[test]
    fn what_the_driver_says_has_a_class_too() {
        let io = |problem: io::Error| Error::Io(IoError::Io(problem));
        let tls = rustls::Error::General("broken".to_owned());
        let plugin = DriverError::UnknownAuthPlugin { name: "dialog".to_owned() };
        for (error, reason, part) in [
            (io(io::ErrorKind::UnexpectedEof.into()), ProbeReason::Connection, "the connection ended"),
            (io(io::Error::other(tls)), ProbeReason::Tls, "did not prove who it is"),
            (
                io(io::Error::other("Packet is larger than max_allowed_packet")),
                ProbeReason::Query,
                "larger than 16 MiB",
            ),
            (Error::Driver(DriverError::NoClientSslFlagFromServer), ProbeReason::Tls, "no TLS"),
            (Error::Driver(DriverError::CleartextPluginDisabled), ProbeReason::Authentication, "rds_iam"),
            (Error::Driver(plugin), ProbeReason::Authentication, "dialog"),
            (
                Error::Driver(DriverError::StmtParamsMismatch { required: 2, supplied: 1 }),
                ProbeReason::Query,
                "has 2 `?`, and `params` has 1",
            ),
        ] {
            let missed = asking(&error);
            assert_eq!(missed.reason, reason, "{}", missed.message);
            assert!(missed.message.contains(part), "{}", missed.message);
        }
        let strange = io(io::Error::other("Packet is larger than max_allowed_packet"));
        assert_eq!(entering(&strange).reason, ProbeReason::Connection);
    }
}
