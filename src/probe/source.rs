//! What the probes have in common that also look at the source of what was restored. They only read there.

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::target::Target;

/// The source resource.
///
/// # Errors
/// A `setup` miss where nothing is known of it.
pub(crate) fn side(target: &Target) -> Result<&Target, Miss> {
    target.source.as_deref().ok_or_else(|| {
        let message = "there is no source to compare with; say with `on` which restore is probed";
        miss(ProbeReason::Setup, message)
    })
}

/// A miss of the source. It says nothing about what was restored, so it never fails the restore.
pub(crate) fn unread(missed: Miss) -> Miss {
    let reason = match missed.reason {
        ProbeReason::Unreachable => ProbeReason::Unreachable,
        ProbeReason::Authentication => ProbeReason::Authentication,
        _ => ProbeReason::Setup,
    };
    miss(reason, &format!("the source cannot be measured, so there is nothing to compare with: {}", missed.message))
}

/// Settings with others laid over them, key by key.
pub(crate) fn overlaid(settings: &Settings, overlay: &Settings) -> Settings {
    let mut all = settings.clone();
    all.extend(overlay.iter().map(|(key, value)| (key.clone(), value.clone())));
    all
}

#[cfg(test)]
mod tests {
    use super::{side, unread};
    use crate::definition::model::ProbeReason;
    use crate::probe::input::miss;
    use crate::probe::target::Target;

    #[test]
    fn what_the_source_says_never_fails_the_restore() {
        for (reason, becomes) in [
            (ProbeReason::Query, ProbeReason::Setup),
            (ProbeReason::Connection, ProbeReason::Setup),
            (ProbeReason::Expectation, ProbeReason::Setup),
            (ProbeReason::Unreachable, ProbeReason::Unreachable),
            (ProbeReason::Authentication, ProbeReason::Authentication),
        ] {
            let mut missed = miss(reason, "no such table");
            missed.missing_data = true;
            let unread = unread(missed);
            assert_eq!(unread.reason, becomes);
            assert!(unread.message.contains("no such table") && !unread.missing_data, "{}", unread.message);
        }
        assert_eq!(side(&Target::for_tests()).err().map(|miss| miss.reason), Some(ProbeReason::Setup));
    }
}
