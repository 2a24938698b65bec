//! The keys of `with:` for FSx that flavours share.

use crate::aws::resource::fsx::{lustre, ontap, openzfs, windows};
use crate::aws::resource::shared::setting::{key_shape, security_groups_field, subnet_shape};
use crate::yaml::shape::{Field, Shape};

/// The keys, with types, ranges and documentation. Which of them belong to a flavour is checked where the metadata are
/// built.
#[must_use]
pub fn fields() -> Vec<Field> {
    vec![
        Field::optional(
            "subnets",
            Shape::List { of: Box::new(subnet_shape()), min: 1 },
            "Subnets of the destination; all flavours but ontap need one, and windows in MULTI_AZ_1 needs two.",
        ),
        security_groups_field("Security groups of the file system, in the subnets' VPC. Not for ontap."),
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination. Default: the destination's own key for FSx. Not for ontap.",
        ),
        Field::optional(
            "storage_gib",
            Shape::Integer { min: 32, max: 10_000_000 },
            "Storage in GiB. Default: the source's, below which it cannot go. Not for ontap.",
        ),
        Field::optional(
            "storage_type",
            Shape::Choice(&["SSD", "HDD", "INTELLIGENT_TIERING"]),
            "Storage type. Default: the source's. Not for ontap.",
        ),
        Field::optional("windows", Shape::Map(windows::fields()), "The recovery point is of FSx for Windows."),
        Field::optional("lustre", Shape::Map(lustre::fields()), "The recovery point is of FSx for Lustre."),
        Field::optional("openzfs", Shape::Map(openzfs::fields()), "The recovery point is of FSx for OpenZFS."),
        Field::optional("ontap", Shape::Map(ontap::fields()), "The recovery point is of an FSx for ONTAP volume."),
    ]
}
