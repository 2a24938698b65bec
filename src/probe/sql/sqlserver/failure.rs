//! What went wrong with SQL Server, as a miss: the class that a negative control predicts, and a sentence for people.
//!
//! | what | reason |
//! |---|---|
//! | closed, not its protocol; severity 20 and above, too many connections, shut down | `connection` |
//! | errors 18456 and its like, 4060, 4064, 916 | `authentication` |
//! | error 1222 (a lock) | `timeout` |
//! | every other error; 208 and 207 also say that data is missing | `query` |

use std::io;

use tiberius::error::Error;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;

/// From here on an error ends the connection.
const FATAL: u8 = 20;

/// The miss for a driver's error.
pub(super) fn explain(error: &Error) -> Miss {
    match error {
        Error::Server(refusal) => refused(refusal.code(), refusal.class(), refusal.message()),
        Error::Io { kind: io::ErrorKind::TimedOut, message } => miss(ProbeReason::Timeout, message),
        Error::Io { message, .. } => miss(ProbeReason::Connection, message),
        Error::Tls(message) => miss(ProbeReason::Tls, message),
        Error::Conversion(message) => miss(ProbeReason::Query, &format!("the driver cannot send the query: {message}")),
        Error::Routing { host, port } => {
            let message = format!("the server sends its clients on to {host}:{port}; connect there");
            miss(ProbeReason::Connection, &message)
        }
        other => miss(ProbeReason::Connection, &format!("the driver cannot read what the server sent: {other}")),
    }
}

fn refused(code: u32, class: u8, message: &str) -> Miss {
    let reason = match code {
        916 | 4060 | 4064 | 18_450..=18_452 | 18_456 | 18_461 | 18_470 | 18_486..=18_488 => ProbeReason::Authentication,
        1222 => ProbeReason::Timeout,
        976 | 983 | 6005 | 10_928 | 10_929 | 17_142 | 17_809 => ProbeReason::Connection,
        _ if class >= FATAL => ProbeReason::Connection,
        _ => ProbeReason::Query,
    };
    let mut refused = miss(reason, &format!("the database said: {message} (error {code})"));
    refused.missing_data = matches!(code, 207 | 208);
    refused
}

#[cfg(test)]
mod tests {
    use super::{explain, refused};
    use crate::definition::model::ProbeReason;
    use std::io;
    use tiberius::error::Error;

    #[test]
    fn each_error_has_its_reason() {
        for (code, class, reason, missing) in [
            (18_456, 14, ProbeReason::Authentication, false),
            (4060, 11, ProbeReason::Authentication, false),
            (4064, 11, ProbeReason::Authentication, false),
            (1222, 16, ProbeReason::Timeout, false),
            (208, 16, ProbeReason::Query, true),
            (207, 16, ProbeReason::Query, true),
            (229, 14, ProbeReason::Query, false),
            (10_928, 16, ProbeReason::Connection, false),
            (824, 24, ProbeReason::Connection, false),
        ] {
            let missed = refused(code, class, "no\u{1b}[31m");
            assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{code}");
            assert_eq!(missed.message, format!("the database said: no\u{fffd}[31m (error {code})"));
        }
    }

    #[test]
    fn what_is_no_answer_is_a_miss_of_the_connection() {
        let closed = Error::Io { kind: io::ErrorKind::UnexpectedEof, message: "closed".to_owned() };
        let late = Error::Io { kind: io::ErrorKind::TimedOut, message: "late".to_owned() };
        for (error, reason) in [
            (closed, ProbeReason::Connection),
            (late, ProbeReason::Timeout),
            (Error::Protocol("garbage".into()), ProbeReason::Connection),
            (Error::Utf16, ProbeReason::Connection),
            (Error::Routing { host: "a".to_owned(), port: 1 }, ProbeReason::Connection),
            (Error::Tls("no".to_owned()), ProbeReason::Tls),
        ] {
            assert_eq!(explain(&error).reason, reason, "{error}");
        }
    }
}
