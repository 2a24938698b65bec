//! What went wrong with a database, as a miss: the class that a negative control predicts, and a sentence for people.
//!
//! | what | reason |
//! |---|---|
//! | refused, unreachable, closed; SQLSTATE 08…, 57P…, 53300 | `connection` |
//! | handshake, certificate, name, no TLS on the other side | `tls` |
//! | SQLSTATE 28…, or SCRAM did not agree | `authentication` |
//! | SQLSTATE 57014 | `timeout` |
//! | every other SQLSTATE; 42P01 and 42703 also say that data is missing | `query` |

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;

/// The miss for a driver's error.
pub(super) fn explain(error: &Error) -> Miss {
    if let Some(refusal) = error.as_db_error() {
        return refused(refusal);
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return miss(ProbeReason::Tls, &format!("the server did not prove who it is: {tls}{}", advice(tls)));
    }
    // The driver keeps its kinds private; its sentences are all there is.
    let said = error.to_string();
    let reason = if said.contains("TLS") {
        ProbeReason::Tls
    } else if said.starts_with("authentication") {
        ProbeReason::Authentication
    } else if ["error serializing", "error encoding", "expected"].into_iter().any(|start| said.starts_with(start)) {
        ProbeReason::Query
    } else {
        ProbeReason::Connection
    };
    miss(reason, &chain(error))
}

fn refused(refusal: &DbError) -> Miss {
    let code = refusal.code().code();
    let reason = match code {
        "57014" => ProbeReason::Timeout,
        "53300" => ProbeReason::Connection,
        _ if code.starts_with("28") => ProbeReason::Authentication,
        _ if code.starts_with("08") || code.starts_with("57P") => ProbeReason::Connection,
        _ => ProbeReason::Query,
    };
    let hint = refusal.hint().map_or_else(String::new, |hint| format!("; {hint}"));
    let mut refused = miss(reason, &format!("the database said: {}{hint} (SQLSTATE {code})", refusal.message()));
    refused.missing_data = matches!(code, "42P01" | "42703");
    refused
}

fn advice(error: &rustls::Error) -> &'static str {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    let rustls::Error::InvalidCertificate(problem) = error else { return "" };
    match problem {
        UnknownIssuer => "; no CA of the bundle signed its certificate: check `tls.ca` or `--ca-bundle`",
        NotValidForName | NotValidForNameContext { .. } => {
            "; its certificate is for another name: check `host` or `tls.server_name`"
        }
        Expired | ExpiredContext { .. } => "; its certificate has expired: rotate the instance's CA",
        _ => "",
    }
}

/// The first cause of the type `T`, also inside of I/O errors, which hide what they wrap from `source`.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref::<T>()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn chain(error: &Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        said = format!("{said}: {cause}");
        next = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::cause;
    use std::io;

    #[test]
    fn a_cause_is_found_inside_of_an_io_error() {
        let inner = rustls::Error::NoCertificatesPresented;
        let outer = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        assert!(cause::<rustls::Error>(&io::Error::other("something else")).is_none());
        assert!(cause::<rustls::Error>(outer.get_ref().unwrap()).is_some());
    }
}
