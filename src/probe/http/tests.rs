//! `http` against servers of a few lines on loopback, given as the restored resource's endpoint.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Http;
use crate::cloud::resource::Endpoint;
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls as _};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that answers each path with one of `answers`, and what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &[(&'static str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, heard) = (answers.to_vec(), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    let mut chunk = [0; 1024];
                    match stream.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(count) => request.extend_from_slice(&chunk[..count]),
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                heard.lock().unwrap().push(request);
                let answer = answers.iter().find(|(known, _)| *known == path).map(|(_, answer)| answer.as_str());
                let answer = answer.unwrap_or("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Self { port, asked }
    }

    fn target(&self) -> Target {
        let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port: Some(self.port) };
        Target { endpoint: Some(endpoint), ..Target::for_tests() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

async fn attempt(settings: Value, target: &Target) -> Outcome {
    let Value::Object(settings) = settings else { unreachable!() };
    Http.check(&settings).unwrap();
    Http.attempt(&settings, target, PATIENCE).await
}

async fn missed(settings: Value, target: &Target, reason: ProbeReason) -> Miss {
    let miss = attempt(settings, target).await.unwrap_err();
    assert_eq!(miss.reason, reason, "{}", miss.message);
    miss
}

#[tokio::test]
async fn status_body_and_json_fields_are_observed() {
    let body = r#"{"status":"up","health":{"db":true}}"#;
    let server = Server::start(&[("/health?x=1", answer("200 OK", "content-type: application/json\r\n", body))]).await;
    let seen = attempt(json!({ "path": "health?x=1", "headers": { "host": "shop" } }), &server.target()).await.unwrap();
    assert_eq!(seen.values["status"], json!(200));
    assert_eq!(seen.values["json.status"], json!("up"));
    assert_eq!(seen.values["health.db"], json!(true));
    assert_eq!(seen.values["content_type"], json!("application/json"));
    assert_eq!(seen.values["body"], json!(body));
    assert_eq!(seen.values["bytes"], json!(body.len()));
    let asked = server.asked();
    assert!(asked[0].starts_with("GET /health?x=1 HTTP/1.1\r\n") && asked[0].contains("host: shop\r\n"), "{asked:?}");
}

#[tokio::test]
async fn an_error_of_the_server_is_no_pass_unless_any_status_is_an_answer() {
    let server = Server::start(&[("/", answer("500 Internal Server Error", "", "broken"))]).await;
    let miss = missed(json!({}), &server.target(), ProbeReason::Expectation).await;
    assert_eq!(miss.observed.unwrap().values["status"], json!(500));
    let seen = attempt(json!({ "any_status": true }), &server.target()).await.unwrap();
    assert_eq!(seen.values["body"], json!("broken"));
}

#[tokio::test]
async fn redirects_are_followed_only_as_far_as_allowed() {
    let to = |path: &str| answer("302 Found", &format!("location: {path}\r\n"), "");
    let server = Server::start(&[("/", to("/a")), ("/a", to("/b")), ("/b", answer("200 OK", "", "there"))]).await;
    let seen = attempt(json!({}), &server.target()).await.unwrap();
    assert_eq!((&seen.values["status"], &seen.values["location"]), (&json!(302), &json!("/a")));
    let seen = attempt(json!({ "follow": 2 }), &server.target()).await.unwrap();
    assert_eq!(seen.values["body"], json!("there"));
    let miss = missed(json!({ "follow": 1 }), &server.target(), ProbeReason::Expectation).await;
    assert!(miss.message.contains("more than 1 redirects"), "{}", miss.message);
}

#[tokio::test]
async fn a_redirect_cannot_lead_to_where_a_probe_must_not_go() {
    for location in ["http://169.254.169.254/latest/meta-data", "http://127.0.0.2/", "//localhost:1/"] {
        let server = Server::start(&[("/", answer("302 Found", &format!("location: {location}\r\n"), ""))]).await;
        let miss = missed(json!({ "follow": 5 }), &server.target(), ProbeReason::Setup).await;
        assert!(miss.message.contains("a probe connects there only if"), "{}", miss.message);
    }
}

#[tokio::test]
async fn secrets_are_sent_and_never_seen() {
    let echo = answer("403 Forbidden", "location: /canary-9f2c\r\n", r#"{"canary-9f2c":"you sent canary-9f2c"}"#);
    let server = Server::start(&[("/", echo)]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "Bearer canary-9f2c\n").unwrap();
    let target = Target { folder: folder.path().to_owned(), ..server.target() };
    let settings = json!({ "secret_headers": { "authorization": { "file": "token" } } });
    let miss = missed(settings, &target, ProbeReason::Expectation).await;
    assert!(!format!("{miss:?}").contains("canary"), "{miss:?}");
    assert!(server.asked()[0].contains("authorization: Bearer canary-9f2c\r\n"));
}

#[tokio::test]
async fn what_is_not_http_or_not_there_is_a_miss_of_the_connection() {
    let server = Server::start(&[("/", "SSH-2.0-OpenSSH\r\n\r\n".to_owned())]).await;
    missed(json!({}), &server.target(), ProbeReason::Connection).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port: Some(free) };
    let target = Target { endpoint: Some(endpoint), ..Target::for_tests() };
    missed(json!({}), &target, ProbeReason::Connection).await;
    missed(json!({}), &Target::for_tests(), ProbeReason::Setup).await;
}

#[tokio::test]
async fn tls_needs_a_ca_bundle() {
    let server = Server::start(&[]).await;
    let miss = missed(json!({ "scheme": "https" }), &server.target(), ProbeReason::Setup).await;
    assert!(miss.message.contains("no CA bundle"), "{}", miss.message);
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let body = "x".repeat(super::exchange::MOST_BYTES + 1);
    let server = Server::start(&[("/", answer("200 OK", "", &body))]).await;
    let seen = attempt(json!({}), &server.target()).await.unwrap();
    assert_eq!(seen.values["bytes"], json!(super::exchange::MOST_BYTES));
    assert_eq!(seen.values["body"].as_str().unwrap().len(), super::observed::SHOWN_BODY_BYTES);
    assert!(seen.facts.contains_key("body"));
}

#[tokio::test]
async fn paths_and_headers_are_observed_by_name_and_never_spoofed() {
    let body = r#"{"items":[{"id":1,"tags":["a\u001b"]},{"id":2}],"none":"x","header_etag":"spoofed","total":2}"#;
    let headers = "ETag: \"7-\"\r\nX-Shard: a\r\nX-Shard: b\r\n";
    let server = Server::start(&[("/", answer("200 OK", headers, body))]).await;
    let json = json!({
        "ids": "$.items[*].id", "first": "$.items[0].id", "tags": "$..tags", "none": "$.missing", "deep": "$.items",
    });
    let asked = json!({ "json": json, "observe_headers": ["etag", "x-shard", "x-none"] });
    let seen = attempt(asked, &server.target()).await.unwrap();
    assert_eq!((&seen.values["ids"], &seen.values["first"]), (&json!([1, 2]), &json!(1)));
    assert_eq!((&seen.values["tags"], &seen.values["total"]), (&json!(["a\u{fffd}"]), &json!(2)));
    assert_eq!((&seen.values["header_etag"], &seen.values["header_x_shard"]), (&json!("\"7-\""), &json!("a, b")));
    for unobserved in ["none", "deep", "header_x_none"] {
        assert!(!seen.values.contains_key(unobserved), "{unobserved}");
    }
    assert_eq!(seen.facts["none (not observed)"], "nothing is there");
    let absent = attempt(json!({ "observe_headers": ["etag"] }), &plain(r#"{"header_etag":"spoofed"}"#).await).await;
    assert!(!absent.unwrap().values.contains_key("header_etag"));
    let list = attempt(json!({ "json": { "ids": "$[*].id" } }), &plain(r#"[{"id":1},{"id":2}]"#).await).await;
    assert_eq!(list.unwrap().values["ids"], json!([1, 2]));
    let text = attempt(json!({ "json": { "ids": "$" } }), &plain("hello").await).await.unwrap();
    assert!(text.facts["json"].contains("not JSON") && !text.values.contains_key("ids"));
}

/// The target of a server that answers `/` with a body and nothing else.
async fn plain(body: &str) -> Target {
    Server::start(&[("/", answer("200 OK", "", body))]).await.target()
}

#[tokio::test]
async fn what_a_definition_allows_ends_at_the_first_server() {
    let hello = Server::start(&[("/", answer("200 OK", "", "hello"))]).await;
    let url = format!("http://127.0.0.1:{}/", hello.port);
    missed(json!({ "url": url }), &Target::for_tests(), ProbeReason::Setup).await;
    let seen = attempt(json!({ "url": url, "allow_local": true }), &Target::for_tests()).await.unwrap();
    assert_eq!(seen.values["body"], json!("hello"));
    let away = answer("302 Found", &format!("location: {url}\r\n"), "");
    let first = Server::start(&[("/", away)]).await;
    let asked = json!({ "url": format!("http://127.0.0.1:{}/", first.port), "allow_local": true, "follow": 1 });
    missed(asked, &Target::for_tests(), ProbeReason::Setup).await;
    assert_eq!(hello.asked().len(), 1);
}
