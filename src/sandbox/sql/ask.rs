//! Asks a PostgreSQL server one question, as a simulated function does: over TLS, with the user's own password, inside a
//! transaction that is read-only. Written apart from what the product has for the same.

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::words::secret::Secret;
use crate::words::text::tame;

/// What is asked, of whom.
pub(crate) struct Question {
    /// Where the server really is.
    pub(crate) at: SocketAddr,
    /// What it is called: the name in its certificate.
    pub(crate) name: String,
    /// Whom to trust.
    pub(crate) ca: PathBuf,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) query: String,
    /// For connecting, and for the statement.
    pub(crate) within: Duration,
}

/// Why there is no answer: a reason of custom probes, and words.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The columns of the first row, and how many rows there were. The caller bounds the time.
pub(crate) async fn reply(question: &Question) -> Result<(Map<String, Value>, usize), Unanswered> {
    let tls = trusting(question)?;
    let mut config = Config::new();
    config
        .host(question.name.as_str())
        .hostaddr(question.at.ip())
        .port(question.at.port())
        .user(question.user.as_str())
        .password(question.password.expose())
        .dbname(question.database.as_str())
        .application_name("drill-function")
        .ssl_mode(SslMode::Require)
        .connect_timeout(question.within);
    let (client, connection) = config.connect(tls).await.map_err(|error| refused(&error))?;
    tokio::spawn(connection);
    answered(&client, question).await.map_err(|error| refused(&error))
}

async fn answered(client: &Client, question: &Question) -> Result<(Map<String, Value>, usize), tokio_postgres::Error> {
    let limit = question.within.as_millis();
    client.batch_execute(&format!("SET statement_timeout = {limit}; BEGIN READ ONLY")).await?;
    let types: Vec<Type> =
        client.prepare(&question.query).await?.columns().iter().map(|column| column.type_().clone()).collect();
    let mut first = None;
    let mut rows = 0;
    for message in client.simple_query(&question.query).await? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        rows += 1;
        if first.is_none() {
            let columns = row.columns().iter().zip(&types).enumerate();
            let named = columns.map(|(at, (column, kind))| (column.name().to_owned(), value(kind, row.get(at))));
            first = Some(named.collect());
        }
    }
    Ok((first.unwrap_or_default(), rows))
}

/// A text of the server as JSON: numbers and truths as such, times as RFC 3339.
fn value(kind: &Type, text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    match *kind {
        Type::BOOL => (text == "t").into(),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
            serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| text.into(), Value::Number)
        }
        // The servers' zone is UTC.
        Type::TIMESTAMPTZ => text.replacen(' ', "T", 1).replacen("+00", "Z", 1).into(),
        Type::TIMESTAMP => format!("{}Z", text.replacen(' ', "T", 1)).into(),
        _ => text.into(),
    }
}

fn trusting(question: &Question) -> Result<MakeRustlsConnect, Unanswered> {
    let untrusting = |what: String| Unanswered { reason: "setup", message: format!("no TLS: {}", tame(&what)) };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(&question.ca).map_err(|error| untrusting(error.to_string()))?;
    let (usable, _) = roots.add_parsable_certificates(certificates.flatten());
    if usable == 0 {
        return Err(untrusting("there is no usable certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| untrusting(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn refused(error: &tokio_postgres::Error) -> Unanswered {
    let Some(refusal) = error.as_db_error() else {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        let said = tame(&format!("{error}{cause}"));
        let reason = if said.contains("certificate") { "tls" } else { "connection" };
        return Unanswered { reason, message: said };
    };
    let reason = match refusal.code().code() {
        code if code.starts_with("28") => "authentication",
        "57014" => "timeout",
        _ => "query",
    };
    let message = format!("{} ({})", tame(refusal.message()), refusal.code().code());
    Unanswered { reason, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_postgres::types::Type;

    use super::value;

    #[test]
    fn texts_of_the_server_are_what_they_mean() {
        for (kind, text, wanted) in [
            (Type::INT8, "12", json!(12)),
            (Type::NUMERIC, "12.50", json!(12.5)),
            (Type::FLOAT8, "NaN", json!("NaN")),
            (Type::BOOL, "t", json!(true)),
            (Type::TIMESTAMPTZ, "2026-01-01 20:00:00.5+00", json!("2026-01-01T20:00:00.5Z")),
            (Type::TIMESTAMP, "2026-01-01 20:00:00", json!("2026-01-01T20:00:00Z")),
            (Type::TEXT, "12", json!("12")),
        ] {
            assert_eq!(value(&kind, Some(text)), wanted, "{text}");
        }
        assert_eq!(value(&Type::TEXT, None), json!(null));
    }
}
