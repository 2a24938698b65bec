//! A repository of drills in a temporary folder, and the real `drill` run in it as a user would: by its command line,
//! with nothing of this machine's environment, and never for longer than [`LONGEST`].

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// No command of these tests takes longer; one that does is ended, and its test fails.
const LONGEST: Duration = Duration::from_secs(120);

/// One database whose only proof is a program that prints what a database might have said: no PostgreSQL is asked.
pub(crate) const ORDERS: &str = r#"version: 1
name: orders
title: Orders database, London to Ireland
owner: platform@example.com
vars: { least: 1000 }
objectives: { rto: 4h, rpo: 48h }
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
    recovery_point: { pick: latest, max_age: 48h }
    with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
probes:
  accepts-connections:
    on: orders
    tcp: {}
    retry: { for: 30m, every: 30s }
  counts-orders:
    on: orders
    needs: [accepts-connections]
    command:
      argv: [echo, '{"orders": 1500}']
    expect: { orders: { at_least: "${{ vars.least }}" } }
"#;

/// A world for [`ORDERS`] in which a restore takes two minutes, which pass in well under a second.
pub(crate) const QUICK_WORLD: &str = "version: 1\nresources:\n  orders:\n    restore: { takes: 2m }\n";

/// A repository in a temporary folder, which goes with it.
pub(crate) struct Repository {
    folder: TempDir,
}

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The command, for messages.
    pub(crate) command: String,
    /// Its exit code; a test fails before if a signal ended it.
    pub(crate) code: i32,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said besides.
    pub(crate) stderr: String,
}

impl Repository {
    /// An empty one, with its folder of drills.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(folder.path().join("drills")).expect("a new folder is empty");
        Self { folder }
    }

    /// One with [`ORDERS`] and [`QUICK_WORLD`].
    pub(crate) fn with_orders() -> Self {
        let repository = Self::new();
        repository.write("drills/orders.yaml", ORDERS);
        repository.write("drills/orders.world.yaml", QUICK_WORLD);
        repository
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, relative to the repository.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("folders below a temporary one can be made");
        }
        fs::write(path, text).expect("files in a temporary folder can be written");
    }

    /// Runs `drill` with these arguments.
    pub(crate) fn drill(&self, arguments: &[&str]) -> Ran {
        self.drill_with(arguments, &[])
    }

    /// The same, with variables besides the few that every command gets.
    pub(crate) fn drill_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_drill"));
        command.args(arguments).current_dir(self.path()).env_clear().envs(environment(self.path())).timeout(LONGEST);
        for (name, value) in variables {
            command.env(name, value);
        }
        let shown = format!("drill {}", arguments.join(" "));
        let output = command.output().unwrap_or_else(|error| panic!("`{shown}` cannot be started: {error}"));
        let stdout = String::from_utf8(output.stdout).expect("drill prints UTF-8");
        let stderr = String::from_utf8(output.stderr).expect("drill says UTF-8");
        let Some(code) = output.status.code() else {
            panic!("`{shown}` was ended by a signal (after {LONGEST:?} at most)\n{stdout}\n{stderr}")
        };
        Ran { command: shown, code, stdout, stderr }
    }
}

impl Ran {
    /// The same, if it ended with this code.
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of `{}`\n{}\n{}", self.command, self.stdout, self.stderr);
        self
    }

    /// Its standard output as one JSON value and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}` did not print one JSON value: {error}\n{}", self.command, self.stdout))
    }

    /// Fails unless standard output holds this text.
    pub(crate) fn prints(&self, part: &str) -> &Self {
        assert!(self.stdout.contains(part), "`{}` does not print `{part}`:\n{}", self.command, self.stdout);
        self
    }

    /// Fails unless standard error holds this text.
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(self.stderr.contains(part), "`{}` does not say `{part}`:\n{}", self.command, self.stderr);
        self
    }
}

/// Where tests keep what is costly to make, such as the template of database servers: one folder for all of them.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache")
}

/// The whole environment of a command. No credentials, no `AWS_*`, no `DRILL_*` of whoever runs the tests.
#[expect(clippy::disallowed_methods, reason = "a program that is started needs the PATH of whoever runs the tests")]
pub(crate) fn environment(home: &Path) -> Vec<(&'static str, OsString)> {
    vec![
        ("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())),
        ("HOME", home.as_os_str().to_owned()),
        ("DRILL_CACHE", cache().into_os_string()),
        ("USER", "tester".into()),
        ("TZ", "UTC".into()),
        // Nothing may be asked of the machine for credentials.
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ]
}
