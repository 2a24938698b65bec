//! FSx for Windows File Server (facts 2.7).

use serde_json::Value;

use crate::aws::resource::fsx::configuration::{Configuration, no_backups};
use crate::aws::resource::shared::setting::{integer, plain, subnet_shape, text};
use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

/// The keys of `with.windows`.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        Field::required(
            "throughput",
            Shape::Integer { min: 8, max: 12_288 },
            "Throughput capacity in MB/s, one of the steps that FSx offers.",
        ),
        Field::required(
            "active_directory_id",
            Shape::Parsed {
                what: "an AWS Managed Microsoft AD's id",
                format: Some("^d-[0-9a-f]{10}$"),
                parse: check_directory,
            },
            "AWS Managed Microsoft AD that the file system joins; it must be reachable from the subnets. A directory \
             of your own is not supported: its password would stand in the restore job's metadata.",
        ),
        Field::optional(
            "deployment_type",
            Shape::Choice(&["SINGLE_AZ_1", "SINGLE_AZ_2", "MULTI_AZ_1"]),
            "Deployment type. Default: SINGLE_AZ_2, a drill needs no standby.",
        ),
        Field::optional(
            "preferred_subnet",
            subnet_shape(),
            "Which of the two subnets has the active file server; for MULTI_AZ_1 only.",
        ),
    ]
}

/// Its part of the metadata.
///
/// Of what was returned nothing is taken: aliases are DNS names that the source answers to, audit logs go to a log
/// group of the other region, and the directory is there too.
pub(crate) fn choose(made: &mut Configuration, own: &Settings, subnets: &[String]) -> Result<(), String> {
    let Some(throughput) = integer(own, "throughput") else {
        return Err("`with.windows.throughput` is missing: FSx needs it, in MB/s".to_owned());
    };
    let Some(directory) = text(own, "active_directory_id") else {
        return Err("`with.windows.active_directory_id` is missing: FSx for Windows must join a directory".to_owned());
    };
    let deployment = text(own, "deployment_type").unwrap_or("SINGLE_AZ_2");
    made.set("ThroughputCapacity", Value::from(throughput));
    made.set("ActiveDirectoryId", Value::from(directory));
    made.set("DeploymentType", Value::from(deployment));
    let preferred = text(own, "preferred_subnet");
    match (deployment, preferred) {
        ("MULTI_AZ_1", _) if subnets.len() != 2 => {
            return Err(format!("`with.subnets` has {}; `MULTI_AZ_1` needs two, in different zones", subnets.len()));
        }
        ("MULTI_AZ_1", Some(preferred)) if subnets.iter().any(|subnet| subnet == preferred) => {
            made.set("PreferredSubnetId", Value::from(preferred));
        }
        ("MULTI_AZ_1", _) => {
            return Err("`with.windows.preferred_subnet` must name one of the two subnets for `MULTI_AZ_1`".to_owned());
        }
        (_, Some(_)) => {
            return Err("`with.windows.preferred_subnet` is for `MULTI_AZ_1` only: drop it".to_owned());
        }
        _ if subnets.len() != 1 => {
            return Err(format!("`with.subnets` has {}; `{deployment}` needs exactly one", subnets.len()));
        }
        _ => {}
    }
    no_backups(made);
    Ok(())
}

fn check_directory(text: &str) -> Result<(), String> {
    match text.strip_prefix("d-") {
        Some(rest) if rest.len() == 10 && plain(rest, 10, "") => Ok(()),
        _ => Err("it must be a directory's id, such as d-0123456789".to_owned()),
    }
}
