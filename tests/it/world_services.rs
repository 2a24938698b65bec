//! What a preflight asks the simulated AWS, over raw HTTP; and that a fault which it would have found has the effect that
//! AWS has, for whoever did not look.

use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::resource_file::KnownResource;
use restore_drill::sandbox::{Fault, Sandbox, What, WorldFile, access_key};
use restore_drill::words::kind::ResourceKind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::worlds::{self, ACCOUNT, HERE, THERE};

/// No answer takes longer, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

/// World time hardly moves by itself: the tests move it.
const STANDING: f64 = 0.001;

/// What the definition names of the destination.
const WITH: &str = "with: { instance_class: db.m7g.large, subnet_group: drill-isolated, security_groups: \
                    [sg-0a1b2c3d4e5f60718], parameter_group: drill-parameters, option_group: drill-options }";

const VOLUME: &str = r#"version: 1
name: orders
title: One volume
owner: platform@example.com
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-rds-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders:
    type: ebs
    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718
    with: { availability_zone: eu-west-1a }
probes:
  described:
    on: orders
    describe: {}
    expect: { status: { not_null: true } }
"#;

/// A world with a database.
async fn world() -> Sandbox {
    let usual = "with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: \
                 [sg-0a1b2c3d4e5f60718] }";
    let definition = worlds::definition(&worlds::orders_with(usual, WITH));
    worlds::start(&definition, worlds::QUICK, STANDING).await
}

/// A fault, narrowed down to a restore or a type.
fn about(what: What, resource: &str) -> Fault {
    Fault { resource: Some(resource.to_owned()), ..Fault::new(what) }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    #[track_caller]
    fn has(&self, status: u16, words: &str) {
        assert!(self.status == status && self.body.contains(words), "no `{words}` in {}: {}", self.status, self.body);
    }
}

/// One request to a service of a region. `line` is method and path, `headers` end with a line break each.
async fn send(sandbox: &Sandbox, place: (&str, &str), line: &str, headers: &str, body: &str) -> Answer {
    let (service, region) = place;
    let mut stream = TcpStream::connect(sandbox.url().replace("http://", "")).await.expect("the sandbox listens");
    let key = access_key(&ACCOUNT.parse().expect("twelve digits"));
    let request = format!(
        "{line} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {}\r\n{headers}Authorization: \
         AWS4-HMAC-SHA256 Credential={key}/20261121/{region}/{service}/aws4_request, SignedHeaders=host, \
         Signature=none\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").expect("the answer can be read");
    let text = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = text.split_once("\r\n\r\n").expect("the answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// AWS Backup, and whatever else speaks REST.
async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, ("backup", THERE), &format!("GET {path}"), "", "").await
}

/// What is asked with a form: IAM, RDS, EC2.
async fn form(sandbox: &Sandbox, service: &str, form: &str) -> Answer {
    send(sandbox, (service, THERE), "POST /", "", form).await
}

/// What is asked with a target: KMS, Service Quotas.
async fn target(sandbox: &Sandbox, service: &str, target: &str, input: &Value) -> Answer {
    let headers = format!("X-Amz-Target: {target}\r\n");
    send(sandbox, (service, THERE), "POST /", &headers, &input.to_string()).await
}

/// The newest copy that can be restored.
async fn newest(sandbox: &Sandbox) -> String {
    let points = get(sandbox, "/backup-vaults/prod-rds-vault-dr/recovery-points?maxResults=1000").await.json();
    let points = points["RecoveryPoints"].as_array().expect("a list").clone();
    let eligible =
        points.iter().filter(|point| point["Status"] == "COMPLETED" && point["Lifecycle"]["DeleteAfterDays"] == 35);
    let newest =
        eligible.max_by(|a, b| a["CreationDate"].as_f64().partial_cmp(&b["CreationDate"].as_f64()).expect("numbers"));
    newest.expect("a recovery point")["RecoveryPointArn"].as_str().expect("an ARN").to_owned()
}

async fn start(sandbox: &Sandbox, point: &str, metadata: &Value) -> Answer {
    let body = json!({
        "RecoveryPointArn": point,
        "IamRoleArn": "arn:aws:iam::123456789012:role/drill-restore",
        "Metadata": metadata,
    });
    send(sandbox, ("backup", THERE), "PUT /restore-jobs", "", &body.to_string()).await
}

/// As the definition asks for it.
fn database() -> Value {
    json!({
        "DBInstanceIdentifier": "drill-orders",
        "DBInstanceClass": "db.m7g.large",
        "DBSubnetGroupName": "drill-isolated",
        "VpcSecurityGroupIds": "[\"sg-0a1b2c3d4e5f60718\"]",
        "DBParameterGroupName": "drill-parameters",
        "OptionGroupName": "drill-options",
    })
}

/// Restores, and answers how the job ended.
async fn restored(sandbox: &Sandbox, metadata: &Value) -> Value {
    let point = newest(sandbox).await;
    let started = start(sandbox, &point, metadata).await;
    assert_eq!(started.status, 200, "{}", started.body);
    let job = started.json()["RestoreJobId"].as_str().expect("an id").to_owned();
    sandbox.advance(SignedDuration::from_mins(30));
    get(sandbox, &format!("/restore-jobs/{job}")).await.json()
}

#[tokio::test]
async fn what_somebody_denies_refuses_the_restore() {
    let cases = [
        (Fault::new(What::VaultDenies), 403, "AccessDeniedException", "explicit deny"),
        (Fault::new(What::PassRoleDenied), 403, "AccessDeniedException", "iam:PassRole"),
        (Fault::new(What::RoleMissing), 400, "InvalidParameterValueException", "cannot be assumed by AWS Backup"),
        (
            about(What::RoleUntrusted, "orders"),
            400,
            "InvalidParameterValueException",
            "cannot be assumed by AWS Backup",
        ),
        (about(What::NotOptedIn, "rds"), 400, "InvalidRequestException", "opted in"),
        (Fault::new(What::RegionDisabled), 403, "OptInRequired", THERE),
    ];
    for (fault, status, code, words) in cases {
        let sandbox = world().await;
        let point = newest(&sandbox).await;
        sandbox.add_fault(fault);
        let refused = start(&sandbox, &point, &database()).await;
        refused.has(status, words);
        assert_eq!(refused.json()["Code"], code, "{}", refused.body);
        assert!(sandbox.inventory().restore_jobs.is_empty());
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn what_the_restore_lacks_fails_the_job() {
    let cases = [
        (Fault::new(What::RolePowerless), "Access Denied"),
        (Fault::new(What::RolePowerless).on("rds:AddTagsToResource"), "rds:AddTagsToResource"),
        (Fault::new(What::KeyNoGrants), "kms:CreateGrant"),
        (Fault::new(What::SingleZone), "DBSubnetGroupDoesNotCoverEnoughAZs"),
        (about(What::ParameterGroupMissing, "orders"), "DBParameterGroupNotFound"),
        (Fault::new(What::OptionGroupMissing), "OptionGroupNotFoundFault"),
        (about(What::ClassNotOffered, "rds"), "DBInstanceClass=db.m7g.large"),
        (Fault::new(What::QuotaFull), "InstanceQuotaExceeded"),
    ];
    for (fault, words) in cases {
        let sandbox = world().await;
        sandbox.add_fault(fault);
        let job = restored(&sandbox, &database()).await;
        assert_eq!(job["Status"], "FAILED", "{words}: {job}");
        assert!(job["StatusMessage"].as_str().is_some_and(|text| text.contains(words)), "{words}: {job}");
        assert_eq!(sandbox.inventory().restored().count(), 0, "{words}");
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn what_another_type_lacks_is_no_obstacle() {
    let faults = [
        Fault::new(What::RolePowerless).on("s3:PutObject"),
        Fault::new(What::RolePowerless).on("iam:PassRole"),
        about(What::NotOptedIn, "s3"),
        about(What::QuotaFull, "ebs"),
        about(What::ClassNotOffered, "ec2"),
    ];
    let sandbox = world().await;
    for fault in faults {
        sandbox.add_fault(fault);
    }
    let job = restored(&sandbox, &database()).await;
    assert_eq!(job["Status"], "COMPLETED", "{job}");
    sandbox.stop().await;
}

#[tokio::test]
async fn the_restore_role_is_what_the_faults_make_it() {
    const ASK: &str = "Action=GetRole&Version=2010-05-08&RoleName=drill-restore";
    const MAY: &str = "Action=SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::123456789012:role/drill-restore\
                       &ActionNames.member.1=rds:CreateDBInstance&ActionNames.member.2=s3:PutObject";
    let sandbox = world().await;
    form(&sandbox, "iam", ASK).await.has(200, "backup.amazonaws.com");
    let decided = form(&sandbox, "iam", MAY).await;
    assert_eq!(decided.body.matches("<EvalDecision>allowed</EvalDecision>").count(), 2, "{}", decided.body);
    sandbox.add_fault(Fault::new(What::RolePowerless).on("s3:*"));
    let decided = form(&sandbox, "iam", MAY).await;
    assert_eq!(decided.body.matches("<EvalDecision>allowed</EvalDecision>").count(), 1, "{}", decided.body);
    decided.has(200, "<EvalDecision>implicitDeny</EvalDecision>");
    let attached = form(&sandbox, "iam", "Action=ListAttachedRolePolicies&RoleName=drill-restore").await;
    attached.has(200, "AWSBackupServiceRolePolicyForRestores");
    assert!(!attached.body.contains("S3Restore"), "{}", attached.body);
    sandbox.add_fault(Fault::new(What::RoleUntrusted));
    let role = form(&sandbox, "iam", ASK).await;
    assert!(role.status == 200 && !role.body.contains("backup.amazonaws.com"), "{}", role.body);
    sandbox.add_fault(Fault::new(What::RoleMissing));
    form(&sandbox, "iam", ASK).await.has(404, "<Code>NoSuchEntity</Code>");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_simulation_of_the_caller_knows_what_the_caller_is_denied() {
    const MAY: &str = "Action=SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::123456789012:user/sandbox\
                       &ActionNames.member.1=iam:PassRole&ActionNames.member.2=rds:DeleteDBInstance";
    let sandbox = world().await;
    let allowed = async |sandbox: &Sandbox| {
        let decided = form(sandbox, "iam", MAY).await;
        decided.body.matches("<EvalDecision>allowed</EvalDecision>").count()
    };
    assert_eq!(allowed(&sandbox).await, 2);
    sandbox.add_fault(Fault::new(What::PassRoleDenied));
    assert_eq!(allowed(&sandbox).await, 1);
    sandbox.add_fault(Fault::new(What::AccessDenied).on("rds:Delete*"));
    assert_eq!(allowed(&sandbox).await, 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn settings_policies_and_quotas_show_what_is_wrong() {
    let sandbox = world().await;
    sandbox.add_fault(about(What::NotOptedIn, "RDS"));
    let settings = get(&sandbox, "/account-settings").await.json();
    assert_eq!(settings["ResourceTypeOptInPreference"]["RDS"], false, "{settings}");
    assert_eq!(settings["ResourceTypeOptInPreference"]["EBS"], true, "{settings}");

    let path = "/backup-vaults/prod-rds-vault-dr/access-policy";
    get(&sandbox, path).await.has(400, "ResourceNotFoundException");
    sandbox.add_fault(Fault::new(What::VaultDenies));
    get(&sandbox, path).await.has(200, "backup:StartRestoreJob");

    let vault = get(&sandbox, "/backup-vaults/prod-rds-vault-dr").await.json();
    let key = json!({ "KeyId": vault["EncryptionKeyArn"] });
    target(&sandbox, "kms", "TrentService.ListGrants", &key).await.has(200, "role/drill-restore");
    target(&sandbox, "kms", "TrentService.GetKeyPolicy", &key).await.has(200, ":root");
    sandbox.add_fault(Fault::new(What::KeyNoGrants));
    let grants = target(&sandbox, "kms", "TrentService.ListGrants", &key).await.json();
    assert_eq!(grants["Grants"], json!([]));
    let policy = target(&sandbox, "kms", "TrentService.GetKeyPolicy", &key).await;
    assert!(policy.status == 200 && !policy.body.contains(":root"), "{}", policy.body);

    let quota = json!({ "ServiceCode": "rds", "QuotaCode": "L-7B6409FD" });
    let value = async |sandbox: &Sandbox| {
        let quota = target(sandbox, "servicequotas", "ServiceQuotasV20190624.GetServiceQuota", &quota).await;
        quota.json()["Quota"]["Value"].clone()
    };
    assert_eq!(value(&sandbox).await, json!(40.0));
    sandbox.add_fault(about(What::QuotaFull, "rds"));
    assert_eq!(value(&sandbox).await, json!(0.0));
    form(&sandbox, "rds", "Action=DescribeAccountAttributes")
        .await
        .has(200, "<AccountQuotaName>DBInstances</AccountQuotaName><Used>0</Used><Max>0</Max>");

    let class = "Action=DescribeOrderableDBInstanceOptions&Engine=postgres&DBInstanceClass=db.m7g.large";
    form(&sandbox, "rds", class).await.has(200, "<DBInstanceClass>db.m7g.large</DBInstanceClass>");
    sandbox.add_fault(Fault::new(What::ClassNotOffered));
    let offered = form(&sandbox, "rds", class).await;
    assert!(offered.status == 200 && !offered.body.contains("db.m7g.large</DBInstanceClass>"), "{}", offered.body);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_region_that_is_not_enabled_says_so_and_nothing_else() {
    const ALL: &str = "Action=DescribeRegions&AllRegions=true";
    let sandbox = world().await;
    sandbox.add_fault(Fault::new(What::RegionDisabled));
    form(&sandbox, "ec2", "Action=DescribeVpcs").await.has(403, "<Code>OptInRequired</Code>");
    form(&sandbox, "sts", "Action=GetCallerIdentity").await.has(200, ACCOUNT);
    for region in [HERE, THERE] {
        let regions = send(&sandbox, ("ec2", region), "POST /", "", ALL).await;
        regions.has(200, &format!("ec2.{THERE}.amazonaws.com</regionEndpoint><optInStatus>not-opted-in</optInStatus>"));
    }
    let enabled = send(&sandbox, ("ec2", HERE), "POST /", "", "Action=DescribeRegions").await;
    assert!(enabled.status == 200 && !enabled.body.contains(THERE), "{}", enabled.body);
    sandbox.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_world_s_time() {
    let sandbox = world().await;
    let date = |answer: &Answer| -> Vec<String> {
        answer.head.lines().filter_map(|line| line.strip_prefix("date: ")).map(str::to_owned).collect()
    };
    let answer = get(&sandbox, "/backup-vaults").await;
    assert_eq!(date(&answer), ["sat, 21 nov 2026 12:00:00 gmt"]);
    sandbox.add_fault(Fault { by: Some(Span(SignedDuration::from_mins(10))), ..Fault::new(What::ClockSkew) });
    let refused = form(&sandbox, "iam", "Action=GetRole&RoleName=nobody").await;
    assert_eq!(date(&refused), ["sat, 21 nov 2026 12:10:00 gmt"]);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_plan_that_selects_everything_backs_up_what_is_left_lying() {
    let sandbox = world().await;
    assert_eq!(get(&sandbox, "/backup/plans").await.json()["BackupPlansList"], json!([]));
    sandbox.add_fault(Fault::new(What::BackupPlanSelectsAll));
    let plans = get(&sandbox, "/backup/plans").await.json();
    let plan = plans["BackupPlansList"][0]["BackupPlanId"].as_str().expect("a plan").to_owned();
    let selections = get(&sandbox, &format!("/backup/plans/{plan}/selections")).await.json();
    let selection = selections["BackupSelectionsList"][0]["SelectionId"].as_str().expect("a selection").to_owned();
    let selected = get(&sandbox, &format!("/backup/plans/{plan}/selections/{selection}")).await.json();
    assert_eq!(selected["BackupSelection"]["Resources"], json!(["*"]));
    let job = restored(&sandbox, &database()).await;
    let strays = || {
        let things = sandbox.inventory().things;
        things.into_iter().filter(|thing| thing.kind == "backup:recovery-point").collect::<Vec<_>>()
    };
    assert!(strays().is_empty());
    sandbox.advance(SignedDuration::from_hours(2));
    let made_by: Vec<Option<String>> = strays().into_iter().map(|stray| stray.made_by_restore_job).collect();
    assert_eq!(made_by, [job["RestoreJobId"].as_str().map(str::to_owned)]);
    sandbox.stop().await;
}

#[tokio::test]
async fn the_recycle_bin_keeps_a_deleted_volume() {
    let definition = worlds::definition(VOLUME);
    for keeps in [false, true] {
        let sandbox = worlds::start(&definition, worlds::QUICK, STANDING).await;
        if keeps {
            sandbox.add_fault(Fault::new(What::RecycleBin));
        }
        let rules =
            send(&sandbox, ("rbin", THERE), "POST /list-rules", "", "{\"ResourceType\":\"EBS_VOLUME\"}").await.json();
        assert_eq!(rules["Rules"].as_array().map(Vec::len), Some(usize::from(keeps)), "{rules}");
        let job = restored(&sandbox, &json!({ "availabilityZone": "eu-west-1a" })).await;
        let arn = job["CreatedResourceArn"].as_str().unwrap_or_else(|| panic!("nothing was made: {job}"));
        let id = arn.rsplit('/').next().expect("an id");
        form(&sandbox, "ec2", &format!("Action=DeleteVolume&VolumeId={id}")).await.has(200, "<return>true</return>");
        sandbox.advance(SignedDuration::from_mins(5));
        form(&sandbox, "ec2", &format!("Action=DescribeVolumes&VolumeId.1={id}"))
            .await
            .has(400, "InvalidVolume.NotFound");
        let left: Vec<String> = sandbox.inventory().restored().map(|thing| thing.state.clone()).collect();
        assert_eq!(left, if keeps { vec!["recycle-bin".to_owned()] } else { Vec::new() });
        sandbox.stop().await;
    }
}

#[test]
fn a_world_file_s_fault_must_be_able_to_hit() {
    let read = |fault: &str| WorldFile::read("w.yaml", &format!("version: 1\nfaults: [{{ {fault} }}]\n"));
    let message = |fault: &str| read(fault).expect_err("it is a mistake").to_string();
    let error = message("what: throttle, operation: \"rds:DeleteDBInstnce\"");
    assert!(error.contains("did you mean `DeleteDBInstance`?"), "{error}");
    let error = message("what: role_mising");
    assert!(error.contains("did you mean `role_missing`?"), "{error}");
    assert!(message("what: clock_skew").contains("`by`"));
    let known = [KnownResource { name: "orders".to_owned(), kind: ResourceKind::Rds }];
    let fits = |fault: &str| read(fault).expect("it is well formed").check("w.yaml", &known).is_ok();
    assert!(fits("what: not_opted_in, resource: rds") && fits("what: not_opted_in, resource: orders"));
    assert!(!fits("what: not_opted_in, resource: billing") && !fits("what: job_failed, resource: rds"));
}
