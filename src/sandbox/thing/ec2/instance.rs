//! An instance, and how it changes with time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::Tagged;
use crate::sandbox::thing::shell::{Network, Rule};
use crate::sandbox::thing::web::{Served, Web};

/// A terminated instance stays visible for so long (facts 2.5).
const VISIBLE: SignedDuration = SignedDuration::from_hours(1);

/// An instance.
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) image: String,
    pub(crate) state: &'static str,
    /// States to come, in order.
    pub(crate) steps: Vec<(Timestamp, &'static str)>,
    /// When the status checks of a running instance are `ok`.
    pub(crate) checked_at: Option<Timestamp>,
    /// When nobody knows it any more.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) launched: Timestamp,
    /// `DisableApiTermination`
    pub(crate) protected: bool,
    /// Its SSM Agent reports in.
    pub(crate) managed: bool,
    pub(crate) settings: InstanceSettings,
    pub(crate) tags: BTreeMap<String, String>,
    /// The restore job that made it; others were there first and answer nothing.
    pub(crate) made_by: Option<String>,
    pub(crate) served: Arc<Served>,
    pub(crate) rules: Vec<Rule>,
    /// What it reaches, besides what every instance does.
    pub(crate) network: Network,
    /// Lines of its own that it writes to its console when it has booted.
    pub(crate) console: String,
    pub(crate) web: Option<Web>,
}

/// An instance's settings.
#[derive(Debug, Clone)]
pub(crate) struct InstanceSettings {
    pub(crate) kind: String,
    pub(crate) zone: String,
    pub(crate) subnet: String,
    pub(crate) vpc: String,
    pub(crate) security_groups: Vec<String>,
    /// The ARN of an instance profile.
    pub(crate) profile: Option<String>,
    pub(crate) tokens_required: bool,
    pub(crate) interface: String,
    /// Where it answers while it has no server.
    pub(crate) address: String,
    /// Where it says that it is, though its server is elsewhere.
    pub(crate) private: Option<Ipv4Addr>,
}

impl Instance {
    /// Lets everything happen that is due by `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, state)) = self.steps.first() {
            if at > now {
                break;
            }
            self.enter(state);
            self.steps.remove(0);
        }
    }

    /// A state begins; a server answers while its instance runs.
    pub(crate) fn enter(&mut self, state: &'static str) {
        self.state = state;
        match state {
            "running" if self.made_by.is_some() && self.web.is_none() => self.web = Web::start(&self.id, &self.served),
            "running" => {}
            _ => self.web = None,
        }
    }

    /// Where it answers. Nothing before it runs, because only then its server has found an address.
    pub(crate) fn address(&self) -> Option<String> {
        match (self.state, self.settings.private, &self.web) {
            ("pending" | "terminated", _, _) => None,
            (_, Some(private), _) => Some(private.to_string()),
            (_, None, Some(web)) => Some(web.address().to_string()),
            (_, None, None) => Some(self.settings.address.clone()),
        }
    }

    /// Such as `ip-10-0-0-7`.
    pub(crate) fn hostname(&self) -> String {
        format!("ip-{}", self.address().unwrap_or_default().replace('.', "-"))
    }

    /// What both status checks say; nothing before it runs.
    pub(crate) fn checks(&self, now: Timestamp) -> Option<&'static str> {
        let ok = self.checked_at.is_some_and(|at| at <= now);
        (self.state == "running").then_some(if ok { "ok" } else { "initializing" })
    }

    /// A termination: `shutting-down` for some seconds, then `terminated`, then forgotten.
    pub(crate) fn begin_termination(&mut self, now: Timestamp, stream: &mut Stream) {
        if matches!(self.state, "shutting-down" | "terminated") {
            return;
        }
        let ends = later(now, stream.between(20.0, 70.0));
        self.enter("shutting-down");
        self.steps = vec![(ends, "terminated")];
        self.gone_at = Some(later(ends, VISIBLE));
    }

    /// What AWS bills: a terminated instance is not.
    pub(crate) fn thing(&self) -> Option<Thing> {
        (self.state != "terminated").then(|| Thing {
            arn: self.arn.clone(),
            kind: "ec2:instance".to_owned(),
            state: self.state.to_owned(),
            made_by_restore_job: self.made_by.clone(),
            tags: self.tags.clone(),
        })
    }

    pub(crate) fn tagged(&self) -> Tagged {
        Tagged { arn: self.arn.clone(), kind: "ec2:instance", tags: self.tags.clone() }
    }
}
