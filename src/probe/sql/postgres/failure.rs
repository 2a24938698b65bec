//! What went wrong with a database, as a miss: the class that a negative control predicts, and a sentence for people.
//!
//! | what | reason |
//! |---|---|
//! | refused, unreachable, closed; SQLSTATE 08…, 57P…, 53300 | `connection` |
//! | handshake, certificate, name, no TLS on the other side | `tls` |
//! | SQLSTATE 28…, or SCRAM did not agree | `authentication` |
//! | SQLSTATE 57014 | `timeout` |
//! | every other SQLSTATE; 42P01 and 42703 also say that data is missing | `query` |

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{chain, miss};
use crate::probe::trust::{cause, unproven};

/// The miss for a driver's error.
pub(super) fn explain(error: &Error) -> Miss {
    if let Some(refusal) = error.as_db_error() {
        return refused(refusal);
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return unproven(tls, "tls.");
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
