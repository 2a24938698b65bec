//! Whether the account has enabled a region.

use aws_sdk_ec2::types::Filter;

use crate::aws::error::cloud_error;
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::RegionState;
use crate::words::id::Region;
use crate::words::text::tame;

/// `ec2:DescribeRegions`, disabled ones included. By filter and not by name: for a name that does not exist EC2 refuses
/// the whole request.
pub(super) async fn state(ec2: &aws_sdk_ec2::Client, region: &Region) -> Result<Option<RegionState>, CloudError> {
    const OPERATION: &str = "ec2:DescribeRegions";
    let filter = Filter::builder().name("region-name").values(region.as_str()).build();
    let answer = ec2.describe_regions().all_regions(true).filters(filter).send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let found = answer.regions().iter().find(|one| one.region_name() == Some(region.as_str()));
    Ok(found.map(|one| RegionState { opt_in: tame(one.opt_in_status().unwrap_or("unknown")) }))
}
