//! Names of restored things, and commands about them.

use crate::cloud::resource::Expected;
use crate::words::id::{AccountId, Name, Region, RunId};
pub(crate) use crate::words::text::quoted;

/// `drill-<run8>-<restore>`, at most `most` characters. Where the restore's name is cut, four digits of its hash stand in
/// for the rest; a later attempt adds its number. Neither is ever cut.
pub(crate) fn named(run: &RunId, restore: &Name, attempt: u32, most: usize) -> String {
    let again = if attempt > 1 { format!("-{attempt}") } else { String::new() };
    let name = format!("drill-{}-{restore}{again}", run.short());
    if name.len() <= most {
        return name;
    }
    let hash = digits(restore.as_str());
    let room = most.saturating_sub("drill-".len() + 8 + 1 + 1 + hash.len() + again.len());
    let cut: String = restore.as_str().chars().take(room).collect();
    format!("drill-{}-{}-{hash}{again}", run.short(), cut.trim_end_matches('-'))
}

fn digits(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(2).map(|byte| format!("{byte:02x}")).collect()
}

/// What a restore makes where the name decides the ARN. `resource` is the ARN's last part, such as `db:NAME`.
pub(crate) fn expected_arn(
    name: String,
    (partition, service, resource): (&str, &str, &str),
    region: &Region,
    account: &AccountId,
) -> Expected {
    let arn = format!("arn:{partition}:{service}:{region}:{account}:{resource}");
    let arn = Some(arn.parse().expect("partition, region, account and name are valid parts of an ARN"));
    Expected { name, arn, region: region.clone(), account: account.clone() }
}

/// What a restore makes where AWS assigns the id.
pub(crate) fn expected_unnamed(name: String, region: &Region, account: &AccountId) -> Expected {
    Expected { name, arn: None, region: region.clone(), account: account.clone() }
}

/// The ARN of what a restore makes where AWS assigns the id, with `*` in its place. `resource` is the ARN's last part,
/// such as `volume/*`.
pub(crate) fn assigned(expected: &Expected, partition: &str, service: &str, resource: &str) -> String {
    format!("arn:{partition}:{service}:{}:{}:{resource}", expected.region, expected.account)
}

#[cfg(test)]
mod tests {
    use super::{named, quoted};
    use crate::words::id::RunId;

    #[test]
    fn a_name_keeps_the_run_and_the_attempt_whatever_the_restore_is_called() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        assert_eq!(named(&run, &"orders".parse().unwrap(), 1, 63), "drill-07070707-orders");
        assert_eq!(named(&run, &"orders".parse().unwrap(), 2, 63), "drill-07070707-orders-2");
        let longest = "a".repeat(40).parse().unwrap();
        let other = format!("{}b", "a".repeat(39)).parse().unwrap();
        assert_ne!(named(&run, &longest, 1, 52), named(&run, &other, 1, 52));
        for most in [40, 52, 63] {
            for attempt in [1, 2, 99, u32::MAX] {
                let name = named(&run, &longest, attempt, most);
                assert!(name.len() <= most && name.starts_with("drill-07070707") && !name.contains("--"), "{name}");
            }
            assert_ne!(named(&run, &longest, u32::MAX, most), named(&run, &longest, u32::MAX - 1, most));
        }
    }

    #[test]
    fn commands_are_for_a_posix_shell() {
        assert_eq!(quoted("drill-1-orders"), "drill-1-orders");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
    }
}
