//! The keys of `with:` for an EFS file system.

use crate::aws::resource::shared::setting::{key_shape, security_groups_field, subnet_shape, zone_shape};
use crate::yaml::shape::{Field, Need, Shape};

/// The keys, with types, ranges and documentation. How they go together is checked where the metadata are built.
#[must_use]
pub fn fields() -> Vec<Field> {
    let groups = security_groups_field(
        "Security groups of the mount targets, at most five, in the subnets' VPC. They must let TCP port 2049 in from \
         whatever probes.",
    );
    vec![
        Field::required(
            "subnets",
            Shape::List { of: Box::new(subnet_shape()), min: 1 },
            "One to three subnets of one VPC, each in a zone of its own: each gets a mount target. One Zone takes one.",
        ),
        Field { need: Need::Required, ..groups },
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination. Default: the destination's own key for EFS.",
        ),
        Field::optional(
            "performance_mode",
            Shape::Choice(&["generalPurpose", "maxIO"]),
            "Performance mode. Default: the source's.",
        ),
        Field::optional(
            "availability_zone",
            zone_shape(),
            "Restore as One Zone into this zone of the destination. Default: a regional file system.",
        ),
        Field::optional(
            "items",
            Shape::List {
                of: Box::new(Shape::Parsed {
                    what: "an absolute path in the file system",
                    format: Some("^/.+$"),
                    parse: check_path,
                }),
                min: 1,
            },
            "Restore only these files and folders, one to five absolute paths. Default: everything.",
        ),
    ]
}

fn check_path(text: &str) -> Result<(), String> {
    let names = text.strip_prefix('/').filter(|rest| !rest.is_empty());
    let fits = names.is_some_and(|rest| rest.split('/').all(|part| part != ".."));
    if fits && text.len() <= 4_096 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err("it must be an absolute path in the file system without `..`, such as /exports/2026".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::check_path;

    #[test]
    fn paths_are_absolute_and_stay_inside() {
        assert!(check_path("/exports/2026").is_ok());
        for text in ["/", "exports", "/a/../b", "/a\nb"] {
            assert!(check_path(text).is_err(), "{text:?}");
        }
    }
}
