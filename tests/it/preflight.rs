//! The preflight: each check against a world that makes it fail, and against one in which nobody may look.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use restore_drill::aws::resource::facts;
use restore_drill::cloud::check::{Check, CheckResult};
use restore_drill::definition::load::load;
use restore_drill::run::step::preflight::{Survey, survey};
use restore_drill::words::id::RunId;
use restore_drill::words::kind::{CheckId, Verdict};

use crate::harness::check::assert_untouched;
use crate::harness::child::Drill;
use crate::harness::life::{Bench, conclusion};
use crate::harness::worlds::{self, STEADY};

/// [`worlds::ORDERS`] with a parameter group and an option group.
fn with_groups() -> String {
    worlds::orders_with("subnet_group:", "parameter_group: drill-postgres, option_group: drill-postgres, subnet_group:")
}

/// Of another type, without anything that a type does not need.
fn of_type(restore: &str) -> String {
    let (head, rest) = worlds::ORDERS.split_once("    type: rds\n").expect("it restores a database");
    let (_, probes) = rest.split_once("    timeout: 10d\n").expect("it has time");
    let (_, after) = probes.split_once("    retry: { for: 2d, every: 15s }\n").expect("it has a probe");
    let probe = "probes:\n  described:\n    on: orders\n    describe: {}\n    expect: { status: { not_null: true } }\n";
    format!("{head}{restore}    timeout: 10d\n{probe}{after}")
}

fn volume() -> String {
    of_type(
        "    type: ebs\n    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718\n    \
         with: { availability_zone: eu-west-1a }\n",
    )
}

fn server() -> String {
    of_type(
        "    type: ec2\n    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718\n    \
         with: { instance_type: t3.medium, subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }\n",
    )
}

fn bucket() -> String {
    of_type("    type: s3\n    resource: arn:aws:s3:::orders-prod-example\n")
}

/// A world with this fault; none for an empty text.
fn world(fault: &str) -> String {
    let faults = if fault.is_empty() { String::new() } else { format!("faults:\n  - {{ {fault} }}\n") };
    format!("version: 1\nstarts: \"2026-11-21T12:00:00Z\"\n{faults}")
}

fn run_id() -> RunId {
    RunId::new(1_795_262_400_000, [7; 10])
}

/// What the preflight finds; the world is untouched by it.
async fn found(case: &str, definition: &str, fault: &str) -> Survey {
    let bench = Bench::at_speed(definition, &world(fault), STEADY).await;
    let survey = survey(&bench.plan.definition, &bench.services, &run_id()).await;
    assert_untouched(case, &bench.before, &bench.inventory());
    survey
}

fn of(survey: &Survey, id: CheckId) -> Vec<&Check> {
    survey.checks.iter().filter(|check| check.id == id).collect()
}

/// The ids of what is not as it is in a world in which nothing is wrong.
fn changed(quiet: &Survey, survey: &Survey) -> BTreeSet<CheckId> {
    let results = |survey: &Survey| -> BTreeSet<(CheckId, String, &'static str)> {
        survey.checks.iter().map(|check| (check.id, check.what.clone(), check.result.word())).collect()
    };
    let (before, after) = (results(quiet), results(survey));
    after.difference(&before).map(|(id, _, _)| *id).collect()
}

/// One world in which something is wrong.
struct Wrong {
    fault: &'static str,
    /// What finds it, and with which result.
    id: CheckId,
    result: CheckResult,
    /// A piece of the mend.
    mend: &'static str,
    /// What else cannot be right then.
    besides: &'static [CheckId],
}

const fn wrong(fault: &'static str, id: CheckId, result: CheckResult, mend: &'static str) -> Wrong {
    Wrong { fault, id, result, mend, besides: &[] }
}

async fn finds(definition: &str, cases: &[Wrong]) {
    let quiet = found("nothing is wrong", definition, "").await;
    let bad: Vec<&Check> = quiet.checks.iter().filter(|check| check.has_failed()).collect();
    assert!(bad.is_empty(), "nothing is wrong: {bad:#?}");
    for Wrong { fault, id, result, mend, besides } in cases {
        let survey = found(fault, definition, fault).await;
        let found = of(&survey, *id);
        let one = found.iter().find(|check| check.result == *result);
        let one = one.unwrap_or_else(|| panic!("{fault}: {id} did not say {result:?}: {found:#?}"));
        let said = one.mend.as_deref().unwrap_or_default();
        assert!(said.contains(mend), "{fault}: `{mend}` is not in: {said}");
        let mut wanted: BTreeSet<CheckId> = besides.iter().copied().collect();
        wanted.insert(*id);
        assert_eq!(changed(&quiet, &survey), wanted, "{fault}: {:#?}", survey.checks);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_check_of_a_database_finds_what_it_is_for_and_nothing_else() {
    use CheckResult::{Failed, Warning};
    finds(
        &with_groups(),
        &[
            wrong("what: clock_skew, by: 1h", CheckId::ClockSkew, Failed, "NTP"),
            wrong("what: not_opted_in, resource: rds", CheckId::RegionOptIn, Warning, "update-region-settings"),
            wrong("what: vault_denies", CheckId::VaultPolicy, Failed, "get-backup-vault-access-policy"),
            wrong("what: key_disabled", CheckId::VaultKey, Warning, "aws kms enable-key"),
            wrong("what: key_no_grants", CheckId::KeyAccess, Failed, "aws kms create-grant"),
            wrong("what: role_untrusted", CheckId::RoleTrust, Failed, "update-assume-role-policy"),
            wrong("what: pass_role_denied", CheckId::RolePass, Failed, "iam:PassedToService"),
            Wrong {
                // AWS's own policy is no longer there, or it could do it.
                besides: &[CheckId::RolePolicy],
                ..wrong(
                    "what: role_powerless, operation: \"rds:RestoreDBInstanceFromDBSnapshot\"",
                    CheckId::RoleActions,
                    Failed,
                    "policy/service-role/AWSBackupServiceRolePolicyForRestores",
                )
            },
            Wrong {
                besides: &[CheckId::RolePolicy],
                ..wrong(
                    "what: role_powerless, operation: \"rds:AddTagsToResource\"",
                    CheckId::RoleActions,
                    Warning,
                    "policy/service-role/AWSBackupServiceRolePolicyForRestores",
                )
            },
            wrong(
                "what: access_denied, operation: \"backup:StartRestoreJob\"",
                CheckId::CallerStart,
                Failed,
                "\"Action\":\"backup:StartRestoreJob\",\"Resource\":\"arn:aws:rds:eu-west-1:",
            ),
            wrong(
                "what: access_denied, operation: \"rds:DeleteDBInstance\"",
                CheckId::CallerTeardown,
                Failed,
                "\"Action\":\"rds:DeleteDBInstance\"",
            ),
            wrong(
                "what: access_denied, operation: \"rds:AddTagsToResource\"",
                CheckId::CallerTag,
                Warning,
                "\"Action\":\"rds:AddTagsToResource\"",
            ),
            wrong("what: single_zone", CheckId::NetworkSubnets, Failed, "modify-db-subnet-group"),
            wrong("what: parameter_group_missing", CheckId::DatabaseParameterGroup, Failed, "drill-postgres"),
            wrong("what: option_group_missing", CheckId::DatabaseOptionGroup, Failed, "drill-postgres"),
            wrong("what: class_not_offered", CheckId::ComputeClass, Failed, "describe-orderable-db-instance-options"),
            wrong("what: quota_full, resource: rds", CheckId::QuotaHeadroom, Failed, "--quota-code L-7B6409FD"),
            wrong("what: backup_plan_selects_all", CheckId::PlansSelection, Warning, "aws:ResourceTag/drill:run"),
        ],
    )
    .await;
}

/// Of a role that is not there nothing else can be asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_not_there_is_found_with_the_command_that_makes_it() {
    let survey = found("role_missing", worlds::ORDERS, "what: role_missing").await;
    let [one] = of(&survey, CheckId::RoleExists)[..] else { panic!("one check of one role: {:#?}", survey.checks) };
    assert_eq!(one.result, CheckResult::Failed);
    let mend = one.mend.as_deref().unwrap_or_default();
    assert!(mend.contains("aws iam create-role --role-name drill-restore"), "{mend}");
    assert!(of(&survey, CheckId::RoleTrust).is_empty() && of(&survey, CheckId::RoleActions).is_empty());
}

/// The vault cannot be asked there, and nothing else is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_not_enabled_is_called_that() {
    let survey = found("region_disabled", worlds::ORDERS, "what: region_disabled").await;
    let [one] = of(&survey, CheckId::RegionEnabled)[..] else { panic!("one check: {:#?}", survey.checks) };
    assert_eq!(one.result, CheckResult::Failed);
    assert!(one.mend.as_deref().is_some_and(|mend| mend.contains("enable-region --region-name eu-west-1")), "{one:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_subnet_group_there_must_be_a_default_vpc() {
    let definition = worlds::orders_with("subnet_group: drill-isolated, ", "");
    let quiet = found("a default VPC", &definition, "").await;
    assert_eq!(of(&quiet, CheckId::NetworkDefaultVpc)[0].result, CheckResult::Warning);
    let survey = found("no_default_vpc", &definition, "what: no_default_vpc").await;
    let one = of(&survey, CheckId::NetworkDefaultVpc)[0];
    assert_eq!(one.result, CheckResult::Failed);
    assert!(one.mend.as_deref().is_some_and(|mend| mend.contains("create-db-subnet-group")), "{one:?}");
    let denied = found("denied", &definition, "what: access_denied, operation: \"ec2:DescribeVpcs\"").await;
    assert_eq!(of(&denied, CheckId::NetworkDefaultVpc)[0].result, CheckResult::NotChecked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_the_recycle_bin_would_keep_is_pointed_at() {
    let recycles = wrong("what: recycle_bin", CheckId::RecycleBinRules, CheckResult::Warning, "drill:run");
    finds(&volume(), &[recycles]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_needs_a_policy_of_its_own() {
    let policy = "policy/AWSBackupServiceRolePolicyForS3Restore";
    let besides = &[CheckId::RoleActions];
    let powerless =
        wrong("what: role_powerless, operation: \"s3:*\"", CheckId::RolePolicy, CheckResult::Warning, policy);
    finds(&bucket(), &[Wrong { besides, ..powerless }]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protection_that_the_definition_asks_for_is_pointed_at() {
    let quiet = found("none", worlds::ORDERS, "").await;
    assert_eq!(of(&quiet, CheckId::ProtectionAsked)[0].result, CheckResult::Ok);
    let asked =
        worlds::orders_with("    timeout: 10d\n", "    metadata: { DeletionProtection: \"true\" }\n    timeout: 10d\n");
    let survey = found("asked for", &asked, "").await;
    assert_eq!(of(&survey, CheckId::ProtectionAsked)[0].result, CheckResult::Warning);
}

/// What cannot be looked at is never ok: the permission is named, and nothing fails because of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_permission_it_says_not_checked_and_which_permission() {
    let definition = with_groups();
    for (operation, ids) in [
        ("ec2:DescribeRegions", &[CheckId::RegionEnabled][..]),
        ("backup:DescribeRegionSettings", &[CheckId::RegionOptIn]),
        ("backup:GetBackupVaultAccessPolicy", &[CheckId::VaultPolicy]),
        ("iam:GetRole", &[CheckId::RoleExists, CheckId::RoleTrust]),
        (
            "iam:SimulatePrincipalPolicy",
            &[
                CheckId::RoleActions,
                CheckId::RolePass,
                CheckId::CallerStart,
                CheckId::CallerTeardown,
                CheckId::CallerTag,
            ],
        ),
        ("iam:ListAttachedRolePolicies", &[CheckId::RolePolicy]),
        ("kms:DescribeKey", &[CheckId::VaultKey]),
        ("kms:GetKeyPolicy", &[CheckId::KeyAccess]),
        ("rds:DescribeDBSubnetGroups", &[CheckId::NetworkSubnets]),
        ("ec2:DescribeSecurityGroups", &[CheckId::NetworkSecurityGroups]),
        ("rds:DescribeDBParameterGroups", &[CheckId::DatabaseParameterGroup]),
        ("rds:DescribeOptionGroups", &[CheckId::DatabaseOptionGroup]),
        ("rds:DescribeOrderableDBInstanceOptions", &[CheckId::ComputeClass]),
        ("rds:DescribeAccountAttributes", &[CheckId::QuotaHeadroom]),
        ("rds:DescribeDBInstances", &[CheckId::NameFree]),
        ("backup:ListBackupPlans", &[CheckId::PlansSelection]),
    ] {
        let survey = found(operation, &definition, &format!("what: access_denied, operation: \"{operation}\"")).await;
        for id in ids {
            let checks = of(&survey, *id);
            assert!(!checks.is_empty(), "{operation}: {id} is not there");
            for check in checks {
                assert_eq!(check.result, CheckResult::NotChecked, "{operation}: {check:?}");
                assert!(
                    check.detail.contains(&format!("permission `{operation}` is missing")),
                    "{operation}: {check:?}"
                );
                assert!(check.mend.as_deref().is_some_and(|mend| mend.contains(operation)), "{operation}: {check:?}");
            }
        }
        let failed: Vec<&Check> = survey.checks.iter().filter(|check| check.has_failed()).collect();
        assert!(failed.is_empty(), "{operation}: {failed:#?}");
    }
}

/// Whatever else goes wrong with a look, the result is never ok either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_is_no_look() {
    for what in ["throttle", "error_500", "reset_before"] {
        let fault = format!("what: {what}, operation: \"iam:*\"");
        let survey = found(&fault, worlds::ORDERS, &fault).await;
        for id in
            [CheckId::RoleExists, CheckId::RoleTrust, CheckId::RoleActions, CheckId::RolePass, CheckId::RolePolicy]
        {
            for check in of(&survey, id) {
                assert_eq!(check.result, CheckResult::NotChecked, "{fault}: {check:?}");
            }
        }
    }
}

/// A server's restore hands a role to EC2, which no other type's does (facts, trap 39).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_pass_a_role_to_ec2_is_pointed_at() {
    let lacks = wrong(
        "what: role_powerless, operation: \"iam:PassRole\"",
        CheckId::RoleActions,
        CheckResult::Warning,
        "AWSBackupServiceRolePolicyForRestores",
    );
    finds(&server(), &[Wrong { besides: &[CheckId::RolePolicy], ..lacks }]).await;
}

/// Of each type more than the one action is asked about without which it cannot be restored at all.
#[test]
fn the_role_is_asked_about_all_that_a_restore_may_need() {
    let run = run_id();
    for name in ["aurora", "documentdb", "dynamodb", "ebs", "ec2", "efs", "fsx", "neptune", "rds-minimal", "s3"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("drills/{name}.yaml"));
        let definition = load(&path, &BTreeMap::new(), facts).expect("it ships").definition;
        let destination = &definition.destination;
        for (restore_name, restore) in &*definition.restore {
            let of = facts(restore.kind);
            let expected = of.expected(&run, restore_name, 1, &destination.region, &destination.account, "aws");
            let needs = of.role_needs(&restore.with, &expected, "aws");
            assert!(needs.iter().any(|need| need.vital), "{name}: nothing is vital");
            assert!(needs.iter().any(|need| !need.vital), "{name}: one action stands for all");
        }
    }
}

/// What a probe logs in with: a restore needs none of it, so it is a warning, under the name in the definition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_that_may_not_be_read_are_pointed_at_before_anything_is_restored() {
    let quiet = found("no secret", worlds::ORDERS, "").await;
    assert!(of(&quiet, CheckId::CallerSecrets).is_empty(), "{:#?}", quiet.checks);
    for (secret, operation, mend) in [
        (
            "{ secretsmanager: drill/orders }",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:drill/orders-??????",
        ),
        ("{ ssm: /drill/orders }", "ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/drill/orders"),
    ] {
        let probe = format!(
            "  has-orders:\n    on: orders\n    sql: {{ database: shop, user: drill, password: {secret}, query: \
             \"SELECT 1 AS one\" }}\n    expect: {{ one: {{ equals: 1 }} }}\n"
        );
        let definition = worlds::orders_probed_by(&probe);
        let allowed = found("allowed", &definition, "").await;
        assert_eq!(of(&allowed, CheckId::CallerSecrets)[0].result, CheckResult::Ok, "{secret}");
        let denied = found("denied", &definition, &format!("what: access_denied, operation: \"{operation}\"")).await;
        let [one] = of(&denied, CheckId::CallerSecrets)[..] else { panic!("{secret}: {:#?}", denied.checks) };
        assert_eq!(one.result, CheckResult::Warning, "{one:?}");
        assert!(one.mend.as_deref().is_some_and(|said| said.contains(mend)), "{one:?}");
    }
}

/// With dead credentials a list that looks complete names every check: none of the others was made, and each says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_dead_credentials_every_other_check_is_not_checked_and_none_is_missing() {
    let ids = |survey: &Survey| survey.checks.iter().map(|check| check.id).collect::<BTreeSet<CheckId>>();
    for definition in [with_groups(), volume(), bucket(), server()] {
        let quiet = found("alive", &definition, "").await;
        let dead = found("dead", &definition, "what: expired_token").await;
        let missing: Vec<CheckId> = ids(&quiet).difference(&ids(&dead)).copied().collect();
        assert!(missing.is_empty(), "{missing:?} are missing from {:#?}", dead.checks);
        // Which keys there are, only the vault and its recovery points say.
        let keys = BTreeSet::from([CheckId::VaultKey, CheckId::KeyAccess]);
        let more: BTreeSet<CheckId> = ids(&dead).difference(&ids(&quiet)).copied().collect();
        assert!(more.is_subset(&keys), "{more:?} would not be checked");
        let failed: Vec<CheckId> =
            dead.checks.iter().filter(|check| check.has_failed()).map(|check| check.id).collect();
        assert_eq!(failed, [CheckId::AccountIdentity], "{:#?}", dead.checks);
        let asks_nobody = [CheckId::AccountIdentity, CheckId::ClockSkew, CheckId::ProtectionAsked];
        for check in dead.checks.iter().filter(|check| !asks_nobody.contains(&check.id)) {
            assert_eq!(check.result, CheckResult::NotChecked, "{check:?}");
            assert!(check.detail.contains("sts:GetCallerIdentity"), "{check:?}");
        }
    }
}

/// Credentials of another account, and a vault that cannot be seen: nothing else is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_and_where_come_first() {
    let mut bench = Bench::at_speed(worlds::ORDERS, &world(""), STEADY).await;
    bench.use_account("999999999999").await;
    let survey = survey(&bench.plan.definition, &bench.services, &run_id()).await;
    let account = &survey.checks[0];
    assert_eq!((account.id, account.result), (CheckId::AccountIdentity, CheckResult::Failed));
    let asks_nobody = |check: &&Check| check.id != CheckId::ProtectionAsked;
    let others: BTreeSet<&str> =
        survey.checks[1..].iter().filter(asks_nobody).map(|check| check.result.word()).collect();
    assert_eq!(others, BTreeSet::from(["not checked"]), "{:#?}", survey.checks);
    assert!(account.mend.as_deref().is_some_and(|mend| mend.contains("--profile")), "{account:?}");
    assert_untouched("another account", &bench.before, &bench.inventory());

    let denied =
        found("denied", worlds::ORDERS, "what: access_denied, operation: \"backup:DescribeBackupVault\"").await;
    let vault = of(&denied, CheckId::VaultPlace)[0];
    assert_eq!(vault.result, CheckResult::Failed);
    assert!(vault.mend.as_deref().is_some_and(|mend| mend.contains("list-backup-vaults")), "{vault:?}");
}

/// A run stops there, with the mend in its advice and in its report.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_stops_at_what_has_failed_and_says_what_mends_it() {
    let case = "a role that does not trust AWS Backup";
    let bench = Bench::at_speed(worlds::ORDERS, &world("what: role_untrusted"), STEADY).await;
    let state = bench.run(case).await;
    let conclusion = conclusion(&state);
    assert_eq!(conclusion.verdict, Verdict::Inconclusive, "{:?}", conclusion.reasons);
    let advice = conclusion.reasons[0].advice.as_deref().unwrap_or_default();
    assert!(advice.contains("update-assume-role-policy") && advice.contains("nothing was started"), "{advice}");
    assert_untouched(case, &bench.before, &bench.inventory());
    bench.assert_reported(case, state.run);
    let report = std::fs::read_to_string(bench.evidence().join("report.md")).expect("it is written");
    assert!(report.contains("role.trust") && report.contains("update-assume-role-policy"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_it_all_changes_nothing_and_records_nothing() {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, STEADY).await;
    let (before, url) = (sandbox.inventory(), format!("--sandbox={}", sandbox.url()));
    let drill = Drill::new().definition("orders", worlds::ORDERS);
    let said = drill.ask(&["preflight", "orders", &url]).await.ends(0);
    assert!(said.stdout.contains("role.trust") && !said.stdout.contains('\u{1b}'), "{said:?}");
    let json = drill.ask(&["preflight", "orders", &url, "--output", "json"]).await.ends(0).json();
    assert_eq!((&json["version"], &json["drill"], &json["exit_code"]), (&1.into(), &"orders".into(), &0.into()));
    assert_eq!(json["identity"]["account"], "123456789012");
    for check in json["checks"].as_array().expect("a list") {
        let keys: Vec<&str> = check.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "what", "result", "detail", "mend"]);
    }
    assert_untouched("the command", &before, &sandbox.inventory());
    assert!(!drill.path().join(".drill").exists() && !drill.path().join("reports").exists(), "it recorded something");

    let broken =
        Drill::new().definition("orders", worlds::ORDERS).definition("orders.world", &world("what: role_missing"));
    let said = broken.ask(&["preflight", "orders", "--sandbox"]).await.ends(3);
    assert!(said.stdout.contains("failed") && said.stdout.contains("aws iam create-role"), "{said:?}");
    drill.ask(&["preflight", "nobody", "--sandbox"]).await.ends(2);
}

/// The page and the code name the same checks.
#[test]
fn the_page_lists_every_check() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/preflight.md")).expect("a page");
    let ids = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(id, _)| id);
    let ids: Vec<&str> = ids.filter(|id| id.contains('.')).collect();
    let listed: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(listed.len(), ids.len(), "a check is listed twice");
    assert_eq!(listed, CheckId::WORDS.iter().copied().collect(), "docs/preflight.md and `CheckId`");
}
