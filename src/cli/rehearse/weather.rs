//! Troubles as faults of the world.

use jiff::SignedDuration;

use crate::cli::rehearse::trouble::{Job, LeaseEnd, Scenario, Trouble, Wire};
use crate::definition::model::Definition;
use crate::sandbox::fault::{Fault, Lasting, What};
use crate::sandbox::file::Span;

/// The faults of a scenario. Those of the process and its machine are not among them.
pub(crate) fn faults(definition: &Definition, scenario: &Scenario) -> Vec<Fault> {
    let drill = definition.name.to_string();
    let fault = |trouble: &Trouble| match trouble {
        Trouble::Wire { how, operation, nth, lasting } => {
            let times = (!lasting).then_some(1);
            Some(Fault { after: nth.saturating_sub(1), times, ..Fault::new(of_wire(*how)).on(operation) })
        }
        // Whose restore it is cannot be seen in a request: the first one's point is gone.
        Trouble::Job { how: Job::PointExpired, .. } => Some(Fault { times: Some(1), ..Fault::new(What::PointExpired) }),
        Trouble::Job { how, restore } => {
            let fault = of_job(*how);
            Some(Fault { resource: Some(restore.to_string()), drill: Some(drill.clone()), ..fault })
        }
        _ => None,
    };
    scenario.0.iter().filter_map(fault).collect()
}

/// The faults that come when the time of what was kept is over.
pub(crate) fn faults_of_lease_end(scenario: &Scenario) -> Vec<Fault> {
    let fault = |trouble: &Trouble| match trouble {
        Trouble::LeaseEnd { how, operation, nth } => {
            let what = match how {
                LeaseEnd::Throttle => What::Throttle,
                LeaseEnd::Error500 => What::Error500,
                LeaseEnd::ResetBefore => What::ResetBefore,
                LeaseEnd::ResetAfter => What::ResetAfter,
            };
            Some(Fault { after: nth.saturating_sub(1), times: Some(1), ..Fault::new(what).on(operation) })
        }
        _ => None,
    };
    scenario.0.iter().filter_map(fault).collect()
}

fn of_wire(how: Wire) -> What {
    match how {
        Wire::Throttle => What::Throttle,
        Wire::Error500 => What::Error500,
        Wire::ResetBefore => What::ResetBefore,
        Wire::ResetAfter => What::ResetAfter,
        Wire::Timeout => What::Timeout,
        Wire::Slow => What::Slow,
        Wire::AccessDenied => What::AccessDenied,
        Wire::ExpiredToken => What::ExpiredToken,
        Wire::StaleRead => What::StaleAnswer,
        Wire::OldRead => What::OldAnswer,
    }
}

fn of_job(how: Job) -> Fault {
    let leaving = |what, leaves_partial, with_arn| Fault { leaves_partial, with_arn, ..Fault::new(what) };
    match how {
        Job::Failed => leaving(What::JobFailed, false, false),
        Job::FailedWithLeftover => leaving(What::JobFailed, true, false),
        Job::FailedNamingLeftover => leaving(What::JobFailed, true, true),
        Job::Aborted => leaving(What::JobAborted, false, false),
        Job::AbortedWithLeftover => leaving(What::JobAborted, true, false),
        Job::Stuck => leaving(What::JobStuck, false, false),
        Job::StuckPartial => leaving(What::JobStuck, true, false),
        Job::Late => {
            let day = Lasting::For(Span(SignedDuration::from_hours(24)));
            Fault { lasts: Some(day), ..leaving(What::JobStuck, true, false) }
        }
        Job::WithoutArn => Fault::new(What::JobWithoutArn),
        Job::Partial => Fault::new(What::JobPartial),
        Job::MissingGrant => Fault::new(What::MissingGrant),
        Job::PointExpired => Fault::new(What::PointExpired),
    }
}
