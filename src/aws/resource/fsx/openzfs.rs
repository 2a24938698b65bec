//! FSx for OpenZFS (facts 2.7). Multi-AZ is not supported: AWS Backup cannot restore it, only FSx itself can.

use serde_json::{Value, json};

use crate::aws::resource::fsx::configuration::{Configuration, no_backups};
use crate::aws::resource::shared::draft::Draft;
use crate::aws::resource::shared::setting::{integer, text};
use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

const DEPLOYMENTS: &[&str] = &["SINGLE_AZ_1", "SINGLE_AZ_2", "SINGLE_AZ_HA_1", "SINGLE_AZ_HA_2"];

/// The keys of `with.openzfs`.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        Field::optional(
            "throughput",
            Shape::Integer { min: 64, max: 10_240 },
            "Throughput capacity in MB/s, one of the steps that FSx offers. Default: the source's.",
        ),
        Field::optional(
            "deployment_type",
            Shape::Parsed {
                what: "a deployment type in one zone",
                format: Some("^SINGLE_AZ_(HA_)?[12]$"),
                parse: check_deployment,
            },
            "Deployment type, in one zone only: AWS Backup cannot restore multi-AZ ones. Default: the source's.",
        ),
        Field::optional(
            "iops",
            Shape::Integer { min: 96, max: 400_000 },
            "Provisioned SSD IOPS. Default: what comes with the storage.",
        ),
    ]
}

/// Its part of the metadata.
pub(crate) fn choose(
    made: &mut Configuration,
    draft: &Draft<'_>,
    own: &Settings,
    subnets: &[String],
) -> Result<(), String> {
    if subnets.len() != 1 {
        return Err(format!(
            "`with.subnets` has {}; an OpenZFS file system in one zone has exactly one",
            subnets.len()
        ));
    }
    made.keep(draft, &["DeploymentType", "ThroughputCapacity"]);
    if let Some(deployment) = text(own, "deployment_type") {
        made.set("DeploymentType", Value::from(deployment));
    }
    if let Some(throughput) = integer(own, "throughput") {
        made.set("ThroughputCapacity", Value::from(throughput));
    }
    if let Some(iops) = integer(own, "iops") {
        // Together with a figure FSx refuses the mode.
        made.set("DiskIopsConfiguration", json!({ "Iops": iops }));
    }
    if let Some(source) = made.get("DeploymentType").and_then(Value::as_str)
        && let Err(why) = check_deployment(source)
    {
        return Err(format!("`with.openzfs.deployment_type` is `{source}`, the source's where it is not set: {why}"));
    }
    no_backups(made);
    Ok(())
}

fn check_deployment(text: &str) -> Result<(), String> {
    if text.starts_with("MULTI_AZ") {
        Err("AWS Backup cannot restore a multi-AZ OpenZFS file system; choose one of the SINGLE_AZ types".to_owned())
    } else if DEPLOYMENTS.contains(&text) {
        Ok(())
    } else {
        Err(format!("it must be one of {}", DEPLOYMENTS.join(", ")))
    }
}
