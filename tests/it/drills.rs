//! The drills that ship, each by the real binary against a world that is made from its definition (and its world file,
//! where it has one): it passes, and the world is as it was before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::load;
use restore_drill::definition::model::Definition;
use restore_drill::sandbox::{Fault, Inventory, Options, Sandbox, What, WorldFile, WorldSpec};
use serde_json::Value;

use crate::harness::check::assert_clean;
use crate::harness::child::{Drill, Said};

/// Fast, and slow enough for real database servers.
const SPEED: f64 = 600.0;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Shipped {
    name: &'static str,
    sandbox: Sandbox,
    before: Inventory,
    drill: Drill,
}

impl Shipped {
    async fn new(name: &'static str) -> Self {
        let path = root().join(format!("drills/{name}.yaml"));
        let definition: Definition = load(&path, &BTreeMap::new(), facts).expect("it is valid").definition;
        let spec = WorldSpec::from_definition(&definition);
        let world = root().join(format!("drills/{name}.world.yaml"));
        let spec = match std::fs::read_to_string(&world) {
            Ok(text) => spec.overlay(WorldFile::read("the world file", &text).expect("it is valid")),
            Err(_) => spec,
        };
        let cache: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache");
        let sandbox = Sandbox::start(spec, Options { port: 0, speed: SPEED, seed: 42, cache }).await.expect("a world");
        let before = sandbox.inventory();
        let drill = Drill::new().arg("--dir").arg(root().display().to_string());
        let drill = drill.in_its_own_folder();
        Self { name, sandbox, before, drill }
    }

    async fn run(&self) -> Said {
        let url = format!("--sandbox={}", self.sandbox.url());
        self.drill.ask(&["run", self.name, &url, "--output", "json"]).await
    }
}

async fn passes(name: &'static str) {
    let shipped = Shipped::new(name).await;
    let said = shipped.run().await.ends(0);
    let run = said.json();
    assert_eq!(run["verdict"], "passed", "{name}: {run:#}");
    assert!(shipped.before.restored().next().is_none(), "{name}: the world began with something restored");
    let after = shipped.sandbox.inventory();
    assert!(!after.restore_jobs.is_empty(), "{name}: nothing was restored");
    assert_clean(name, &shipped.before, &after);
    shipped.sandbox.stop().await;
}

macro_rules! shipped {
    ($($test:ident: $name:literal,)+) => {
        const NAMES: &[&str] = &[$($name,)+];
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                passes($name).await;
            }
        )+
    };
}

shipped! {
    aurora: "aurora",
    documentdb: "documentdb",
    neptune: "neptune",
    dynamodb: "dynamodb",
    ebs: "ebs",
    ec2: "ec2",
    efs: "efs",
    fsx: "fsx",
    s3: "s3",
    storage_gateway: "storage-gateway",
    rds_minimal: "rds-minimal",
    rds_billing: "rds-billing",
    rds_prod: "rds-prod",
    shop: "shop",
    ledger: "ledger",
}

#[test]
fn every_drill_that_ships_is_run_here() {
    let files = std::fs::read_dir(root().join("drills")).expect("there are drills");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let stems = names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
    let missing: Vec<String> =
        stems.filter(|stem| Path::new(stem).extension().is_none() && !NAMES.contains(&stem.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn steps(run: &Value) -> BTreeMap<String, String> {
    let steps = run["steps"].as_array().expect("steps are a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    steps.map(|step| (text(&step["id"]), text(&step["status"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_without_its_server_still_says_what_its_data_are_worth() {
    let shipped = Shipped::new("shop").await;
    let mut fault = Fault::new(What::JobFailed);
    fault.resource = Some("app".to_owned());
    shipped.sandbox.add_fault(fault);
    let run = shipped.run().await.ends(1).json();
    let steps = steps(&run);
    for held in ["probe.has-orders", "probe.has-carts", "probe.has-images"] {
        assert_eq!(steps[held], "passed", "{run:#}");
    }
    for skipped in ["action.configure-app", "probe.app-answers"] {
        assert_eq!(steps[skipped], "skipped", "{run:#}");
    }
    assert_clean("shop", &shipped.before, &shipped.sandbox.inventory());
    shipped.sandbox.stop().await;
}
