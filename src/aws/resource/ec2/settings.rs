//! The keys of `with:` for an EC2 instance.

use crate::aws::resource::shared::setting::{key_shape, plain, security_groups_field, subnet_shape};
use crate::yaml::shape::{Field, Need, Shape};

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    let groups = security_groups_field(
        "Security groups in the subnet's VPC. Let nothing out but what the probes need: a restored server runs what it \
         was made for, against production if it can reach that.",
    );
    vec![
        Field::required("subnet", subnet_shape(), "Subnet in the destination. Choose an isolated one."),
        Field { need: Need::Required, ..groups },
        Field::optional(
            "instance_type",
            Shape::Parsed { what: "an instance type", format: Some("^[a-z0-9-]+\\.[a-z0-9-]+$"), parse: check_type },
            "Instance type, such as t3.medium. Default: the source's, which the subnet's zone may not offer.",
        ),
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination that all volumes are encrypted with. Default: the recovery point's key.",
        ),
        Field::optional(
            "instance_profile",
            Shape::Choice(&["none", "as_backed_up"]),
            "The role of the restored server. Default: none, so that it can do nothing to production in its name.",
        ),
    ]
}

fn check_type(text: &str) -> Result<(), String> {
    let fits = |part: &str| plain(part, 60, "-") && !part.chars().any(|c| c.is_ascii_uppercase());
    match text.split_once('.') {
        Some((family, size)) if fits(family) && fits(size) => Ok(()),
        _ => Err("it must be an instance type, such as t3.medium".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_type, fields};
    use crate::yaml::shape::Need;

    #[test]
    fn a_server_is_restored_nowhere_but_where_the_definition_says() {
        let required: Vec<&str> =
            fields().into_iter().filter(|field| field.need == Need::Required).map(|field| field.key).collect();
        assert_eq!(required, ["subnet", "security_groups"]);
    }

    #[test]
    fn an_instance_type_has_a_family_and_a_size() {
        assert!(check_type("t3.medium").is_ok());
        assert!(check_type("u-6tb1.112xlarge").is_ok());
        for text in ["db.t4g.medium", "T3.medium", "t3", ".large", "t3."] {
            assert!(check_type(text).is_err(), "{text}");
        }
    }
}
