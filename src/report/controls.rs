//! What a run is evidence for, and what not: controls of frameworks, by the mapping of the definition's owner.
//!
//! Advisory. The table says what each control asks that a restore drill can show at all (facts, section 6); what this
//! run showed of it comes from its state alone. The wording is ours: the auditor's copy of the standard decides.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::cloud::vault::CopyEvidence;
use crate::definition::model::{Probe, Severity};
use crate::journal::event::{GoneProof, StepEnd, Tried};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::report::facts::isolation::was_probed;
use crate::words::id::Name;
use crate::words::kind::{Control, Mode, Verdict};
use crate::words::time::show_duration;

/// A control and what the run says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlMapping {
    /// As the definition writes it, such as `soc2:CC7.5`.
    pub id: String,
    /// The framework; null for a control that drill does not know.
    pub framework: Option<String>,
    /// What the control asks, in our words.
    pub about: String,
    /// What the run evidences. Empty for a rehearsal.
    pub evidences: Vec<String>,
    /// What the same run would evidence against AWS itself; empty for a run that is evidence.
    pub would_evidence: Vec<String>,
    /// What it does not evidence, the particular before the general.
    pub does_not: Vec<String>,
    /// Whether a passed run showed everything that a restore drill can show of the control. It is never all of it.
    pub whole: bool,
}

/// Something that a restore drill can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Restored,
    Probed,
    CanFail,
    Objectives,
    Copied,
    OtherRegion,
    OtherAccount,
    Isolated,
    Removed,
}

/// What is known of a control, whatever the run.
struct Known {
    framework: &'static str,
    about: &'static str,
    aspects: &'static [Aspect],
    /// What no restore drill shows.
    never: &'static [&'static str],
}

/// Every control of the definition, in its order.
#[must_use]
pub fn controls(state: &State) -> Vec<ControlMapping> {
    state.started.plan.definition.controls.iter().map(|id| mapping(state, id)).collect()
}

fn mapping(state: &State, id: &str) -> ControlMapping {
    let Some(known) = Control::from_word(id).map(known) else {
        return ControlMapping {
            id: id.to_owned(),
            framework: None,
            about: "drill does not know this control: what the run means for it is for its owner to say".to_owned(),
            evidences: Vec::new(),
            would_evidence: Vec::new(),
            does_not: Vec::new(),
            whole: false,
        };
    };
    let (mut shown, mut does_not) = (Vec::new(), Vec::new());
    for aspect in known.aspects {
        match look(state, *aspect) {
            Ok(text) => shown.push(text),
            Err(text) => does_not.push(text),
        }
    }
    let verdict = state.concluded.as_ref().map(|(_, conclusion)| conclusion.verdict);
    let whole = does_not.is_empty() && verdict == Some(Verdict::Passed) && state.started.mode == Mode::Aws;
    does_not.extend(known.never.iter().map(|text| (*text).to_owned()));
    let (evidences, would_evidence) = match (verdict, state.started.mode) {
        (None, _) => {
            does_not.insert(0, "Anything yet: the run has not ended.".to_owned());
            (Vec::new(), Vec::new())
        }
        (Some(_), Mode::Aws) => (shown, Vec::new()),
        (Some(_), Mode::Sandbox | Mode::CustomEndpoint) => {
            does_not.insert(0, "Anything at all: this was a rehearsal, and AWS itself did not answer.".to_owned());
            (Vec::new(), shown)
        }
    };
    ControlMapping {
        id: id.to_owned(),
        framework: Some(known.framework.to_owned()),
        about: known.about.to_owned(),
        evidences,
        would_evidence,
        does_not,
        whole,
    }
}

const SOC2: &str = "SOC 2, Trust Services Criteria 2017 (revised 2022)";
const ISO_2013: &str = "ISO/IEC 27001:2013, annex A";
const ISO_2022: &str = "ISO/IEC 27001:2022, annex A";
const PCI: &str = "PCI DSS 4";
const NIST: &str = "NIST SP 800-53, revision 5";
const HIPAA: &str = "HIPAA Security Rule, 45 CFR";
const DORA: &str = "DORA, Regulation (EU) 2022/2554";

const FOLLOW_UP: &str =
    "Follow-up: drill proposes an owner and a date for each finding, and nobody has agreed to them here.";

const ONE_RUN: &str = "That it is done regularly: this is one run. The drill's history says when it ran before.";

#[expect(clippy::too_many_lines, reason = "a table, one control after the other")]
fn known(control: Control) -> Known {
    use Aspect::{CanFail, Copied, Isolated, Objectives, OtherAccount, OtherRegion, Probed, Removed, Restored};
    match control {
        Control::Soc2Recovery => Known {
            framework: SOC2,
            about: "the work that recovers from an incident is known, carried out and tested",
            aspects: &[Restored, Probed, Objectives],
            never: &[
                FOLLOW_UP,
                "Communication, the search for causes, and changes that prevent a recurrence.",
                ONE_RUN,
            ],
        },
        Control::Soc2Backups => Known {
            framework: SOC2,
            about: "backups and the infrastructure to recover are designed, run and monitored",
            aspects: &[Copied, OtherRegion, Restored],
            never: &["Protection of the sites, and how backups are monitored from day to day."],
        },
        Control::Soc2Tests => Known {
            framework: SOC2,
            about: "procedures that recover are tested, and the backup's data are whole and complete",
            aspects: &[Restored, Probed, CanFail, Objectives],
            never: &[
                FOLLOW_UP,
                "Plausible scenarios with the people who would act, and the revision of the plan.",
                ONE_RUN,
            ],
        },
        Control::Iso2013Continuity => Known {
            framework: ISO_2013,
            about: "continuity of information security is planned, implemented and verified, with redundancies",
            aspects: &[Restored, Probed, Objectives, OtherRegion],
            never: &["The continuity plan itself, and redundancy of the running workload.", ONE_RUN],
        },
        Control::IsoDisruption => Known {
            framework: ISO_2022,
            about: "information stays secure during a disruption",
            aspects: &[Isolated, Removed, Restored],
            never: &["How the security of production itself is kept up during a disruption."],
        },
        Control::IsoReadiness => Known {
            framework: ISO_2022,
            about: "continuity is planned, implemented, kept up and tested against the objectives of the business",
            aspects: &[Restored, Probed, Objectives],
            never: &[FOLLOW_UP, "The analysis of business impact behind the targets.", ONE_RUN],
        },
        Control::IsoBackups => Known {
            framework: ISO_2022,
            about: "backups are kept and regularly tested",
            aspects: &[Copied, Restored, Probed, CanFail],
            never: &["That every backup that the policy asks for is made.", ONE_RUN],
        },
        Control::IsoRedundancy => Known {
            framework: ISO_2022,
            about: "processing facilities are redundant enough for the required availability",
            aspects: &[OtherRegion, Restored, Probed],
            never: &["Fail-over of the running workload, and capacity of the other region under load."],
        },
        Control::PciPlan => Known {
            framework: PCI,
            about: "the plan for incidents is ready, recovery and data backup among its elements",
            aspects: &[Restored, Probed, Objectives],
            never: &[
                "Roles, communication, containment, legal duties and the payment brands: only recovery and backup \
                      are touched.",
            ],
        },
        Control::PciTest => Known {
            framework: PCI,
            about: "the plan for incidents is reviewed and tested with all its elements every twelve months",
            aspects: &[Restored, Probed, Objectives],
            never: &[
                FOLLOW_UP,
                "The review of the plan, and the test of its elements besides recovery and backup.",
                ONE_RUN,
            ],
        },
        Control::NistTest => Known {
            framework: NIST,
            about: "the contingency plan is tested, the results are reviewed, corrective actions begin",
            aspects: &[Restored, Probed, Objectives],
            never: &[FOLLOW_UP, "The review of the results by others than the drill's owner.", ONE_RUN],
        },
        Control::NistBackup => Known {
            framework: NIST,
            about: "backups are made, protected and tested for reliability and integrity",
            aspects: &[Copied, Restored, Probed, CanFail],
            never: &["Scope and frequency of the backups, and who may read them.", ONE_RUN],
        },
        Control::NistRecovery => Known {
            framework: NIST,
            about: "the system is recovered to a known state within the objectives",
            aspects: &[Restored, Probed, Objectives, OtherRegion],
            never: &["Reconstitution of the whole system: only what the drill restores was recovered."],
        },
        Control::HipaaContingency => Known {
            framework: HIPAA,
            about: "data can be restored after an emergency, and the contingency plan is tested and revised",
            aspects: &[Restored, Probed, Objectives, Removed],
            never: &[
                FOLLOW_UP,
                "Operation in emergency mode, the analysis of criticality, and the revision of the plan.",
                ONE_RUN,
            ],
        },
        Control::DoraRecovery => Known {
            framework: DORA,
            about: "response and recovery plans of critical functions are tested at least yearly",
            aspects: &[Restored, Probed, Objectives, OtherRegion],
            never: &[
                FOLLOW_UP,
                "Switch-over of running services, crisis communication, and the independence of who reviews.",
                ONE_RUN,
            ],
        },
        Control::DoraBackup => Known {
            framework: DORA,
            about: "backups are restored on segregated systems, checked more than once, within the objectives",
            aspects: &[Copied, OtherRegion, OtherAccount, Isolated, Restored, Probed, CanFail, Objectives],
            never: &["Scope and frequency of the backups by criticality.", ONE_RUN],
        },
    }
}

/// What the run showed of something, or what it did not.
fn look(state: &State, aspect: Aspect) -> Result<String, String> {
    let definition = &state.started.plan.definition;
    let (source, destination) = (&definition.source, &definition.destination);
    match aspect {
        Aspect::Restored => restored(state),
        Aspect::Probed => probed(state),
        Aspect::CanFail => can_fail(state),
        Aspect::Objectives => objectives(state),
        Aspect::Copied => copied(state),
        Aspect::OtherRegion if source.region == destination.region => {
            Err(format!("Recovery elsewhere: it was restored in the workload's own region, {}.", source.region))
        }
        Aspect::OtherRegion => {
            Ok(format!("It was restored in {}, away from the workload's region {}.", destination.region, source.region))
        }
        Aspect::OtherAccount if source.account == destination.account => {
            Err("Separation by account: it was restored in the workload's own account.".to_owned())
        }
        Aspect::OtherAccount => Ok(format!(
            "It was restored in the account {}, not the workload's {}.",
            destination.account, source.account
        )),
        Aspect::Isolated if was_probed(state) => {
            Ok("A probe tried what must not be reached from what was restored, and it was blocked.".to_owned())
        }
        Aspect::Isolated => Err("Isolation: no probe showed that production cannot be reached.".to_owned()),
        Aspect::Removed => removed(state),
    }
}

fn restored(state: &State) -> Result<String, String> {
    let all = state.started.plan.definition.restore.len();
    let ready = |name: &&Name| state.step(&Work::Ready((*name).clone())).end() == Some(&StepEnd::Passed);
    let good = state.started.plan.definition.restore.keys().filter(ready).count();
    match (good, all) {
        (1, 1) => Ok("The resource was restored from a stated recovery point and became usable.".to_owned()),
        (good, all) if good == all => {
            Ok(format!("All {all} resources were restored from stated recovery points and became usable."))
        }
        (good, all) => Err(format!("Recovery as a whole: {good} of {all} resources became usable.")),
    }
}

/// The required probes that were asked.
fn required(state: &State) -> impl Iterator<Item = (&Name, &Probe, bool)> {
    let probes = state.started.plan.definition.probes.iter();
    let asked = probes.filter_map(move |(name, probe)| {
        let end = state.step(&Work::Probe(name.clone())).end();
        let left_out = matches!(end, Some(StepEnd::Unneeded { .. }));
        (!left_out).then(|| (name, probe, end == Some(&StepEnd::Passed)))
    });
    asked.filter(|(_, probe, _)| probe.severity == Severity::Required)
}

fn probed(state: &State) -> Result<String, String> {
    let all = required(state).count();
    let held = required(state).filter(|(_, _, held)| *held).count();
    match (held, all) {
        (0, 0) => Err("Integrity: no required probe was asked.".to_owned()),
        (1, 1) => Ok("The required probe of the restored data held.".to_owned()),
        (held, all) if held == all => Ok(format!("All {all} required probes of what was restored held.")),
        (held, all) => Err(format!("Integrity: {held} of {all} required probes held.")),
    }
}

fn can_fail(state: &State) -> Result<String, String> {
    let shown = required(state).filter(|(name, probe, _)| {
        let tries = state.probes.get(*name).and_then(|probe| probe.control.last());
        let wanted = probe.negative_control.as_ref().map(|control| control.fails_with);
        matches!(tries, Some((_, _, Tried::Missed { miss })) if Some(miss.reason) == wanted)
    });
    match shown.count() {
        0 => Err("That the probes can tell good data from bad: no negative control failed as predicted.".to_owned()),
        1 => Ok("For one probe a negative control showed that it can fail.".to_owned()),
        count => Ok(format!("For {count} probes a negative control showed that they can fail.")),
    }
}

fn objectives(state: &State) -> Result<String, String> {
    let Some((_, conclusion)) = &state.concluded else { return Err("Objectives: nothing is measured yet.".to_owned()) };
    let measures = &conclusion.measures;
    let named = [
        ("recovery time", &measures.rto),
        ("age of the recovery point", &measures.rpo),
        ("lag of the copy", &measures.copy_lag),
        ("age of the data", &measures.data_age),
    ];
    let (mut met, mut missed) = (Vec::new(), Vec::new());
    for (name, measure) in named {
        let Some(target) = measure.target.map(show_duration) else { continue };
        match measure.value.map(show_duration) {
            Some(value) if measure.met() == Some(true) => met.push(format!("{name} {value} of {target} allowed")),
            Some(value) => missed.push(format!("{name} {value} of {target} allowed")),
            None => missed.push(format!("{name} not measured, {target} allowed")),
        }
    }
    match (met.is_empty(), missed.is_empty()) {
        (_, false) => Err(format!("Objectives that are met: {}.", missed.join("; "))),
        (true, true) => Err("Objectives: the definition sets no target.".to_owned()),
        (false, true) => Ok(format!("Measured against targets, and met: {}.", met.join("; "))),
    }
}

fn copied(state: &State) -> Result<String, String> {
    let all = state.started.plan.definition.restore.len();
    let lags: Vec<SignedDuration> = state
        .picked
        .values()
        .filter_map(|picked| match (&picked.copy, picked.chosen.as_ref().and_then(|point| point.created)) {
            (CopyEvidence::Seen { arrived }, Some(created)) => Some(arrived.duration_since(created)),
            _ => None,
        })
        .collect();
    match lags.iter().max() {
        Some(longest) if lags.len() == all => Ok(format!(
            "The copy of every recovery point was seen to have arrived, after {} at most.",
            show_duration((*longest).max(SignedDuration::ZERO))
        )),
        _ => Err(format!("Arrival of the copies: it was seen for {} of {all}.", lags.len())),
    }
}

fn removed(state: &State) -> Result<String, String> {
    let all = state.ledger.len();
    let gone = state
        .ledger
        .values()
        .filter(|entry| matches!(entry.gone, Some((_, GoneProof::AbsentTwice { .. } | GoneProof::NeverStarted))));
    match (gone.count(), all) {
        (_, 0) => Err("Removal: nothing was restored.".to_owned()),
        (gone, all) if gone == all => {
            Ok("Everything that was restored was removed, and is known to be gone.".to_owned())
        }
        (gone, all) => Err(format!("Removal: {gone} of {all} restored resources are known to be gone.")),
    }
}
