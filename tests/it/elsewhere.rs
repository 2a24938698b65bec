//! A run lives in one world: it is gone on with there alone, and another world is never taken for its own with everything
//! gone. The real program, over the wire.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use restore_drill::sandbox::hold::ANY;
use restore_drill::sandbox::{Hold, Inventory, Options, Sandbox, When, WorldFile, WorldSpec, access_key};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::check::{assert_clean, assert_harmless, changes};
use crate::harness::child::{Drill, Running};
use crate::harness::worlds::{self, ACCOUNT, ORDERS, QUICK, STEADY};

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

async fn world() -> Sandbox {
    worlds::start(&worlds::definition(ORDERS), QUICK, STEADY).await
}

fn option(sandbox: &Sandbox) -> String {
    format!("--sandbox={}", sandbox.url())
}

/// A repository with one drill, and the world of its runs.
struct Ground {
    drill: Drill,
    own: Sandbox,
    before: Inventory,
}

impl Ground {
    async fn new() -> Self {
        let own = world().await;
        Self { drill: Drill::new().definition("orders", ORDERS), before: own.inventory(), own }
    }

    /// A run of which something is there, and nobody drives it any more.
    async fn dies(&self) -> String {
        killed_at("rds:AddTagsToResource", &self.own, || self.drill.spawn(&["run", "orders", &option(&self.own)]))
            .await;
        self.drill.last_id().await
    }
}

async fn killed_at(operation: &str, sandbox: &Sandbox, starts: impl FnOnce() -> Running) {
    let held = sandbox.hold(Hold { operation: operation.to_owned(), nth: 1, when: When::Before });
    let running = starts();
    tokio::time::timeout(LIMIT, held.reached()).await.unwrap_or_else(|_| panic!("{operation} was never asked for"));
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
}

/// What was asked that changes something.
fn changing(sandbox: &Sandbox) -> usize {
    sandbox.inventory().calls.iter().filter(|call| changes(&call.operation)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_not_resumed_in_another_world() {
    let case = "resumed elsewhere";
    let ground = Ground::new().await;
    let run = ground.dies().await;
    let other = world().await;
    let said = ground.drill.ask(&["resume", &run, &option(&other)]).await.ends(2);
    for wanted in [run.as_str(), &ground.own.url(), "another one", "leave `--sandbox` out"] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
    ground.drill.ask(&["resume", "--all", &option(&other)]).await.ends(2);
    assert!(other.inventory().calls.is_empty(), "the other world was asked: {:?}", other.inventory().calls);
    let swept = ground.drill.ask(&["sweep", &option(&other), "--yes", "--output", "json"]).await.ends(0).json();
    assert_eq!(swept["things"], serde_json::json!([]), "{swept:#}");
    assert_eq!(changing(&other), 0, "{:?}", other.inventory().calls);
    assert!(ground.own.inventory().restored().next().is_some(), "nothing was removed at home either");
    ground.drill.ask(&["resume", &run]).await.ends(0);
    assert_harmless(case, &ground.before, &ground.own.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_is_not_ended_or_extended_in_another_world() {
    let ground = Ground::new().await;
    ground.drill.ask(&["run", "orders", &option(&ground.own), "--keep", "48h"]).await.ends(0);
    let run = ground.drill.last_id().await;
    let other = world().await;
    for how in [["--end", "--quiet"], ["--for", "100h"]] {
        let said = ground.drill.ask(&["keep", &run, how[0], how[1], &option(&other)]).await.ends(2);
        assert!(said.stderr.contains("another one"), "{how:?}: {said:?}");
    }
    assert!(other.inventory().calls.is_empty(), "the other world was asked: {:?}", other.inventory().calls);
    let kept = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    assert_eq!(kept["created"][0]["state"], "kept", "{kept:#}");
    // Its own clock says how long it stays.
    assert!(ground.drill.ask(&["status", &run]).await.ends(0).stdout.contains(" left"));
    ground.drill.ask(&["keep", &run, "--end"]).await.ends(0);
    assert_harmless("a lease", &ground.before, &ground.own.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_run_elsewhere_tears_down_at_home_what_an_earlier_one_left() {
    let ground = Ground::new().await;
    ground.dies().await;
    let other = world().await;
    let before = other.inventory();
    let said = ground.drill.ask(&["run", "orders", &option(&other)]).await.ends(0);
    assert!(said.stderr.contains("its teardown comes first"), "{said:?}");
    assert_clean("at home", &ground.before, &ground.own.inventory());
    assert_harmless("elsewhere", &before, &other.inventory());
    assert_eq!(other.inventory().restore_jobs.len(), 1);
}

/// The same seed at the same address is another world all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_that_took_the_place_of_another_is_not_taken_for_it() {
    let ground = Ground::new().await;
    let run = ground.dies().await;
    let said = ground.drill.ask(&["resume", &run, "--world-lost"]).await.ends(2);
    assert!(said.stderr.contains("still answers"), "{said:?}");
    let Ground { drill, own, .. } = ground;
    let port: u16 = own.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    own.stop().await;
    let file = WorldFile::read("test.world.yaml", QUICK).expect("the world file is right");
    let spec = WorldSpec::from_definition(&worlds::definition(ORDERS)).overlay(file);
    let options = Options { port, speed: STEADY, seed: 7, cache: PathBuf::from("/dev/null") };
    let other = Sandbox::start(spec, options).await.expect("the port is free again");
    let said = drill.ask(&["resume", &run]).await.ends(2);
    for wanted in ["before the one that answers there now", "--world-lost"] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
    let json = drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    assert_eq!(json["verdict"], serde_json::Value::Null, "it is still owed: {json:#}");
    // Only a person can know that it is gone for good.
    let ended = drill.ask(&["resume", &run, "--world-lost", "--output", "json"]).await.ends(3).json();
    assert_eq!(
        (&ended["verdict"], &ended["created"][0]["state"]),
        (&"inconclusive".into(), &"gone".into()),
        "{ended:#}"
    );
    assert!(other.inventory().calls.is_empty(), "the other world was asked: {:?}", other.inventory().calls);
    drill.ask(&["resume", "--all"]).await.ends(0);
}

/// Hands everything on to the world, and keeps what was sent to it.
async fn overheard(world: &Sandbox) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (sent, world) = (Arc::<Mutex<Vec<u8>>>::default(), world.url().replace("http://", ""));
    let keeps = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(hand_on(client, world.clone(), Arc::clone(&keeps)));
        }
    });
    (url, sent)
}

async fn hand_on(mut client: TcpStream, world: String, keeps: Arc<Mutex<Vec<u8>>>) {
    let Ok(mut server) = TcpStream::connect(world).await else { return };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = async {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
            keeps.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..read]);
            if to_server.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

/// What a session with MFA is to drill: temporary credentials, whose token AWS wants to see, signed, with every request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_a_session_goes_with_every_request_and_nowhere_else() {
    const TOKEN: &str = "token-of-a-session-9f31";
    let own = world().await;
    let (url, sent) = overheard(&own).await;
    let drill = Drill::new()
        .definition("orders", ORDERS)
        .variable("AWS_ACCESS_KEY_ID", access_key(&ACCOUNT.parse().expect("twelve digits")))
        .variable("AWS_SECRET_ACCESS_KEY", "any")
        .variable("AWS_SESSION_TOKEN", TOKEN)
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .variable("AWS_ENDPOINT_URL", url);
    // Whatever it finds: this world has a time of its own.
    let said = drill.ask(&["preflight", "orders"]).await;
    assert!(said.stdout.contains("role.actions") && !said.all().contains(TOKEN), "{said:?}");
    let sent = String::from_utf8_lossy(&sent.lock().unwrap_or_else(PoisonError::into_inner)).to_lowercase();
    let signatures: Vec<&str> = sent.lines().filter(|line| line.starts_with("authorization:")).collect();
    assert!(signatures.len() > 10, "{} requests", signatures.len());
    assert!(signatures.iter().all(|line| line.contains("x-amz-security-token")), "{signatures:#?}");
    assert_eq!(sent.matches(&format!("\r\nx-amz-security-token: {TOKEN}\r\n")).count(), signatures.len());
}

/// Something that speaks like AWS at an endpoint of the user's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_at_a_custom_endpoint_is_not_resumed_at_another() {
    let ground = Ground::new().await;
    let other = world().await;
    let account = ACCOUNT.parse().expect("twelve digits");
    let drill = Drill::new()
        .definition("orders", ORDERS)
        .variable("AWS_ACCESS_KEY_ID", access_key(&account))
        .variable("AWS_SECRET_ACCESS_KEY", "any")
        .variable("AWS_EC2_METADATA_DISABLED", "true");
    let at = |sandbox: &Sandbox| format!("export AWS_ENDPOINT_URL={}", sandbox.url());
    killed_at(ANY, &ground.own, || drill.spawn_behind(&at(&ground.own), &["run", "orders"])).await;
    let row = drill.last_run().await;
    assert_eq!(row["mode"], "custom_endpoint", "{row:#}");
    let run = drill.last_id().await;
    let said = drill.spawn_behind(&at(&other), &["resume", &run]).ended().await.ends(2);
    for wanted in [run.as_str(), &ground.own.url(), &other.url(), "AWS_ENDPOINT_URL"] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
    assert!(other.inventory().calls.is_empty(), "the other world was asked: {:?}", other.inventory().calls);
    let said = drill.spawn_behind(&at(&ground.own), &["resume", &run, "--world-lost"]).ended().await.ends(2);
    assert!(said.stderr.contains("did not talk to a simulated AWS"), "{said:?}");
    drill.ask(&["cancel", &run]).await.ends(0);
    drill.spawn_behind(&at(&ground.own), &["resume", &run]).ended().await.ends(3);
    assert_clean("cancelled before it began", &ground.before, &ground.own.inventory());
}
