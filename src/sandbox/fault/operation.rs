//! The operations that a fault may name: a name that no service knows would never be hit, and nobody would notice.

use crate::sandbox::channel;
use crate::sandbox::service::{operations, prefixes};
use crate::sandbox::suggest::hint;
use crate::words::text::tame;

/// Whether the simulated AWS knows `rds:DeleteDBInstance`, or something that `rds:Delete*` means.
///
/// # Errors
/// Says what is wrong, with the nearest name.
pub(super) fn sense(operation: &str) -> Result<(), String> {
    let (prefix, name) = parts(operation)?;
    let known = known(prefix);
    if known.is_empty() {
        let services = services();
        let hint = hint(prefix, services.iter().copied());
        return Err(format!(
            "a fault's `operation` names the service `{}`{hint}; the simulated AWS knows: {}",
            tame(prefix),
            services.join(", ")
        ));
    }
    let fits = match name.strip_suffix('*') {
        Some(start) => known.iter().any(|one| one.starts_with(start)),
        None => known.contains(&name),
    };
    if fits {
        return Ok(());
    }
    let near = hint(name.trim_end_matches('*'), known.iter().copied());
    Err(format!(
        "a fault's `operation` is `{}`, which the simulated AWS does not know{near}; of `{prefix}` it knows: {}",
        tame(operation),
        known.join(", ")
    ))
}

/// Whether it is written like an action of IAM, which need not be one of the simulated AWS.
///
/// # Errors
/// Says how one is written.
pub(super) fn sense_of_action(action: &str) -> Result<(), String> {
    parts(action).map(drop)
}

fn parts(operation: &str) -> Result<(&str, &str), String> {
    operation
        .split_once(':')
        .ok_or_else(|| "a fault's `operation` is written like `rds:DeleteDBInstance` or `rds:*`".to_owned())
}

fn services() -> Vec<&'static str> {
    prefixes().into_iter().chain([channel::PREFIX]).collect()
}

fn known(prefix: &str) -> &'static [&'static str] {
    if prefix == channel::PREFIX { &[channel::OPENS] } else { operations(prefix) }
}

#[cfg(test)]
mod tests {
    use super::{sense, sense_of_action};

    #[test]
    fn a_slip_in_an_operation_is_pointed_at() {
        for right in ["rds:*", "rds:Delete*", "rds:DeleteDBInstance", "ssmmessages:OpenDataChannel", "iam:GetRole"] {
            assert_eq!(sense(right), Ok(()), "{right}");
        }
        let error = sense("rds:DeleteDBInstnce").unwrap_err();
        assert!(error.contains("did you mean `DeleteDBInstance`?"), "{error}");
        let error = sense("rsd:DeleteDBInstance").unwrap_err();
        assert!(error.contains("`rsd`") && error.contains("backup, cloudwatch, dynamodb, ec2"), "{error}");
        assert!(sense("rds:Dlete*").is_err() && sense("rds:").is_err() && sense("DeleteDBInstance").is_err());
        assert!(sense_of_action("rds:RestoreDBInstanceFromDBSnapshot").is_ok() && sense_of_action("rds").is_err());
    }
}
