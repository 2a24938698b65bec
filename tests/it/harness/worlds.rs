//! Definitions and world files that are as small as they can be, and worlds made from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::definition::model::Definition;
use restore_drill::sandbox::{Options, Sandbox, WorldFile, WorldSpec};

/// The account of every definition here.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The DR region of every definition here.
pub(crate) const THERE: &str = "eu-west-1";

/// The region of the workload.
pub(crate) const HERE: &str = "eu-west-2";

/// One database and one cheap probe, with so much time for everything that no machine is too slow.
pub(crate) const ORDERS: &str = r#"version: 1
name: orders
title: Orders database, London to Ireland
owner: platform@example.com
limits: { max_duration: 10d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-rds-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders:
    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:orders
    with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
    timeout: 10d
probes:
  accepts-connections:
    on: orders
    tcp: {}
    retry: { for: 2d, every: 15s }
teardown: { timeout: 10d }
"#;

/// A world in which restores are quick and tokens are remembered, however fast its time goes.
pub(crate) const QUICK: &str = r#"version: 1
starts: "2026-11-21T12:00:00Z"
quotas: { token_lifetime: 30d }
resources:
  orders: { restore: { takes: 1m } }
"#;

/// World seconds for each real second, for runs in this process whose steps have been given time.
pub(crate) const FAST: f64 = 20_000.0;

/// The same for the real binary: its preflight has 15 minutes of world time, which is 3 seconds here.
pub(crate) const STEADY: f64 = 300.0;

/// A definition's text, checked. Its name must be in the text as `name: NAME`.
pub(crate) fn definition(text: &str) -> Definition {
    let name = text.lines().find_map(|line| line.strip_prefix("name: ")).expect("a definition has a name");
    match check_text(&format!("{name}.yaml"), text.as_bytes(), None, &BTreeMap::new(), facts) {
        Ok(loaded) => loaded.definition,
        Err(problems) => {
            let messages: Vec<String> = problems.diagnostics.iter().map(|one| format!("{one:?}")).collect();
            panic!("the definition is wrong:\n{}\n{text}", messages.join("\n"))
        }
    }
}

/// [`ORDERS`] with one piece of its text replaced; the piece must be there.
pub(crate) fn orders_with(piece: &str, replacement: &str) -> String {
    assert!(ORDERS.contains(piece), "`{piece}` is not in the definition");
    ORDERS.replace(piece, replacement)
}

/// [`ORDERS`] with another probe in the place of its own.
pub(crate) fn orders_probed_by(probe: &str) -> String {
    let own = "  accepts-connections:\n    on: orders\n    tcp: {}\n    retry: { for: 2d, every: 15s }\n";
    orders_with(own, probe)
}

/// Starts a world without database servers: what is restored in it accepts connections and says nothing.
pub(crate) async fn start(definition: &Definition, world: &str, speed: f64) -> Sandbox {
    let file = WorldFile::read("test.world.yaml", world).expect("the world file is right");
    let spec = WorldSpec::from_definition(definition).overlay(file);
    // No folder can be made below a device, and without a cache there are no database servers.
    let options = Options { port: 0, speed, seed: 7, cache: PathBuf::from("/dev/null") };
    Sandbox::start(spec, options).await.expect("a world starts")
}
