//! What is known of clusters without asking anybody.

use crate::aws::resource::cluster::settings::Capacity;
use crate::aws::resource::cluster::{Family, settings};
use crate::aws::resource::rds::facts::DB_INSTANCES;
use crate::aws::resource::shared::name::{expected_arn, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, Part, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};

/// What a member is called in plans, observations and reports.
pub(crate) const MEMBER: &str = "DB instance";

/// DB clusters of one account and region.
const DB_CLUSTERS: Quota =
    Quota { name: "DB clusters", service: "rds", code: "L-952B80B8", attribute: Some("DBClusters"), needed: 1 };

/// In commands for a person, the class that a definition without one would have.
const CLASS_BY_HAND: &str = "INSTANCE_CLASS";

/// Implements [`ResourceFacts`](crate::cloud::resource::ResourceFacts) for a type out of its [`Family`].
macro_rules! cluster_facts {
    ($type:ident, $family:expr) => {
        impl $crate::cloud::resource::ResourceFacts for $type {
            fn kind(&self) -> $crate::words::kind::ResourceKind {
                $family.kind
            }

            fn backup_type(&self, _with: &$crate::cloud::resource::Settings) -> String {
                $family.word.to_owned()
            }

            fn fields(&self) -> Vec<$crate::yaml::shape::Field> {
                $crate::aws::resource::cluster::settings::fields(&$family)
            }

            fn check_arn(&self, arn: &$crate::words::arn::Arn) -> Result<(), String> {
                $crate::aws::resource::cluster::facts::check_arn(&$family, arn)
            }

            fn expected(
                &self,
                run: &$crate::words::id::RunId,
                restore: &$crate::words::id::Name,
                attempt: u32,
                region: &$crate::words::id::Region,
                account: &$crate::words::id::AccountId,
                partition: &str,
            ) -> $crate::cloud::resource::Expected {
                $crate::aws::resource::cluster::facts::expected(run, restore, attempt, (region, account, partition))
            }

            fn metadata(
                &self,
                returned: &$crate::cloud::vault::Metadata,
                with: &$crate::cloud::resource::Settings,
                raw: &$crate::cloud::vault::Metadata,
                expected: &$crate::cloud::resource::Expected,
            ) -> Result<$crate::cloud::vault::Metadata, String> {
                $crate::aws::resource::cluster::metadata::build(&$family, returned, with, raw, expected)
            }

            fn naming_key(&self, _with: &$crate::cloud::resource::Settings) -> Option<String> {
                Some($crate::aws::resource::cluster::metadata::NAME.to_owned())
            }

            fn finish(
                &self,
                with: &$crate::cloud::resource::Settings,
                expected: &$crate::cloud::resource::Expected,
            ) -> Vec<$crate::cloud::resource::Part> {
                $crate::aws::resource::cluster::facts::members(with, expected)
            }

            fn permissions(&self) -> &'static [&'static str] {
                $family.permissions
            }

            fn role_needs(
                &self,
                _with: &$crate::cloud::resource::Settings,
                expected: &$crate::cloud::resource::Expected,
                _partition: &str,
            ) -> Vec<$crate::cloud::surroundings::RoleNeed> {
                $crate::aws::resource::cluster::facts::role_needs(expected)
            }

            fn asks_of_point(&self) -> bool {
                true
            }

            fn removal(&self, _with: &$crate::cloud::resource::Settings) -> Option<&'static str> {
                Some("rds:DeleteDBCluster")
            }

            fn tagging(&self, _with: &$crate::cloud::resource::Settings) -> Option<&'static str> {
                Some("rds:AddTagsToResource")
            }

            fn looks(&self, with: &$crate::cloud::resource::Settings) -> Vec<$crate::words::kind::CheckId> {
                $crate::aws::resource::cluster::facts::looks(with)
            }

            fn quotas(
                &self,
                with: &$crate::cloud::resource::Settings,
                _expected: &$crate::cloud::resource::Expected,
            ) -> Vec<$crate::cloud::surroundings::Quota> {
                $crate::aws::resource::cluster::facts::quotas(with)
            }

            fn by_hand(
                &self,
                with: &$crate::cloud::resource::Settings,
                expected: &$crate::cloud::resource::Expected,
                _id: &str,
            ) -> $crate::cloud::resource::ByHand {
                $crate::aws::resource::cluster::facts::by_hand(&$family, with, expected)
            }

            /// The cluster, and then its members (facts 2.2, "Time").
            fn usual_minutes(&self) -> i64 {
                45
            }
        }
    };
}

pub(crate) use cluster_facts;

/// Whether `arn` can be a cluster. Which service's it is cannot be seen in it.
pub(crate) fn check_arn(family: &Family, arn: &Arn) -> Result<(), String> {
    const WANTED: &str = "it must look like arn:aws:rds:eu-west-2:123456789012:cluster:orders";
    let (kind, noun) = (family.kind, family.noun);
    if arn.service() == "rds" && arn.resource().starts_with("db:") {
        return Err(format!("`{arn}` is a DB instance; type `{kind}` restores {noun}: {WANTED}"));
    }
    let cluster = arn.resource().strip_prefix("cluster:").is_some_and(|name| !name.is_empty() && !name.contains(':'));
    if arn.service() != "rds" || !cluster {
        return Err(format!("`{arn}` is not the ARN of {noun}: {WANTED}"));
    }
    if arn.region().is_none() || arn.account().is_none() {
        return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
    }
    Ok(())
}

/// At most 52 characters of the 63 that a member's name may have: it is the cluster's name and a number.
pub(crate) fn expected(
    run: &RunId,
    restore: &Name,
    attempt: u32,
    (region, account, partition): (&Region, &AccountId, &str),
) -> Expected {
    let name = named(run, restore, attempt, 52);
    let resource = format!("cluster:{name}");
    expected_arn(name, (partition, "rds", &resource), region, account)
}

/// The members that a restored cluster gets.
pub(crate) fn members(with: &Settings, expected: &Expected) -> Vec<Part> {
    (1..=settings::instances(with)).map(|number| Part::planned(MEMBER, &member_id(&expected.name, number))).collect()
}

/// What AWS Backup's role does: it makes the cluster. The members are added by drill itself.
pub(crate) fn role_needs(expected: &Expected) -> Vec<RoleNeed> {
    const USUAL: [&str; 3] = ["rds:AddTagsToResource", "rds:DeleteDBCluster", "rds:DescribeDBClusters"];
    let Some(arn) = &expected.arn else { return Vec::new() };
    let vital = RoleNeed::vital("rds:RestoreDBClusterFromSnapshot", arn.as_str());
    [vital].into_iter().chain(USUAL.map(|action| RoleNeed::usual(action, arn.as_str()))).collect()
}

/// What `preflight::checks` and `preflight::class` look at.
pub(crate) fn looks(with: &Settings) -> Vec<CheckId> {
    let default_vpc = text(with, "subnet_group").is_none();
    let network = if default_vpc { CheckId::NetworkDefaultVpc } else { CheckId::NetworkSubnets };
    let mut looks = vec![network, CheckId::NetworkSecurityGroups];
    looks.extend(text(with, "parameter_group").map(|_| CheckId::DatabaseParameterGroup));
    looks.extend(text(with, "kms_key").map(|_| CheckId::KeyState));
    looks.extend([CheckId::NameFree, CheckId::ComputeClass]);
    looks
}

/// One cluster, and its members.
pub(crate) fn quotas(with: &Settings) -> Vec<Quota> {
    let members = u32::try_from(settings::instances(with)).unwrap_or(1);
    vec![DB_CLUSTERS, Quota { needed: members, ..DB_INSTANCES }]
}

fn member_id(cluster: &str, number: i64) -> String {
    format!("{cluster}-{number}")
}

/// What `finish` and `remove` do, as commands. `aws docdb` and `aws neptune` cannot wait for a cluster (facts 2.2,
/// "Waiters"); `aws rds` can, for theirs too.
pub(crate) fn by_hand(family: &Family, with: &Settings, expected: &Expected) -> ByHand {
    let region = format!("--region {}", quoted(expected.region.as_str()));
    let cluster = format!("{region} --db-cluster-identifier {}", quoted(&expected.name));
    let members = members(with, expected);
    let members: Vec<String> =
        members.iter().map(|part| format!("{region} --db-instance-identifier {}", quoted(&part.id))).collect();
    ByHand {
        ready: ready_by_hand(family, with, &expected.name, (&cluster, &members)),
        remove: remove_by_hand(family, &expected.name, (&region, &cluster, &members)),
    }
}

fn ready_by_hand(family: &Family, with: &Settings, name: &str, (cluster, members): (&str, &[String])) -> Vec<String> {
    let (aws, name) = (format!("aws {}", family.command), quoted(name));
    let available = format!("aws rds wait db-cluster-available {cluster}");
    let mut commands = vec![available.clone()];
    if let Some(Capacity { min, max }) = settings::capacity(with) {
        let range = format!("--serverless-v2-scaling-configuration MinCapacity={min},MaxCapacity={max}");
        commands.push(format!("{aws} modify-db-cluster {cluster} {range} --apply-immediately"));
        commands.push(available);
    }
    let engine = if family.sole_engine {
        family.engine.to_owned()
    } else {
        format!("\"$({aws} describe-db-clusters {cluster} --query 'DBClusters[0].Engine' --output text)\"")
    };
    let class = text(with, "instance_class").map_or_else(|| CLASS_BY_HAND.to_owned(), quoted);
    // Instances of DocumentDB have no public address, and its command no word for it.
    let private = if family.kind == ResourceKind::DocumentDb { "" } else { " --no-publicly-accessible" };
    let added = format!("--db-instance-class {class} --engine {engine} --no-auto-minor-version-upgrade{private}");
    let add = |member: &String| format!("{aws} create-db-instance {member} --db-cluster-identifier {name} {added}");
    commands.extend(members.iter().map(add));
    commands.extend(members.iter().map(|member| format!("{aws} wait db-instance-available {member}")));
    let answers = "--query 'DBClusters[0].[Endpoint,Port]' --output text";
    commands.push(format!("{aws} describe-db-clusters {cluster} {answers}"));
    commands
}

fn remove_by_hand(family: &Family, name: &str, (region, cluster, members): (&str, &str, &[String])) -> Vec<String> {
    let aws = format!("aws {}", family.command);
    let skip = if family.kind == ResourceKind::DocumentDb { "" } else { " --skip-final-snapshot" };
    let backups = if family.keeps_backups { " --delete-automated-backups" } else { "" };
    // However many members there are; one that the drill did not name is left for a person to look at.
    let mut commands = vec![format!(
        "{aws} describe-db-clusters {cluster} --query \
         \"DBClusters[0].DBClusterMembers[?starts_with(DBInstanceIdentifier, '{name}-')]\
         .DBInstanceIdentifier\" --output text | xargs -r -n 1 {aws} delete-db-instance {region}{skip} \
         --db-instance-identifier"
    )];
    commands.extend(members.iter().map(|member| format!("{aws} wait db-instance-deleted {member}")));
    commands.push(format!("{aws} delete-db-cluster {cluster} --skip-final-snapshot{backups}"));
    commands.push(format!("aws rds wait db-cluster-deleted {cluster}"));
    commands
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::member_id;
    use crate::aws::resource::aurora::Aurora;
    use crate::aws::resource::documentdb::DocumentDb;
    use crate::aws::resource::neptune::Neptune;
    use crate::cloud::resource::{Expected, ResourceFacts, Settings};
    use crate::words::id::RunId;

    fn expected(facts: &dyn ResourceFacts, restore: &str) -> Expected {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        facts.expected(&run, &restore.parse().unwrap(), 1, &region, &account, "aws")
    }

    fn serverless() -> Settings {
        let range = json!({ "min_acu": 0.5, "max_acu": 4.0 });
        let with = json!({ "instance_class": "db.serverless", "instances": 2, "serverless": range });
        with.as_object().unwrap().clone()
    }

    #[test]
    fn only_the_arn_of_a_cluster_is_taken() {
        let check = |text: &str| Aurora.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:rds:eu-west-2:123456789012:cluster:orders").is_ok());
        assert!(check("arn:aws:rds:eu-west-2:123456789012:db:orders").unwrap_err().contains("DB instance"));
        for text in [
            "arn:aws:rds:eu-west-2:123456789012:cluster-snapshot:orders",
            "arn:aws:rds::123456789012:cluster:orders",
            "arn:aws:rds::123456789012:global-cluster:orders",
            "arn:aws:ec2:eu-west-2:123456789012:volume/vol-1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn members_are_named_after_the_cluster_and_fit() {
        let with: Settings = json!({ "instance_class": "db.r6g.large", "instances": 3 }).as_object().unwrap().clone();
        let longest = expected(&Neptune, &"a".repeat(40));
        assert!(longest.name.len() <= 52 && member_id(&longest.name, 3).len() <= 63);
        let ids: Vec<String> =
            Neptune.finish(&with, &expected(&Neptune, "orders")).into_iter().map(|part| part.id).collect();
        assert_eq!(ids, ["drill-07070707-orders-1", "drill-07070707-orders-2", "drill-07070707-orders-3"]);
        assert_eq!(Neptune.finish(&Settings::new(), &longest).len(), 1);
    }

    #[test]
    fn a_person_can_remove_it_by_hand() {
        let aurora = expected(&Aurora, "orders");
        assert_eq!(aurora.arn.as_ref().unwrap().resource(), "cluster:drill-07070707-orders");
        let with = &serverless();
        assert_eq!(
            Aurora.by_hand(with, &aurora, "").remove[3],
            "aws rds delete-db-cluster --region eu-west-1 --db-cluster-identifier drill-07070707-orders \
             --skip-final-snapshot --delete-automated-backups"
        );
        let documents = DocumentDb.by_hand(&Settings::new(), &aurora, "").remove;
        assert!(documents[2].starts_with("aws docdb delete-db-cluster") && documents[2].ends_with("-snapshot"));
    }

    #[test]
    fn a_person_adds_the_members_that_the_definition_names() {
        let with = &serverless();
        let ready = Aurora.by_hand(with, &expected(&Aurora, "orders"), "").ready;
        let added: Vec<&String> = ready.iter().filter(|line| line.contains("create-db-instance")).collect();
        assert_eq!(added.len(), 2, "{ready:?}");
        for (line, member) in added.iter().zip(["drill-07070707-orders-1", "drill-07070707-orders-2"]) {
            assert!(line.contains(&format!("--db-instance-identifier {member} ")), "{line}");
            assert!(line.contains("--db-instance-class db.serverless "), "{line}");
            assert!(line.contains("--no-publicly-accessible"), "a public copy of production: {line}");
        }
        assert!(ready[1].contains("MinCapacity=0.5,MaxCapacity=4 "), "{}", ready[1]);
        // DocumentDB's command has no such word; without a definition, a placeholder in capitals stands for the class.
        let documents = DocumentDb.by_hand(&Settings::new(), &expected(&DocumentDb, "orders"), "").ready.join("\n");
        assert!(!documents.contains("publicly") && documents.contains("--db-instance-class INSTANCE_CLASS "));
    }

    #[test]
    fn permissions_are_sorted_and_each_is_there_once() {
        for facts in [&Aurora as &dyn ResourceFacts, &DocumentDb, &Neptune] {
            assert!(facts.permissions().is_sorted_by(|a, b| a < b), "{}", facts.kind());
        }
    }
}
