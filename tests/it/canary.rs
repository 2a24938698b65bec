//! Secrets leave no trace: whole runs of the real program with secrets from every source, against servers and programs
//! that echo them in every form, with everything logged. Every byte that a run leaves behind is searched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use restore_drill::aws::session::{Override, Side, connect};
use restore_drill::cli::clock::MachineClock;
use restore_drill::sandbox::{Hold, Options, Sandbox, When, WorldFile, WorldSpec, access_key};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::child::{Drill, Said};
use crate::harness::worlds;

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// Of a variable of the environment: a database's password.
const OF_ENV: &str = "canary-env-3f7a91c2";
/// Of a file: another database user's.
const OF_FILE: &str = "canary-file-81d4e0b7";
/// Of a header. It is written otherwise in URLs.
const OF_HEADER: &str = "Bearer canary/head+5c==9a2f";
/// What of it servers echo.
const OF_TOKEN: &str = "canary/head+5c==9a2f";
/// Of a program's environment.
const OF_COMMAND: &str = "canary-command-b6620fd1";
/// Of a custom probe's input.
const OF_CUSTOM: &str = "canary-custom-47ce9a05";

const HEAD: &str = r#"version: 1
name: canary
title: Everything that holds a secret
owner: platform@example.com
limits: { max_duration: 10d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders:
    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:orders
    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
    timeout: 10d
teardown: { timeout: 10d }
probes:
"#;

/// A program that says its secret in every form that a shell knows, and writes down what others see of it and of drill.
const COMMAND: &str = r#"#!/bin/sh
here=$(dirname "$0")
cat /proc/$$/cmdline /proc/$PPID/cmdline >"$here/command.seen"
hex=$(printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n')
base64=$(printf 'user:%s' "$TOKEN" | base64)
printf '{"raw": "%s", "hex": "%s", "base64": "%s", "%s": 1}\n' "$TOKEN" "$hex" "$base64" "$TOKEN"
printf 'I was told %s, which is %s\n' "$TOKEN" "$hex" >&2
exit "$1"
"#;

/// The same as a custom probe. Neither its arguments nor its environment may show the secret.
const CUSTOM: &str = r#"#!/bin/sh
told=$(cat)
token=$(printf '%s' "$told" | sed 's/.*"token":"\([^"]*\)".*/\1/')
cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline >"$(dirname "$0")/custom.seen"
hex=$(printf '%s' "$token" | od -An -tx1 | tr -d ' \n')
case $told in
*'"miss":true'*)
    printf '{"miss": {"reason": "authentication", "message": "%s, %s", "values": {"raw": "%s"}}}\n' "$token" "$hex" "$token"
    ;;
*)
    printf '{"values": {"raw": "%s", "list": ["%s"]}, "facts": {"%s": "%s"}}\n' "$token" "$hex" "$token" "$hex"
    ;;
esac
printf 'also %s\n' "$token" >&2
"#;

/// A web server that gives back what it was sent, in every form: `/ok` as an answer, anything else as a failure.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = Vec::new();
                while !heard.ends_with(b"\r\n\r\n") {
                    let mut chunk = [0; 1024];
                    match stream.read(&mut chunk).await {
                        Ok(count @ 1..) => heard.extend_from_slice(&chunk[..count]),
                        _ => return,
                    }
                }
                let answer = echoed(&String::from_utf8_lossy(&heard));
                // Whoever hung up needs no answer.
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

fn echoed(request: &str) -> String {
    let token = request.lines().find_map(|line| line.strip_prefix("x-token: ")).unwrap_or("none was sent");
    let bare = token.trim_start_matches("Bearer ");
    let encoded = ["", "x", "xy"].map(|before| base64(format!("{before}{bare}").as_bytes()));
    let forms: BTreeMap<String, String> =
        forms(bare).into_iter().filter(|(name, _)| !name.contains("base64")).collect();
    let body =
        json!({ "raw": token, "bare": bare, "forms": forms, "encoded": encoded, "request": request }).to_string();
    let status = if request.starts_with("GET /ok") { "200 OK" } else { "403 Forbidden" };
    format!(
        "HTTP/1.1 {status}\r\nx-echo: {bare}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The forms that a secret may be found in, by name.
fn forms(secret: &str) -> Vec<(String, String)> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent = |keep: fn(u8) -> bool| -> String {
        let one = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        secret.bytes().map(one).collect()
    };
    let mut forms = vec![
        ("raw", secret.to_owned()),
        ("JSON", Value::from(secret).to_string().trim_matches('"').to_owned()),
        ("reversed", secret.chars().rev().collect()),
        ("HEX", hex.to_uppercase()),
        ("hex", hex),
        ("URL", percent(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))),
        ("url", percent(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)).to_lowercase()),
    ];
    // Whatever stands before it, one of three shifts is what Base64 makes of it; its first and last digits depend on
    // the neighbours.
    for (name, before) in [("base64", ""), ("base64 of x…", "x"), ("base64 of xy…", "xy")] {
        let digits = base64(format!("{before}{secret}").as_bytes());
        let from = if before.is_empty() { 0 } else { 4 };
        forms.push((name, digits[from..digits.len() - 4].to_owned()));
    }
    forms.into_iter().map(|(name, form)| (name.to_owned(), form)).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32, at: u32| char::from(DIGITS[((bits >> at) & 63) as usize]);
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        let four = [digit(bits, 18), digit(bits, 12), digit(bits, 6), digit(bits, 0)];
        out.extend(&four[..=three.len()]);
        out.extend(std::iter::repeat_n('=', 3 - three.len()));
    }
    out
}

/// Where a secret is found, and in which form.
fn traces(left: &BTreeMap<String, String>, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (form, wanted) in forms(secret) {
        let places = left.iter().filter(|(_, text)| text.contains(&wanted));
        found.extend(places.map(|(place, _)| format!("{place}, {form}")));
    }
    found
}

/// The bytes of a file; what is no text in them does not matter, for secrets are.
fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// Everything that a run left, apart from what it was given, and what people then look at.
async fn left(drill: &Drill, said: &Said) -> BTreeMap<String, String> {
    let mut left = BTreeMap::new();
    for folder in [drill.path(), drill.home()] {
        for path in files(folder) {
            let name = path.strip_prefix(folder).expect("it was found below").display().to_string();
            if !name.starts_with("drills/") && !name.starts_with("probes/") {
                left.insert(name, read(&path));
            }
        }
    }
    left.insert("stdout".to_owned(), said.stdout.clone());
    left.insert("stderr".to_owned(), said.stderr.clone());
    let run = drill.last_id().await;
    for verb in ["logs", "status", "report"] {
        for output in ["text", "json"] {
            let seen = drill.ask(&[verb, &run, "--output", output]).await.ends(0);
            left.insert(format!("drill {verb} --output {output}"), seen.all());
        }
    }
    for program in ["drills/command.seen", "probes/custom.seen"] {
        left.insert(program.to_owned(), read(&drill.path().join(program)));
    }
    left
}

/// A login to the restored database, as `user` with that `password`, and what it asks.
fn sql(name: &str, user: &str, password: &str, query: &str, expect: &str) -> String {
    format!(
        "  {name}:\n    on: orders\n    retry: {{ for: 2d, every: 1m }}\n    sql: {{ database: shop, user: {user}, \
         password: {password}, query: \"{query}\" }}\n    expect: {expect}\n"
    )
}

fn http(name: &str, port: u16, path: &str) -> String {
    format!(
        "  {name}:\n    on: orders\n    http:\n      url: \"http://127.0.0.1:{port}{path}\"\n      allow_local: true\n      \
         secret_headers: {{ x-token: {{ env: CANARY_HEADER }} }}\n      json: {{ raw: \"$.raw\", all: \"$.forms.*\", encoded: \"$.encoded[*]\", request: \"$.request\" }}\n      \
         observe_headers: [x-echo]\n"
    )
}

fn command(code: u8) -> String {
    format!(
        "  command:\n    on: orders\n    command: {{ argv: [./say, \"{code}\"], secret_env: {{ TOKEN: {{ env: CANARY_COMMAND }} }} }}\n    expect: {{ raw: {{ equals: \"[secret]\" }} }}\n"
    )
}

fn custom(misses: bool) -> String {
    format!(
        "  custom:\n    on: orders\n    custom: {{ name: canary, with: {{ miss: {misses} }}, secrets: {{ token: {{ env: CANARY_CUSTOM }} }} }}\n"
    )
}

/// The probes that hold, although whatever they ask tells the secrets.
fn holding(port: u16) -> String {
    let me = "SELECT current_user::text AS me";
    let is = |user: &str| format!("{{ me: {{ equals: {user} }} }}");
    let leaks = "SELECT note, upper(encode(note::bytea, 'hex')) AS hex, reverse(note) AS turned FROM leaks";
    let seen = "{ note: { equals: \"[secret]\" }, hex: { equals: \"[secret]\" }, turned: { equals: \"[secret]\" } }";
    let mut text = String::new();
    text.push_str(&sql("of-env", "from_env", "{ env: CANARY_ENV }", leaks, seen));
    text.push_str(&sql("of-file", "from_file", "{ file: secrets/orders }", me, &is("from_file")));
    text.push_str(&sql("of-store", "from_store", "{ secretsmanager: drill/canary }", me, &is("from_store")));
    text.push_str(&sql("of-ssm", "from_ssm", "{ ssm: /drill/canary }", me, &is("from_ssm")));
    text.push_str(&sql("of-token", "from_token", "{ rds_iam: true }", me, &is("from_token")));
    text.push_str(&sql("of-reset", "chief", "{ master_password_reset: true }", me, &is("chief")));
    text.push_str(&http("http", port, "/ok"));
    format!("{text}{}{}", command(0), custom(false))
}

/// The probes that miss, and tell why.
fn missing(port: u16) -> String {
    let mut text = String::new();
    let cast = "SELECT note::int AS n FROM leaks";
    text.push_str(&sql("of-env", "from_env", "{ env: CANARY_ENV }", cast, "{ n: { at_least: 1 } }"));
    let wrong = "SELECT note FROM leaks";
    text.push_str(&sql("unlike", "from_env", "{ env: CANARY_ENV }", wrong, "{ note: { equals: other } }"));
    text.push_str(&http("http", port, "/forbidden"));
    // None of them is worth two days.
    let text = text.replace("retry: { for: 2d, every: 1m }", "retry: { for: 30m, every: 1m }");
    let up = "  up: { on: orders, tcp: {}, retry: { for: 2d, every: 1m } }\n";
    format!("{up}{text}{}{}", command(3), custom(true))
}

/// A run with these probes, what it left, and the secrets that the world made.
async fn run(probes: &str, code: i32) -> (BTreeMap<String, String>, Vec<String>) {
    let text = format!("{HEAD}{probes}");
    let definition = worlds::definition(&text);
    let world = format!(
        "version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nquotas: {{ token_lifetime: 30d }}\nresources:\n  orders:\n    \
         restore: {{ takes: 1m }}\n    users: {{ from_env: {OF_ENV}, from_file: {OF_FILE} }}\n    data:\n      database: shop\n      \
         writes:\n        - {{ at: 60d ago, sql: \"CREATE TABLE leaks AS SELECT '{OF_ENV}'::text AS note\" }}\n"
    );
    // Users whom no probe logs in as are no part of the world.
    let world =
        if probes.contains("from_file") { world } else { world.replace(&format!(", from_file: {OF_FILE}"), "") };
    let file = WorldFile::read("canary.world.yaml", &world).expect("the world file is right");
    let spec = WorldSpec::from_definition(&definition).overlay(file);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache");
    let options = Options { port: 0, speed: worlds::STEADY, seed: 42, cache };
    let sandbox = Sandbox::start(spec, options).await.expect("a world with database servers");

    let drill =
        Drill::new().definition("canary", &text).variable("DRILL_LOG", "trace").variable("RUST_BACKTRACE", "full");
    let drill = drill.variable("CANARY_ENV", OF_ENV).variable("CANARY_HEADER", OF_HEADER);
    let drill = drill.variable("CANARY_COMMAND", OF_COMMAND).variable("CANARY_CUSTOM", OF_CUSTOM);
    drill.write("drills/secrets/orders", &format!("{OF_FILE}\n"));
    drill.program("drills/say", COMMAND);
    drill.program("probes/drill-probe-canary", CUSTOM);
    let said = drill.ask(&["run", "canary", &format!("--sandbox={}", sandbox.url())]).await.ends(code);

    let side = |region: &str| Side { region: region.parse().expect("a region"), profile: None, access_role: None };
    let account = worlds::ACCOUNT.parse().expect("an account");
    let with = || Override { url: sandbox.url(), access_key: access_key(&account), secret_key: "sandbox".to_owned() };
    let overrides = Some((with(), with()));
    let clock = Arc::new(MachineClock);
    let connected = connect(&side(worlds::THERE), &side(worlds::HERE), overrides, true, "test", clock).await;
    let secrets = connected.expect("a session with the world").cloud.secrets;
    let mut made = Vec::new();
    if probes.contains("from_store") {
        made.push(secrets.secret("drill/canary", None).await.expect("the world's secret").expose().to_owned());
        made.push(secrets.parameter("/drill/canary").await.expect("the world's parameter").expose().to_owned());
    }
    let left = left(&drill, &said).await;
    // The search finds what is there: otherwise it would prove nothing.
    let given = files(&drill.path().join("drills"));
    let given = given.into_iter().map(|path| (path.display().to_string(), read(&path))).collect();
    assert!(!traces(&given, OF_FILE).is_empty());
    sandbox.stop().await;
    (left, made)
}

fn assert_clean(left: &BTreeMap<String, String>, made: &[String]) {
    let known = [OF_ENV, OF_FILE, OF_HEADER, OF_TOKEN, OF_COMMAND, OF_CUSTOM];
    for secret in known.into_iter().chain(made.iter().map(String::as_str)) {
        let found = traces(left, secret);
        assert!(found.is_empty(), "{secret} is found in:\n{}", found.join("\n"));
    }
    for (place, text) in left {
        assert!(!text.contains("X-Amz-Signature"), "a token of IAM is in {place}");
        // What the SDK would log of a request holds what is in it.
        assert!(!text.contains("transmitting request"), "requests are logged in {place}");
        let reset = text.match_indices("Dr1").find(|(at, _)| {
            let digits = text[at + 3..].chars().take(27);
            digits.clone().count() == 27 && digits.clone().all(|c| c.is_ascii_hexdigit())
        });
        assert!(reset.is_none(), "a master password is in {place}");
    }
}

#[test]
fn the_forms_that_are_looked_for_are_right() {
    let found: BTreeMap<String, String> = forms("a\"b/c d").into_iter().collect();
    for (name, form) in [
        ("JSON", r#"a\"b/c d"#),
        ("reversed", "d c/b\"a"),
        ("hex", "6122622f632064"),
        ("URL", "a%22b%2Fc%20d"),
        ("url", "a%22b%2fc%20d"),
        ("base64", "YSJiL2Mg"),
    ] {
        assert_eq!(found[name], form, "{name}");
    }
    assert_eq!((base64(b"f"), base64(b"fo"), base64(b"foo")), ("Zg==".into(), "Zm8=".into(), "Zm9v".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_passes_leaves_no_secret_behind() {
    let (left, made) = run(&holding(echo().await), 0).await;
    assert_eq!(made.len(), 2);
    assert_clean(&left, &made);
    let (_, report) = left.iter().find(|(place, _)| place.ends_with("report.json")).expect("a report");
    assert!(report.contains("[secret]"), "nothing was echoed: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_leaves_no_secret_behind() {
    let (left, made) = run(&missing(echo().await), 1).await;
    assert_clean(&left, &made);
    let said = &left["stdout"];
    for wanted in ["exit code 3", "403", "[secret]"] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_run_is_in_no_core_dump_and_nobody_looks_into_it() {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let drill = Drill::new().definition("orders", worlds::ORDERS).variable("CANARY_ENV", OF_ENV);
    let held = sandbox.hold(Hold { operation: "backup:StartRestoreJob".to_owned(), nth: 1, when: When::Before });
    let running = drill.spawn(&["run", "orders", &format!("--sandbox={}", sandbox.url())]);
    tokio::time::timeout(LIMIT, held.reached()).await.expect("the restore begins");
    let of = |what: &str| Path::new("/proc").join(running.id().to_string()).join(what);
    if cfg!(target_os = "linux") {
        let limits = fs::read_to_string(of("limits")).expect("the limits of a process");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit of core dumps");
        assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "{core}");
        let arguments = fs::read(of("cmdline")).expect("the arguments of a process");
        assert!(!String::from_utf8_lossy(&arguments).contains(OF_ENV));
        // Root may read everything.
        if !rustix::process::getuid().is_root() {
            assert!(fs::read(of("environ")).is_err() && fs::File::open(of("mem")).is_err());
        }
    }
    held.release();
    running.ended().await.ends(0);
}
