//! What a report says to do by hand: each command is one that a shell reads, whatever is to be filled in is explained, and
//! nothing of the run itself stands in it. tests/clients/hand.py types the commands; here is what needs no `aws`.

use std::process::Command;

use restore_drill::report::facts::restore::RestoreFacts;
use restore_drill::report::facts::{Context, context};

use crate::harness::paper::Paper;
use crate::harness::worlds;
use crate::report::TYPES;

/// A restore of every type, and of every flavour.
const EVERYTHING: &str = r#"version: 1
name: everything
title: One of each
owner: platform@example.com
source: { region: eu-west-2, account: "111122223333" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
  access_role: arn:aws:iam::123456789012:role/drill-operator
restore:
  cluster:
    type: aurora
    resource: arn:aws:rds:eu-west-2:111122223333:cluster:orders
    with: { instance_class: db.serverless, instances: 2, serverless: { min_acu: 0.5, max_acu: 4 } }
  database:
    type: rds
    resource: arn:aws:rds:eu-west-2:111122223333:db:orders
    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
  documents:
    type: s3
    resource: arn:aws:s3:::orders-documents
    with: { kms_key: "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001" }
  files:
    type: efs
    resource: arn:aws:elasticfilesystem:eu-west-2:111122223333:file-system/fs-0a1b2c3d4e5f60718
    with: { subnets: [subnet-0a1b2c3d4e5f60718, subnet-0b1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718] }
  graph:
    type: neptune
    resource: arn:aws:rds:eu-west-2:111122223333:cluster:graph
    with: { instance_class: db.r6g.large }
  lustre:
    type: fsx
    resource: arn:aws:fsx:eu-west-2:111122223333:file-system/fs-0a1b2c3d4e5f60718
    with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], lustre: {} }
  server:
    type: ec2
    resource: arn:aws:ec2:eu-west-2:111122223333:instance/i-0123456789abcdef0
    with: { subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }
  table:
    type: dynamodb
    resource: arn:aws:dynamodb:eu-west-2:111122223333:table/carts
  volume:
    type: ebs
    resource: arn:aws:ec2:eu-west-2:111122223333:volume/vol-0a1b2c3d4e5f60718
    with:
      availability_zone: eu-west-1a
      attach: { instance: i-0fedcba9876543210, device: /dev/sdf }
actions:
  configure:
    on: server
    ssm: { script: "printf '%s' ${{ restore.database.endpoint.host }} > /etc/shop.env" }
    undo: { ssm: { script: rm -f /etc/shop.env } }
probes:
  answers: { on: server, needs: [configure], tcp: { port: 443 } }
  of-cluster: { on: cluster, describe: {}, expect: { status: { equals: available } } }
  of-database: { on: database, describe: {}, expect: { status: { equals: available } } }
  of-documents: { on: documents, describe: {}, expect: { status: { equals: available } } }
  of-files: { on: files, describe: {}, expect: { status: { equals: available } } }
  of-graph: { on: graph, describe: {}, expect: { status: { equals: available } } }
  of-lustre: { on: lustre, describe: {}, expect: { status: { equals: available } } }
  of-table: { on: table, describe: {}, expect: { status: { equals: available } } }
  of-volume: { on: volume, describe: {}, expect: { status: { equals: available } } }
"#;

fn told(report: &str) -> Context {
    let paper = Paper::begin(&worlds::definition(&format!("{EVERYTHING}{report}")));
    context(&paper.state, &[], TYPES)
}

fn commands(restore: &RestoreFacts) -> String {
    restore.by_hand.iter().map(|one| one.command.as_str()).collect::<Vec<_>>().join("\n")
}

fn of<'a>(context: &'a Context, name: &str) -> &'a RestoreFacts {
    context.restores.iter().find(|restore| restore.name == name).expect("the restore")
}

/// Words that stand for something else: in capitals with an underscore, or an id that AWS is still to give.
fn placeholders(command: &str) -> Vec<&str> {
    let words = command.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
    let stands = |word: &&str| {
        let capitals = word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let option = *word == "DELETE_CHILD_VOLUMES_AND_SNAPSHOTS";
        (capitals && !option) || word.to_ascii_lowercase().ends_with("id_of_the_restored_resource")
    };
    words.filter(stands).collect()
}

#[test]
fn whatever_is_to_be_filled_in_is_explained() {
    for report in ["", "report: { redact: [account_ids, restore_metadata] }\n"] {
        for restore in &told(report).restores {
            let (commands, explained) = (commands(restore), restore.fill_in.join("\n"));
            let words = placeholders(&commands);
            assert!(words.contains(&"RESTORE_JOB_ID"), "{}: {words:?}", restore.name);
            for word in words {
                assert!(explained.contains(word), "{}: nothing explains {word}:\n{explained}", restore.name);
            }
        }
    }
}

#[test]
fn a_shell_reads_every_command() {
    for restore in &told("").restores {
        assert!(restore.by_hand.len() >= 7, "{}: {:?}", restore.name, restore.by_hand);
        for one in &restore.by_hand {
            let read = Command::new("sh").args(["-n", "-c", &one.command]).output().expect("there is a shell");
            let complaint = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(read.status.success(), "{}: {complaint}\n{}", restore.name, one.command);
        }
    }
}

#[test]
fn what_is_restored_by_hand_never_bears_a_name_of_the_run() {
    let context = told("");
    for restore in &context.restores {
        let commands = commands(restore);
        assert!(!commands.contains("drill-07070707"), "a sweep would take it for a leftover:\n{commands}");
    }
    for name in ["cluster", "database", "documents", "graph", "table"] {
        let restore = of(&context, name);
        let own = format!("hand-07070707-{name}");
        assert!(commands(restore).contains(&own), "{}", commands(restore));
        assert!(restore.fill_in.iter().any(|line| line.starts_with(&own)), "{:?}", restore.fill_in);
    }
}

#[test]
fn what_the_run_would_add_is_added_by_hand_too() {
    let context = told("");
    let files = commands(of(&context, "files"));
    for subnet in ["subnet-0a1b2c3d4e5f60718", "subnet-0b1b2c3d4e5f60718"] {
        let wanted = format!("--subnet-id {subnet} --security-groups sg-0a1b2c3d4e5f60718");
        assert!(files.contains(&wanted), "{files}");
    }
    let cluster = commands(of(&context, "cluster"));
    assert_eq!(cluster.matches("create-db-instance").count(), 2, "{cluster}");
    assert!(cluster.contains("--db-instance-class db.serverless "), "{cluster}");
    let volume = commands(of(&context, "volume"));
    assert!(volume.contains("--instance-id i-0fedcba9876543210 --device /dev/sdf"), "{volume}");
    let lustre = commands(of(&context, "lustre"));
    assert_eq!(lustre.matches("aws fsx delete-file-system").count(), 1, "the one of its own kind: {lustre}");
}

#[test]
fn a_person_is_told_whose_credentials_the_order_and_how_to_undo() {
    let context = told("");
    let place = |part: &str| {
        let found = context.by_hand.iter().position(|text| text.contains(part));
        found.unwrap_or_else(|| panic!("`{part}` is not in {:?}", context.by_hand))
    };
    assert_eq!(place("credentials of the account 123456789012"), 0);
    assert!(place("Wait until AWS has made cluster") < place("Add what cluster lacks"), "{:?}", context.by_hand);
    let action = &context.by_hand[place("Do what the action configure does")];
    assert!(
        action.contains("script: printf '%s' ${{") && action.contains("take what the restore by hand gave"),
        "{action}"
    );
    assert!(place("Undo the action configure: ssm, script: rm -f /etc/shop.env.") > place("probe answers asks"));
}

#[test]
fn no_setting_that_the_definition_redacts_stands_in_a_command() {
    for restore in &told("report: { redact: [restore_metadata] }\n").restores {
        let commands = commands(restore);
        for hidden in ["sg-0", "subnet-0", "i-0fedcba9876543210", "key/0a1b2c3d"] {
            assert!(!commands.contains(hidden), "{}: {hidden} stands in:\n{commands}", restore.name);
        }
    }
    // That only which kind it is may be shown is enough to remove it.
    let context = told("report: { redact: [restore_metadata] }\n");
    assert!(commands(of(&context, "lustre")).contains("--lustre-configuration SkipFinalBackup=true"));
}
