//! Where an EFS file system stands, with the mount targets that make it reachable (facts 2.6, "Ready" and "Teardown").

use crate::cloud::resource::{Part, Phase};

/// What a mount target is called among the parts; its id there is its subnet's, which is known before it is made.
pub const MOUNT_TARGET: &str = "mount target";
/// What an access point is called among the parts.
pub const ACCESS_POINT: &str = "access point";
/// What a replication is called among the parts; its id there is the other file system's.
pub const REPLICATION: &str = "replication";

/// The phase, out of the file system's own `LifeCycleState`, its parts as seen, and the subnets that the definition
/// names.
#[must_use]
pub fn phase(status: &str, parts: &[Part], subnets: &[String]) -> Phase {
    if !parts.is_empty() && parts.iter().all(is_leaving) {
        return Phase::Leaving;
    }
    match status {
        "available" => reachable(parts, subnets),
        // A change of the throughput mode, for example, passes; a mount target is refused meanwhile.
        "creating" | "updating" => Phase::Pending,
        "deleting" => Phase::Leaving,
        "deleted" => Phase::Gone,
        "error" => Phase::Broken,
        _ => Phase::Unknown,
    }
}

/// Whether a part is on its way out by itself.
#[must_use]
pub fn is_leaving(part: &Part) -> bool {
    matches!(part.status.as_str(), "deleting" | "deleted")
}

fn reachable(parts: &[Part], subnets: &[String]) -> Phase {
    let mut phase = Phase::Ready;
    for subnet in subnets {
        let target = parts.iter().find(|part| part.kind == MOUNT_TARGET && part.id == *subnet);
        let one = match target.map(|part| part.status.as_str()) {
            None => Phase::Unfinished,
            Some("available") => Phase::Ready,
            Some("creating" | "updating" | "deleting" | "deleted") => Phase::Pending,
            // Nothing but the network stands between a file system and its mount target.
            Some("error") => Phase::Hindered,
            Some(_) => Phase::Unknown,
        };
        if weight(one) > weight(phase) {
            phase = one;
        }
    }
    phase
}

/// What of several decides. What is missing is asked for before the others are waited for.
fn weight(phase: Phase) -> u8 {
    match phase {
        Phase::Hindered => 4,
        Phase::Unfinished => 3,
        Phase::Unknown => 2,
        Phase::Pending => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCESS_POINT, MOUNT_TARGET, phase};
    use crate::cloud::resource::{Part, Phase};

    fn part(kind: &str, id: &str, status: &str) -> Part {
        Part { status: status.to_owned(), ..Part::planned(kind, id) }
    }

    #[test]
    fn it_is_ready_once_every_subnet_has_its_mount_target() {
        let subnets = ["subnet-1".to_owned(), "subnet-2".to_owned()];
        let targets = |statuses: &[&str]| -> Vec<Part> {
            let named = statuses.iter().zip(["subnet-1", "subnet-2"]);
            named.map(|(status, subnet)| part(MOUNT_TARGET, subnet, status)).collect()
        };
        for (statuses, wanted) in [
            (&[][..], Phase::Unfinished),
            (&["available"][..], Phase::Unfinished),
            (&["creating"][..], Phase::Unfinished),
            (&["available", "creating"][..], Phase::Pending),
            (&["available", "available"][..], Phase::Ready),
            (&["available", "error"][..], Phase::Hindered),
            (&["available", "levitating"][..], Phase::Unknown),
            (&["available", "deleting"][..], Phase::Pending),
            (&["deleting", "deleting"][..], Phase::Leaving),
        ] {
            assert_eq!(phase("available", &targets(statuses), &subnets), wanted, "{statuses:?}");
        }
    }

    #[test]
    fn the_file_system_s_own_state_comes_first() {
        let available = [part(MOUNT_TARGET, "subnet-1", "available"), part(ACCESS_POINT, "fsap-1", "available")];
        for (status, wanted) in [
            ("creating", Phase::Pending),
            ("updating", Phase::Pending),
            ("deleting", Phase::Leaving),
            ("deleted", Phase::Gone),
            ("error", Phase::Broken),
            ("", Phase::Unknown),
            ("available", Phase::Ready),
        ] {
            assert_eq!(phase(status, &available, &["subnet-1".to_owned()]), wanted, "{status}");
        }
    }
}
