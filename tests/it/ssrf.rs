//! Where no probe may go, in every spelling that there is: this machine, its links, the services that hand out
//! credentials. Refused after the name was resolved, and at every redirect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use restore_drill::cloud::resource::Settings;
use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::kind;
use restore_drill::probe::target::Target;
use restore_drill::words::kind::ProbeKind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::probes::{PATIENCE, target};

/// Addresses of this machine and of metadata services.
const FORBIDDEN: &[&str] = &[
    "127.0.0.1",
    "127.8.9.1",
    "localhost",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "::1",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[ff02::1]",
    // IPv4 in IPv6: mapped, compatible, NAT64, 6to4.
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
];

/// The same as C libraries read them: whole numbers, octal, hexadecimal, short.
const ODDLY_WRITTEN: &[&str] = &[
    "LOCALHOST",
    "localhost.",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
];

/// A server on every address of this machine's loopback that counts who comes, and leads each of them to `location`.
async fn leads_to(location: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut heard = [0; 2048];
            let _ = stream.read(&mut heard).await;
            let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, came)
}

/// What a probe says of these settings: why they are refused, or why the attempt missed.
async fn refusal(what: ProbeKind, asked: Value, given: &Target) -> (Option<ProbeReason>, String) {
    let settings: Settings = asked.as_object().expect("settings are an object").clone();
    if let Err(why) = kind(what).check(&settings) {
        return (None, format!("{why:?}"));
    }
    match kind(what).attempt(&settings, given, PATIENCE).await {
        Ok(seen) => panic!("{what} of {asked} held: {seen:?}"),
        Err(miss) => (Some(miss.reason), miss.message),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_this_machine_or_of_a_metadata_service_is_connected_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, came) = leads_to("/".to_owned()).await;
    // One target without any endpoint, and one whose endpoint is elsewhere.
    for given in [target(None, folder.path()), target(Some(("10.1.1.1", 5432)), folder.path())] {
        for host in FORBIDDEN {
            for what in [ProbeKind::Tcp, ProbeKind::Tls, ProbeKind::Http] {
                let (reason, said) = refusal(what, json!({ "host": host, "port": port }), &given).await;
                let refused = reason.is_none_or(|reason| reason == ProbeReason::Setup);
                assert!(refused, "{what} {host}: {reason:?}: {said}");
            }
        }
        for host in ODDLY_WRITTEN {
            // Some resolvers read them, others do not: nobody gets through either way.
            refusal(ProbeKind::Http, json!({ "host": host, "port": port }), &given).await;
            refusal(ProbeKind::Tcp, json!({ "host": host, "port": port }), &given).await;
        }
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "somebody was let through");
}

/// The endpoint that AWS gave may be on this machine (in the simulated AWS it is), and may lead nowhere else on it.
#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_leads_to_this_machine_or_to_a_metadata_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inside, came) = leads_to("/".to_owned()).await;
    let hosts = FORBIDDEN.iter().chain(ODDLY_WRITTEN).filter(|host| **host != "::1");
    let mut places: Vec<String> = hosts.map(|host| format!("http://{host}:{inside}/latest/meta-data/")).collect();
    places.push(format!("//localhost:{inside}/"));
    places.push(format!("http://user:password@127.0.0.1:{inside}/"));
    let schemes =
        ["file:///etc/passwd", "gopher://127.0.0.1:70/_x", "ftp://127.0.0.1/", "javascript:alert(1)", "data:,x"];
    places.extend(schemes.map(str::to_owned));
    for place in places {
        let (port, first) = leads_to(place.clone()).await;
        let given = target(Some(("127.0.0.1", port)), folder.path());
        let (_, said) = refusal(ProbeKind::Http, json!({ "follow": 5 }), &given).await;
        assert_eq!(first.load(Ordering::SeqCst), 1, "{place}: the endpoint itself is asked once: {said}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "somebody was let through");
}

/// Only `http` and `https` are schemes of a probe.
#[test]
fn other_schemes_than_http_are_no_settings() {
    for url in ["gopher://db.example.com/", "file:///etc/passwd", "ftp://db.example.com/", "dict://127.0.0.1:11211/"] {
        let settings = json!({ "url": url }).as_object().expect("an object").clone();
        assert!(kind(ProbeKind::Http).check(&settings).is_err(), "{url}");
    }
}
