//! Small definitions, and the real program that runs them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::figure::explain;

/// One database and one cheap probe, with ample time for everything.
pub(crate) const ORDERS: &str = r#"version: 1
name: orders
title: Orders database, London to Ireland
owner: platform@example.com
limits: { max_duration: 30d }
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

/// A world in which its restore takes so long, a duration such as `12m`.
pub(crate) fn world(takes: &str) -> String {
    format!("version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nresources:\n  orders: {{ restore: {{ takes: {takes} }} }}\n")
}

/// A world in which restore and removal are over in no time: what is left is drill's own.
pub(crate) fn instant_world() -> String {
    world("1s").replace("restore:", "removal: { takes: 1s }, restore:")
}

/// The program, as it was built with this bench.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_drill");

/// The program in a repository, with nothing of this machine's environment but the search path.
pub(crate) fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--dir").arg(dir).current_dir(dir).env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", dir).env("TZ", "UTC").env("LANG", "C.UTF-8");
    // A folder that cannot be made: worlds without database servers, whose ports can be probed and nothing else.
    command.env("DRILL_CACHE", "/dev/null").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A program under way. Dropping it ends it.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.spawn().map(Self).map_err(explain)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a file of a repository.
pub(crate) fn write(dir: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = dir.join(name);
    let folder = path.parent().unwrap_or(dir);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}
