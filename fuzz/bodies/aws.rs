//! `WHICH STATUS BODY`: any body as the answer to a call of AWS. The real SDK decodes it behind the adapters: there is a
//! value or an error in words, and lists that never end are given up.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::session::{Override, Side, connect};
use restore_drill::cli::clock::MachineClock;
use restore_drill::cloud::Cloud;
use restore_drill::cloud::data::MetricAsked;
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::resource::{Expected, Subject};
use restore_drill::words::arn::Arn;
use restore_drill::words::kind::ResourceKind;
use restore_drill::words::text::is_hostile;

/// The statuses that an answer may have.
const STATUSES: [u16; 6] = [200, 400, 403, 404, 500, 503];

/// No call takes longer: an answer is there at once, and a list has a bound.
const LONGEST: Duration = Duration::from_secs(30);

/// An answer: status and body.
type Answer = (u16, Vec<u8>);

/// A session with a server that gives whatever it was told to.
struct World {
    runtime: tokio::runtime::Runtime,
    cloud: Cloud,
    answer: Arc<Mutex<Answer>>,
}

pub(crate) fn run(data: &[u8]) {
    static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
    let [which, status, body @ ..] = data else { return };
    let world = WORLD.get_or_init(|| Mutex::new(World::new())).lock().unwrap_or_else(PoisonError::into_inner);
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    *world.answer.lock().unwrap_or_else(PoisonError::into_inner) = (status, body.to_vec());
    let asked = async { tokio::time::timeout(LONGEST, ask(&world.cloud, *which)).await };
    let said = world.runtime.block_on(asked).expect("a call that ends");
    if let Err(error) = said {
        assert!(!error.message.chars().any(is_hostile) && !error.code.chars().any(is_hostile), "{error:?}");
    }
}

async fn ask(cloud: &Cloud, which: u8) -> Result<(), CloudError> {
    let vault = "dr-vault".parse().expect("a vault");
    let arn = |text: &str| text.parse::<Arn>().expect("an ARN");
    let point = arn("arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1");
    let source = arn("arn:aws:rds:eu-west-2:123456789012:db:orders");
    let job = "5A3D7C42-0000-4000-8000-000000000003".parse().expect("a job");
    let since: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    match which {
        0 => cloud.vault.describe_vault(&vault).await.map(drop),
        1 => cloud.vault.recovery_points(&vault, &source).await.map(drop),
        2 => cloud.vault.describe_point(&vault, &point).await.map(drop),
        3 => cloud.vault.restore_metadata(&vault, &point).await.map(drop),
        4 => cloud.vault.restore_job(&job).await.map(drop),
        5 => cloud.vault.find_restore_job(Some("RDS"), &point, ("DBInstanceIdentifier", "x"), since).await.map(drop),
        6 => cloud.vault.points_of_type(&vault, "RDS").await.map(drop),
        7 => cloud.vault.point_tags(&point).await.map(drop),
        8 => cloud.copies.copy_jobs(&source, since).await.map(drop),
        9 => cloud.ground.identity().await.map(drop),
        10 => cloud.ground.key(&arn("arn:aws:kms:eu-west-1:123456789012:key/x")).await.map(drop),
        11 => cloud.ground.security_groups(&["sg-0a1b2c3d".to_owned()]).await.map(drop),
        12 => cloud.secrets.secret("drill/orders", Some("password")).await.map(drop),
        13 => cloud.secrets.parameter("/drill/orders").await.map(drop),
        14 => cloud.tables.table("carts").await.map(drop),
        15 => cloud.tables.scan("carts", 100, None).await.map(drop),
        16 => cloud.buckets.list("images", None, None).await.map(drop),
        17 => cloud.buckets.read("images", "a", 1_000).await.map(drop),
        18 => cloud.metrics.metric(&metric(since)).await.map(drop),
        19 => cloud.instances.health("i-0a1b2c3d").await.map(drop),
        20 => cloud.instances.console("i-0a1b2c3d").await.map(drop),
        21 => cloud.remote.script_state("i-0a1b2c3d", "c").await.map(drop),
        22 => cloud.remote.invoke("ask", &serde_json::Value::Null).await.map(drop),
        which => {
            let kinds = ResourceKind::ALL;
            let kind = kinds[usize::from(which) % kinds.len()];
            let Some(calls) = (cloud.resources)(kind) else { return Ok(()) };
            let subject = subject(kind, since);
            let seen = calls.observe(&subject).await.map(drop);
            let tags = calls.tags(&subject).await.map(drop);
            let found = calls.find(&subject).await.map(drop);
            calls.remains(&subject).await.map(drop).and(found).and(tags).and(seen)
        }
    }
}

fn metric(since: Timestamp) -> MetricAsked {
    MetricAsked {
        namespace: "AWS/RDS".to_owned(),
        name: "FreeStorageSpace".to_owned(),
        dimensions: BTreeMap::new(),
        statistic: "Average".to_owned(),
        period: SignedDuration::from_mins(1),
        from: since,
        to: since + SignedDuration::from_hours(1),
    }
}

/// A thing of this kind whose id is known.
fn subject(kind: ResourceKind, since: Timestamp) -> Subject {
    let arn: Arn = match kind {
        ResourceKind::DynamoDb => "arn:aws:dynamodb:eu-west-1:123456789012:table/drill-1-x",
        ResourceKind::Ebs => "arn:aws:ec2:eu-west-1:123456789012:volume/vol-0a1b2c3d4e5f60718",
        ResourceKind::Ec2 => "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1b2c3d4e5f60718",
        ResourceKind::Efs => "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-0a1b2c3d4e5f60718",
        ResourceKind::Fsx => "arn:aws:fsx:eu-west-1:123456789012:file-system/fs-0a1b2c3d4e5f60718",
        ResourceKind::S3 => "arn:aws:s3:::drill-1-x",
        ResourceKind::StorageGateway => {
            "arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-0a1b2c3d/volume/vol-0a1b2c3d4e5f60718"
        }
        _ => "arn:aws:rds:eu-west-1:123456789012:db:drill-1-x",
    }
    .parse()
    .expect("an ARN");
    let expected = Expected {
        name: "drill-1-x".to_owned(),
        arn: Some(arn.clone()),
        region: "eu-west-1".parse().expect("a region"),
        account: "123456789012".parse().expect("an account"),
    };
    Subject { expected, made: Some(arn), point: None, since, with: serde_json::Map::new(), parts: Vec::new() }
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer: Arc<Mutex<Answer>> = Arc::default();
        let given = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let given = Arc::clone(&given);
                std::thread::spawn(move || serve(stream, &given));
            }
        });
        let side = || Side { region: "eu-west-1".parse().expect("a region"), profile: None, access_role: None };
        let own = || Override {
            url: url.clone(),
            access_key: "AKIASANDBOX123456789012".to_owned(),
            secret_key: "sandbox".to_owned(),
        };
        let connected =
            runtime.block_on(connect(&side(), &side(), Some((own(), own())), true, "fuzz", Arc::new(MachineClock)));
        let cloud = connected.unwrap_or_else(|error| panic!("no session: {error}")).cloud;
        Self { runtime, cloud, answer }
    }
}

/// Answers every request of a connection with what is given at that moment.
fn serve(stream: TcpStream, given: &Mutex<Answer>) {
    let Ok(mut writing) = stream.try_clone() else { return };
    let mut reading = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if !matches!(reading.read_line(&mut line), Ok(1..)) {
                return;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if reading.read_exact(&mut body).is_err() {
            return;
        }
        let (status, body) = given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let head = format!(
            "HTTP/1.1 {status} Fuzzed\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writing.write_all(head.as_bytes()).and_then(|()| writing.write_all(&body)).is_err() {
            return;
        }
    }
}
