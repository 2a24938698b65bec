//! Instances that a drill may have left: those that carry its tag or that its restore jobs made. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use aws_sdk_ec2::types::{Filter, Instance, Reservation};

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::ebs::tags;
use crate::aws::resource::ec2::look::state;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, RUN_TAG, Wanted};
use crate::words::kind::ResourceKind;

/// A terminated instance stays in the list for about an hour and is none.
pub(super) async fn list(ec2: &aws_sdk_ec2::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    let made = wanted.made.iter().filter(|arn| arn.service() == "ec2");
    let made: Vec<String> = made.filter_map(|arn| arn.resource().strip_prefix("instance/")).map(String::from).collect();
    let mut found = filtered(ec2, "tag-key", vec![RUN_TAG.to_owned()]).await?;
    for instance in filtered(ec2, "instance-id", made).await? {
        if found.iter().all(|one| one.instance_id() != instance.instance_id()) {
            found.push(instance);
        }
    }
    found.iter().filter(|one| state(one) != "terminated").map(|one| leftover(one, wanted)).collect()
}

/// By filter and not by id: for an id that does not exist EC2 refuses the whole request.
async fn filtered(ec2: &aws_sdk_ec2::Client, name: &str, values: Vec<String>) -> Result<Vec<Instance>, CloudError> {
    const OPERATION: &str = "ec2:DescribeInstances";
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::builder().name(name).set_values(Some(values)).build();
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = ec2.describe_instances().filters(filter.clone()).set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.reservations().iter().flat_map(Reservation::instances).cloned());
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn leftover(instance: &Instance, wanted: &Wanted) -> Result<Leftover, CloudError> {
    let Wanted { account, region, partition, .. } = wanted;
    let arn = instance.instance_id().map(|id| format!("arn:{partition}:ec2:{region}:{account}:instance/{id}"));
    let arn = arn_of("ec2:DescribeInstances", arn.as_deref())?;
    let listed = thing(ResourceKind::Ec2, "instance", arn, Some(state(instance)), instance.launch_time());
    Ok(Leftover { tags: tags::read(instance.tags()), ..listed })
}
