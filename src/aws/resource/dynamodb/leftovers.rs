//! Tables that a drill may have left. A list shows names alone, so only names and restore jobs lead here. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use aws_sdk_dynamodb::types::{TableStatus, Tag};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::leftover::{Leftover, Wanted, digits_in};
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// Every table with a drill's name, or that a restore job of a drill made.
pub(super) async fn list(client: &aws_sdk_dynamodb::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "dynamodb:ListTables";
    let made = |name: &str| wanted.made.iter().any(|arn| arn.service() == "dynamodb" && arn.name() == name);
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = client.list_tables().set_exclusive_start_table_name(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        let names = page.table_names().iter().filter(|name| digits_in(name).is_some() || made(name));
        let names: Vec<String> = names.cloned().collect();
        for name in names {
            found.extend(table(client, &name).await?);
        }
        token = pages.next(page.last_evaluated_table_name())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// None: it is gone since it was listed.
async fn table(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<Option<Leftover>, CloudError> {
    const OPERATION: &str = "dynamodb:DescribeTable";
    let answer = client.describe_table().table_name(name).send().await;
    let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(table) = answer.table() else {
        return Err(unreadable(OPERATION, "the answer holds no table and no error"));
    };
    let arn = arn_of(OPERATION, table.table_arn())?;
    let tags = tags(client, arn.as_str()).await?;
    let state = table.table_status().map(TableStatus::as_str);
    let listed = thing(ResourceKind::DynamoDb, "table", arn, state, table.creation_date_time());
    let tags = tags.iter().map(|tag| (tag.key().to_owned(), tame(tag.value()))).collect();
    Ok(Some(Leftover { name: Some(tame(name)), tags, ..listed }))
}

async fn tags(client: &aws_sdk_dynamodb::Client, arn: &str) -> Result<Vec<Tag>, CloudError> {
    const OPERATION: &str = "dynamodb:ListTagsOfResource";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = client.list_tags_of_resource().resource_arn(arn).set_next_token(token);
        let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        found.extend(page.tags().iter().cloned());
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}
