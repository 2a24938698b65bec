//! Evidence that a key of AWS KMS signs: by the real program, in a simulated AWS whose keys are real ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::aws::permissions::SIGNING;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::check::{Check, CheckResult};
use restore_drill::definition::load::check_text;
use restore_drill::evidence::key::PublicKey;
use restore_drill::plan::compile::compile;
use restore_drill::plan::permissions::permissions;
use restore_drill::run::step::preflight::survey;
use restore_drill::sandbox::Sandbox;
use restore_drill::words::arn::Arn;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::CheckId;
use serde_json::Value;

use crate::harness::child::Drill;
use crate::harness::life::Bench;
use crate::harness::worlds::{self, STEADY};

/// In another region than the drill's: who signs need not be where it restores.
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9";

fn definition() -> String {
    format!("{}report: {{ sign: {{ kms: \"{KEY}\" }} }}\n", worlds::ORDERS)
}

/// A world, and a repository whose runs are in it.
struct Ground {
    sandbox: Sandbox,
    drill: Drill,
}

impl Ground {
    async fn new(world: &str) -> Self {
        let text = definition();
        let world = format!("{}{world}", worlds::QUICK);
        let sandbox = worlds::start(&worlds::definition(&text), &world, STEADY).await;
        Self { sandbox, drill: Drill::new().definition("orders", &text) }
    }

    /// A run that passes: its id and its folder, and what it printed.
    async fn run(&self) -> (String, PathBuf, String) {
        let url = format!("--sandbox={}", self.sandbox.url());
        let printed = self.drill.ask(&["run", "orders", &url]).await.ends(0).stdout;
        let run = self.drill.last_id().await;
        let folder = self.drill.path().join("reports/.rehearsal/orders").join(&run);
        (run, folder, printed)
    }

    fn asked(&self, operation: &str) -> usize {
        self.sandbox.inventory().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The key's public half, as the world's KMS gives it, where `drill verify` trusts it.
    async fn trusts(&self) -> PublicKey {
        let bench = Bench::at_speed(&definition(), worlds::QUICK, STEADY).await;
        let key: Arn = KEY.parse().expect("it is an ARN");
        let half = bench.services.cloud.signatures.public_key(&key).await.expect("the key is there");
        let public = PublicKey::from_spki(&half.spki).expect("it is a key that drill knows");
        self.drill.write("keys/audit.pub", &public.pem());
        public
    }
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the bundle is there").map(|entry| entry.expect("an entry"));
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("a plain name"), fs::read(entry.path()).expect("a file"))
    };
    entries.map(file).collect()
}

fn signer(folder: &Path) -> Value {
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("it is there")).expect("it is JSON");
    manifest["signer"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_kms_signed_verifies_without_it() {
    let ground = Ground::new("").await;
    // The key of the machine does not sign where the definition names another.
    ground.drill.ask(&["key", "new", "machine"]).await.ends(0);
    let (run, folder, _) = ground.run().await;
    assert_eq!(ground.asked("kms:Sign"), 1);
    let path = folder.display().to_string();
    ground.drill.ask(&["verify", &path]).await.ends(3);
    let public = ground.trusts().await;
    assert_eq!(signer(&folder)["key_id"], public.id());
    let files = read(&folder);

    // From here on there is no AWS.
    let Ground { sandbox, drill } = ground;
    sandbox.stop().await;
    let said = drill.ask(&["verify", &path]).await.ends(0);
    assert!(said.stdout.contains("genuine rehearsal") && said.stdout.contains("keys/audit.pub"), "{said:?}");
    // Written again it keeps the signature that fits it.
    drill.ask(&["report", &run]).await.ends(0);
    assert_eq!(read(&folder), files);
    // A changed manifest does not keep it, and no other can be had.
    fs::remove_file(folder.join("manifest.sig")).expect("it is there");
    let said = drill.ask(&["report", &run]).await.ends(0);
    assert!(said.stderr.contains("nobody signed the evidence"), "{said:?}");
    assert!(!folder.join("manifest.sig").exists() && signer(&folder).is_null());
    drill.ask(&["verify", &path]).await.ends(3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_it_is_noticed() {
    let ground = Ground::new("").await;
    let (_, folder, _) = ground.run().await;
    ground.trusts().await;
    let path = folder.display().to_string();
    ground.drill.ask(&["verify", &path]).await.ends(0);
    let whole = fs::read_to_string(folder.join("manifest.sig")).expect("it is there");
    let at = whole.find("\"sig\": \"").expect("it has a signature") + "\"sig\": \"".len() + 20;
    let mut bytes = whole.clone().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fs::write(folder.join("manifest.sig"), bytes).expect("it can be written");
    let said = ground.drill.ask(&["verify", &path]).await.ends(1);
    assert!(said.stdout.contains("manifest.sig"), "{said:?}");
}

/// The key was in the world that ended with its process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_world_that_ended_no_finding_is_added_and_that_is_said() {
    let drill = Drill::new().definition("orders", &definition()).definition("orders.world", worlds::QUICK);
    drill.ask(&["run", "orders", "--sandbox"]).await.ends(0);
    let run = drill.last_id().await;
    let said = drill.ask(&["finding", "add", &run, "--text", "nobody watched"]).await.ends(2);
    for wanted in ["nothing was added", "ended with the process that held it", "drill sandbox"] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
    assert!(!drill.path().join("reports/.rehearsal/orders").join(&run).join("addenda").exists(), "one was added");
}

/// A finding that another key signed, or nobody, would make the whole less than genuine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_are_signed_by_the_same_key_or_not_added() {
    let world = "faults:\n  - { what: access_denied, operation: \"kms:Sign\", after: 1, times: 1 }\n";
    let ground = Ground::new(world).await;
    ground.drill.ask(&["key", "new", "machine"]).await.ends(0);
    let (run, folder, _) = ground.run().await;
    let public = ground.trusts().await;
    let path = folder.display().to_string();
    let add = ["finding", "add", &run, "--text", "nobody watched"];
    let said = ground.drill.ask(&add).await.ends(3);
    assert!(said.stderr.contains("nothing was added") && said.stderr.contains("AccessDenied"), "{said:?}");
    assert!(!folder.join("addenda").exists());
    ground.drill.ask(&add).await.ends(0);
    let addendum = fs::read(folder.join("addenda/addendum-1.json")).expect("it was added");
    let addendum: Value = serde_json::from_slice(&addendum).expect("it is JSON");
    assert_eq!(addendum["signer"]["key_id"], public.id());
    let said = ground.drill.ask(&["verify", &path]).await.ends(0);
    assert!(said.stdout.contains("genuine rehearsal") && said.stdout.contains("nobody watched"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_ed25519_signs_too() {
    let ground = Ground::new(&format!("keys:\n  \"{KEY}\": {{ spec: ECC_NIST_EDWARDS25519 }}\n")).await;
    let (_, folder, _) = ground.run().await;
    let signer = signer(&folder);
    let spki = signer["public_key"].as_str().and_then(restore_drill::words::base64::decode).expect("a key");
    let public = PublicKey::from_spki(&spki).expect("a key that drill knows");
    assert_eq!(public.spki().len(), 44, "Ed25519");
    ground.drill.write("keys/audit.pub", &public.pem());
    ground.drill.ask(&["verify", &folder.display().to_string()]).await.ends(0);
}

/// A signature that cannot be had costs the signature: the report is there, the verdict stands, and it is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_does_not_sign_does_not_cost_the_report() {
    let world = "faults:\n  - { what: access_denied, operation: \"kms:Sign\", times: 1 }\n";
    let ground = Ground::new(world).await;
    let (run, folder, printed) = ground.run().await;
    assert!(printed.contains("nobody signed the evidence"), "{printed}");
    assert!(folder.join("report.md").exists() && !folder.join("manifest.sig").exists());
    let logs = ground.drill.ask(&["logs", &run]).await.ends(0).stdout;
    assert!(logs.contains("kms:Sign: AccessDeniedException"), "{logs}");
    let path = folder.display().to_string();
    ground.drill.ask(&["verify", &path]).await.ends(3);
    // Once it is allowed, the bundle is signed later.
    ground.drill.ask(&["report", &run]).await.ends(0);
    ground.trusts().await;
    ground.drill.ask(&["verify", &path]).await.ends(0);
    assert_eq!(ground.asked("kms:Sign"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_encrypts_is_refused_in_the_words_of_kms() {
    let ground = Ground::new(&format!("keys:\n  \"{KEY}\": {{ spec: SYMMETRIC_DEFAULT }}\n")).await;
    let (run, folder, printed) = ground.run().await;
    assert!(printed.contains("nobody signed the evidence") && !folder.join("manifest.sig").exists(), "{printed}");
    let logs = ground.drill.ask(&["logs", &run]).await.ends(0).stdout;
    assert!(logs.contains("UnsupportedOperationException"), "{logs}");
    assert_eq!(ground.asked("kms:Sign"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_asked_again() {
    let world = "faults:\n  - { what: throttle, operation: \"kms:Sign\", times: 2 }\n  \
                 - { what: reset_after, operation: \"kms:GetPublicKey\", after: 1, times: 1 }\n";
    let ground = Ground::new(world).await;
    let (_, folder, printed) = ground.run().await;
    assert!(folder.join("manifest.sig").exists(), "{printed}");
    assert_eq!(ground.asked("kms:Sign"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_looks_at_the_key() {
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let encrypts = format!("keys:\n  \"{KEY}\": {{ spec: SYMMETRIC_DEFAULT }}\n");
    let denied = "faults:\n  - { what: access_denied, operation: \"kms:GetPublicKey\" }\n";
    for (world, result) in
        [("", CheckResult::Ok), (encrypts.as_str(), CheckResult::Warning), (denied, CheckResult::NotChecked)]
    {
        let bench = Bench::at_speed(&definition(), &format!("{}{world}", worlds::QUICK), STEADY).await;
        let found = survey(&bench.plan.definition, &bench.services, &run).await;
        let of_key: Vec<&Check> = found.checks.iter().filter(|check| check.id == CheckId::ReportSigning).collect();
        let [check] = &of_key[..] else { panic!("{world}: one check of the key: {of_key:?}") };
        assert_eq!(check.result, result, "{world}: {check:?}");
        assert_eq!(check.mend.is_some(), result != CheckResult::Ok, "{world}: {check:?}");
    }
}

#[test]
fn only_a_key_itself_may_sign_and_the_plan_asks_for_no_more() {
    let messages = |kms: &str| {
        let text = format!("{}report: {{ sign: {{ kms: \"{kms}\" }} }}\n", worlds::ORDERS);
        match check_text("orders.yaml", text.as_bytes(), None, &BTreeMap::new(), facts) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.diagnostics.iter().map(|one| one.message.clone()).collect::<Vec<String>>(),
        }
    };
    assert!(messages(KEY).is_empty());
    for wrong in [
        "arn:aws:kms:eu-west-1:123456789012:alias/audit",
        "arn:aws:rds:eu-west-1:123456789012:db:orders",
        "arn:aws:kms::123456789012:key/1",
    ] {
        assert!(messages(wrong).iter().any(|message| message.contains("ARN of a key")), "{wrong}");
    }
    let plan = compile(&worlds::definition(&definition()), facts).expect("a plan");
    let asked = permissions(&plan, facts, &[]);
    assert!(SIGNING.iter().all(|action| asked.iter().any(|one| one == action)), "{asked:?}");
}
