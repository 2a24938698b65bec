//! FSx for ONTAP volumes (facts 2.7). File system and storage virtual machine (SVM) are there already, and shared.

use serde_json::Value;

use crate::aws::resource::fsx::configuration::Configuration;
use crate::aws::resource::shared::draft::Draft;
use crate::aws::resource::shared::setting::{check_id, flag, integer, plain, text};
use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

/// The metadata key of the volume's name.
pub(crate) const NAME: &str = "Name";

/// The keys of `with.ontap`.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        Field::required(
            "svm",
            Shape::Parsed {
                what: "a storage virtual machine's id",
                format: Some("^svm-[0-9a-f]{8,17}$"),
                parse: |text| check_id(text, "svm-", "a storage virtual machine's id, such as svm-0a1b2c3d4e5f60718"),
            },
            "Storage virtual machine in the destination that the volume is restored into. It is never removed.",
        ),
        Field::optional(
            "junction_path",
            Shape::Parsed { what: "a junction path", format: Some("^/[A-Za-z0-9_./-]{1,254}$"), parse: check_junction },
            "Where the volume is mounted in the machine's namespace. Default: a slash and the volume's name.",
        ),
        Field::optional(
            "size_mib",
            Shape::Integer { min: 20, max: 2_147_483_647 },
            "Size in MiB. Default: the source's.",
        ),
        Field::optional("storage_efficiency", Shape::Bool, "Deduplication and compression. Default: the source's."),
        Field::optional(
            "tiering_policy",
            Shape::Choice(&["SNAPSHOT_ONLY", "AUTO", "ALL", "NONE"]),
            "When data move to the capacity pool. Default: the source's.",
        ),
    ]
}

/// The volume's name: ONTAP takes letters, digits and underscores, so the expected name's hyphens become underscores.
pub(crate) fn volume_name(expected_name: &str) -> String {
    expected_name.replace('-', "_")
}

/// The SVM that the definition names.
pub(crate) fn svm(own: &Settings) -> Option<&str> {
    text(own, "svm")
}

/// Its part of the metadata. The source's junction path and SVM are not taken: they may be taken in the destination.
pub(crate) fn choose(made: &mut Configuration, draft: &Draft<'_>, own: &Settings, name: &str) -> Result<(), String> {
    let Some(svm) = svm(own) else {
        return Err("`with.ontap.svm` is missing: a volume is restored into a storage virtual machine that is there \
                    already"
            .to_owned());
    };
    made.keep(draft, &["sizeInMegabytes", "storageEfficiencyEnabled", "tieringPolicy"]);
    made.set("storageVirtualMachineId", Value::from(svm));
    let path = text(own, "junction_path").map_or_else(|| format!("/{name}"), ToOwned::to_owned);
    made.set("junctionPath", Value::from(path));
    if let Some(size) = integer(own, "size_mib") {
        made.set("sizeInMegabytes", Value::from(size));
    }
    if let Some(efficiency) = flag(own, "storage_efficiency") {
        made.set("storageEfficiencyEnabled", Value::from(efficiency));
    }
    if let Some(policy) = text(own, "tiering_policy") {
        let value = tiering(made.returned("tieringPolicy"), policy);
        made.set("tieringPolicy", value);
    }
    Ok(())
}

/// In the form that AWS returned: the documents show the key and not its value (UNCONFIRMED). Without one, FSx's own
/// form.
fn tiering(returned: Option<&Value>, policy: &str) -> Value {
    if returned.is_some_and(Value::is_string) {
        return Value::from(policy);
    }
    let spelled = returned
        .and_then(Value::as_object)
        .and_then(|object| object.keys().find(|key| key.eq_ignore_ascii_case("name")));
    let key = spelled.map_or("name", String::as_str);
    Value::Object([(key.to_owned(), Value::from(policy))].into_iter().collect())
}

fn check_junction(text: &str) -> Result<(), String> {
    match text.strip_prefix('/') {
        Some(rest) if plain(rest, 254, "_./-") => Ok(()),
        _ => Err("it must be a path from the root of the machine's namespace, such as /orders".to_owned()),
    }
}
