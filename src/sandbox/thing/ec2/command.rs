//! SSM commands: scripts on instances, in world time.

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::thing::ec2::instance::Instance;
use crate::sandbox::thing::ec2::outside::Outside;
use crate::sandbox::thing::shell::{Disk, Machine, Ran, run};

/// A command that was sent to one instance.
pub(crate) struct Command {
    pub(crate) id: String,
    pub(crate) instance: String,
    pub(crate) document: String,
    pub(crate) comment: String,
    pub(crate) script: String,
    pub(crate) sent: Timestamp,
    /// Nobody finds its invocation before.
    pub(crate) visible: Timestamp,
    pub(crate) begins: Timestamp,
    /// `executionTimeout`
    pub(crate) within: SignedDuration,
    pub(crate) outcome: Option<Outcome>,
}

/// What came of a command. It is told once `ended` has come.
pub(crate) struct Outcome {
    pub(crate) ended: Timestamp,
    pub(crate) status: &'static str,
    pub(crate) details: &'static str,
    pub(crate) ran: Ran,
}

impl Command {
    /// Runs the script, if its time has come. Its effects are there at once, its end when it has slept enough.
    pub(super) fn advance(&mut self, now: Timestamp, instance: Option<&Instance>, disks: Vec<Disk>, outside: &Outside) {
        if !self.is_due(now) {
            return;
        }
        let Some(instance) = instance.filter(|instance| instance.state == "running") else {
            let ran = Ran { exit: -1, stdout: String::new(), stderr: String::new(), slept: 0 };
            self.outcome = Some(Outcome { ended: self.begins, status: "Failed", details: "Undeliverable", ran });
            return;
        };
        let mut files = instance.served.files();
        files.set_disks(disks, outside.shares.clone());
        let hostname = instance.hostname();
        let network = outside.network(instance);
        let machine = Machine {
            files: &mut files,
            hostname: &hostname,
            rules: &instance.rules,
            pages: &instance.served.pages,
            network: &network,
            now: self.begins,
        };
        let ran = run(&self.script, machine);
        let took = SignedDuration::from_secs(i64::try_from(ran.slept).unwrap_or(i64::MAX));
        let (status, details) = match ran.exit {
            _ if took > self.within => ("TimedOut", "ExecutionTimedOut"),
            0 => ("Success", "Success"),
            _ => ("Failed", "Failed"),
        };
        let took = took.min(self.within).saturating_add(SignedDuration::from_millis(400));
        self.outcome = Some(Outcome { ended: later(self.begins, took), status, details, ran });
    }

    /// Whether its time has come and it has not run.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.outcome.is_none() && self.begins <= now
    }

    /// What may be told at `now`.
    pub(crate) fn told(&self, now: Timestamp) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| outcome.ended <= now)
    }
}
