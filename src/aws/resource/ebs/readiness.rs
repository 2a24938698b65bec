//! What the state of a volume and of its attachments means (facts 2.4, "Ready"; trap 19).

use crate::cloud::resource::{Part, Phase};

/// A volume's attachment to an instance, as a part: its id is the instance's.
pub const ATTACHMENT: &str = "attachment";

/// The phase of a volume. `state` is `State` of `DescribeVolumes`, `attachments` are those that it has, `wanted` is the
/// instance that it shall be attached to.
///
/// A volume is usable once it is available, or attached where it shall be; its blocks are loaded from the snapshot when
/// they are first read. Whether it is mounted is for `finish`, which ends well only when it is.
#[must_use]
pub fn phase(state: &str, attachments: &[Part], wanted: Option<&str>) -> Phase {
    match state {
        "creating" => Phase::Pending,
        "available" if wanted.is_some() => Phase::Unfinished,
        "available" => Phase::Ready,
        "in-use" => in_use(attachments, wanted),
        "error" => Phase::Broken,
        "deleting" => Phase::Leaving,
        "deleted" => Phase::Gone,
        _ => Phase::Unknown,
    }
}

fn in_use(attachments: &[Part], wanted: Option<&str>) -> Phase {
    let own = attachments.iter().find(|part| !part.foreign && Some(part.id.as_str()) == wanted);
    match own.map(|part| part.status.as_str()) {
        Some("attached") => Phase::Ready,
        // On its way to `available`: nothing is to be asked for meanwhile.
        Some("detaching") => Phase::Leaving,
        Some(_) => Phase::Pending,
        None if attachments.is_empty() => Phase::Pending,
        // Somebody attached it elsewhere.
        None => Phase::Hindered,
    }
}

#[cfg(test)]
mod tests {
    use super::{ATTACHMENT, phase};
    use crate::cloud::resource::{Part, Phase};

    fn attachment(id: &str, status: &str, foreign: bool) -> Part {
        Part { kind: ATTACHMENT.to_owned(), id: id.to_owned(), status: status.to_owned(), foreign }
    }

    #[test]
    fn without_attach_a_volume_is_ready_once_it_is_available() {
        for (state, wanted) in [
            ("creating", Phase::Pending),
            ("available", Phase::Ready),
            ("error", Phase::Broken),
            ("deleting", Phase::Leaving),
            ("deleted", Phase::Gone),
            ("levitating", Phase::Unknown),
        ] {
            assert_eq!(phase(state, &[], None), wanted, "{state}");
        }
        assert_eq!(phase("in-use", &[attachment("i-9", "attached", true)], None), Phase::Hindered);
    }

    #[test]
    fn with_attach_it_is_ready_once_it_is_attached_there() {
        assert_eq!(phase("available", &[], Some("i-1")), Phase::Unfinished);
        for (status, wanted) in [
            ("attaching", Phase::Pending),
            ("attached", Phase::Ready),
            ("busy", Phase::Pending),
            ("detaching", Phase::Leaving),
        ] {
            assert_eq!(phase("in-use", &[attachment("i-1", status, false)], Some("i-1")), wanted, "{status}");
        }
        assert_eq!(phase("in-use", &[attachment("i-9", "attached", true)], Some("i-1")), Phase::Hindered);
    }
}
