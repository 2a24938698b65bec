#!/usr/bin/env python3
"""Walks every answer of the simulated AWS against AWS's own output shapes, then restores and removes an instance.

Usage: walk.py URL

URL is that of a running `drill sandbox`. Every operation that the sandbox knows is called with an unmodified boto3; the
raw body of each answer is compared with botocore's model: unknown members, wrong types, words outside an enumeration,
missing required members. Ends with 0 when nothing was found, with 1 and one line a finding otherwise.
"""

import json
import sys
import time
import uuid
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
DESTINATION = "eu-west-1"
PATIENCE_SECONDS = 120
FINDINGS = []
SEEN = set()


def finding(where, what):
    FINDINGS.append(f"{where}: {what}")


# --- bodies against shapes -----------------------------------------------------------------------------------------


def wire_name(key, shape):
    return shape.serialization.get("name", key)


def walk_json(value, shape, where):
    kind = shape.type_name
    if value is None:
        finding(where, "is null")
    elif kind == "structure":
        walk_json_structure(value, shape, where)
    elif kind == "list":
        if not isinstance(value, list):
            finding(where, f"is {type(value).__name__}, not a list")
            return
        for index, item in enumerate(value):
            walk_json(item, shape.member, f"{where}[{index}]")
    elif kind == "map":
        if not isinstance(value, dict):
            finding(where, f"is {type(value).__name__}, not a map")
            return
        for key, item in value.items():
            # AWS Backup's restore metadata really holds nulls (facts 2.0).
            if not (item is None and where.endswith("RestoreMetadata")):
                walk_json(item, shape.value, f"{where}.{key}")
    else:
        walk_json_scalar(value, shape, where)


def walk_json_structure(value, shape, where):
    if not isinstance(value, dict):
        finding(where, f"is {type(value).__name__}, not a structure")
        return
    known = {wire_name(key, member): member for key, member in shape.members.items()}
    for key, item in value.items():
        if key not in known:
            finding(f"{where}.{key}", "is no member of the shape")
        else:
            walk_json(item, known[key], f"{where}.{key}")
    for key in shape.required_members:
        if wire_name(key, shape.members[key]) not in value:
            finding(f"{where}.{key}", "is required and missing")


def walk_json_scalar(value, shape, where):
    kind = shape.type_name
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "string": isinstance(value, str),
        "character": isinstance(value, str),
        "blob": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "long": isinstance(value, int) and not isinstance(value, bool),
        "float": number,
        "double": number,
        "timestamp": number,
    }
    if not fits.get(kind, False):
        finding(where, f"is {type(value).__name__} {value!r}, not {kind}")
    check_enum(value, shape, where)


def check_enum(value, shape, where):
    words = getattr(shape, "enum", None)
    if words and value not in words:
        finding(where, f"is {value!r}, which is none of {', '.join(words)}")


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def walk_xml(element, shape, where):
    kind = shape.type_name
    if kind == "structure":
        known = {wire_name(key, member): member for key, member in shape.members.items()}
        for child in element:
            name = local(child)
            if name not in known:
                finding(f"{where}.{name}", "is no member of the shape")
            else:
                walk_xml(child, known[name], f"{where}.{name}")
        present = {local(child) for child in element}
        for key in shape.required_members:
            if wire_name(key, shape.members[key]) not in present:
                finding(f"{where}.{key}", "is required and missing")
    elif kind == "list":
        item = shape.member.serialization.get("name", "member")
        for index, child in enumerate(element):
            if local(child) != item:
                finding(f"{where}[{index}]", f"is <{local(child)}>, not <{item}>")
            walk_xml(child, shape.member, f"{where}[{index}]")
    else:
        walk_xml_scalar(element.text or "", shape, where)


def walk_xml_scalar(text, shape, where):
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            int(text)
        elif kind in ("float", "double"):
            float(text)
        elif kind == "timestamp":
            datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        finding(where, f"is {text!r}, not {kind}")
    if kind == "boolean" and text not in ("true", "false"):
        finding(where, f"is {text!r}, not a boolean")
    check_enum(text, shape, where)


def check_answer(operation_model, response_dict, **_):
    """Called by botocore with each raw answer, before it is parsed."""
    service = operation_model.service_model
    where = f"{service.service_name}:{operation_model.name}"
    SEEN.add(where)
    headers = {key.lower(): value for key, value in response_dict["headers"].items()}
    if "x-amzn-requestid" not in headers:
        finding(where, "carries no request id")
    if response_dict["status_code"] >= 300:
        return
    body, shape = response_dict["body"], operation_model.output_shape
    if service.metadata["protocol"] in ("query", "ec2"):
        root = ElementTree.fromstring(body)
        if service.metadata["protocol"] == "ec2":
            for child in [child for child in root if local(child) == "requestId"]:
                root.remove(child)
        else:
            wrapper = f"{operation_model.name}Result"
            found = [child for child in root if local(child) == wrapper]
            if shape is not None and not found:
                finding(where, f"has no <{wrapper}>")
                return
            root = found[0] if found else ElementTree.Element("none")
        if shape is not None:
            walk_xml(root, shape, where)
    elif shape is not None:
        walk_json(json.loads(body), shape, where)


# --- calls ---------------------------------------------------------------------------------------------------------


def client(url, service, region=DESTINATION):
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=f"AKIASANDBOX{ACCOUNT}",
        aws_secret_access_key="sandbox",
        config=Config(retries={"max_attempts": 1}, read_timeout=30, connect_timeout=5),
    )
    made.meta.events.register("before-parse", check_answer)
    return made


def expect_error(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        actual = error.response["Error"]["Code"]
        if actual != code:
            finding(call.__name__, f"answered {actual}, not {code}")
    else:
        finding(call.__name__, f"succeeded instead of answering {code}")


def pages(call, key, **arguments):
    items, token, tokens = [], None, set()
    while True:
        answer = call(**arguments, **({"NextToken": token} if token else {}))
        items.extend(answer[key])
        token = answer.get("NextToken")
        if token is None:
            return items
        if token in tokens:
            finding(call.__name__, "repeats a token")
            return items
        tokens.add(token)


def walk_backup(url):
    """Reads everything of AWS Backup; returns the newest recovery point that can be restored, and its vault."""
    backup = client(url, "backup")
    vaults = pages(backup.list_backup_vaults, "BackupVaultList")
    chosen = None
    for vault in vaults:
        name = vault["BackupVaultName"]
        backup.describe_backup_vault(BackupVaultName=name)
        expect_error("ResourceNotFoundException", backup.get_backup_vault_access_policy, BackupVaultName=name)
        points = pages(backup.list_recovery_points_by_backup_vault, "RecoveryPoints", BackupVaultName=name, MaxResults=7)
        whole = pages(backup.list_recovery_points_by_backup_vault, "RecoveryPoints", BackupVaultName=name)
        if [p["RecoveryPointArn"] for p in points] != [p["RecoveryPointArn"] for p in whole]:
            finding(name, "short pages and long pages differ")
        for point in points[:5]:
            arguments = {"BackupVaultName": name, "RecoveryPointArn": point["RecoveryPointArn"]}
            backup.describe_recovery_point(**arguments)
            backup.get_recovery_point_restore_metadata(**arguments)
            backup.list_tags(ResourceArn=point["RecoveryPointArn"])
            backup.list_recovery_points_by_resource(ResourceArn=point["ResourceArn"])
        now = datetime.now(timezone.utc)
        eligible = [
            point
            for point in points
            if point["Status"] == "COMPLETED"
            and "DeleteAfterEvent" not in point["Lifecycle"]
            and point["CalculatedLifecycle"]["DeleteAt"] > now + timedelta(days=2)
            and "MoveToColdStorageAfterDays" not in point["Lifecycle"]
            and "SourceBackupVaultArn" in point
        ]
        if eligible:
            chosen = (name, max(eligible, key=lambda point: point["CreationDate"]))
    for resource in pages(backup.list_protected_resources, "Results"):
        backup.describe_protected_resource(ResourceArn=resource["ResourceArn"])
    backup.list_restore_jobs(ByCreatedAfter=datetime(2020, 1, 1))
    if pages(backup.list_backup_plans, "BackupPlansList"):
        finding("backup:ListBackupPlans", "is not empty in the destination")
    backup.get_supported_resource_types()
    backup.describe_region_settings()
    if chosen is None:
        sys.exit("walk.py: no vault of the sandbox holds a recovery point that can be restored; start it with a definition")
    return chosen


def walk_copies(url, point):
    source = point["ResourceArn"].split(":")[3]
    backup = client(url, "backup", source)
    jobs = pages(backup.list_copy_jobs, "CopyJobs", ByResourceArn=point["ResourceArn"])
    if not jobs:
        finding("backup:ListCopyJobs", f"is empty in {source}")
    for job in jobs[:2]:
        backup.describe_copy_job(CopyJobId=job["CopyJobId"])


def walk_plans(url, point):
    """The plan that made the recovery points is in the source's region, and selects by tag."""
    backup = client(url, "backup", point["ResourceArn"].split(":")[3])
    plans = pages(backup.list_backup_plans, "BackupPlansList")
    if point["CreatedBy"]["BackupPlanId"] not in [plan["BackupPlanId"] for plan in plans]:
        finding("backup:ListBackupPlans", "does not list the plan of a recovery point")
    for plan in plans:
        asked = {"BackupPlanId": plan["BackupPlanId"]}
        backup.get_backup_plan(**asked)
        for selection in pages(backup.list_backup_selections, "BackupSelectionsList", **asked):
            chosen = backup.get_backup_selection(SelectionId=selection["SelectionId"], **asked)["BackupSelection"]
            if chosen["Resources"] or not chosen["ListOfTags"]:
                finding("backup:GetBackupSelection", f"selects {chosen}")
        expect_error("ResourceNotFoundException", backup.get_backup_selection, SelectionId="no-such", **asked)
    expect_error("ResourceNotFoundException", backup.get_backup_plan, BackupPlanId="no-such-plan")


def walk_iam(url):
    """Reads the restore role: whom it trusts, what is attached to it, what it and the caller may do."""
    iam = client(url, "iam")
    role = iam.get_role(RoleName="drill-restore")["Role"]
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    if trusted != "backup.amazonaws.com":
        finding("iam:GetRole", f"trusts {trusted}")
    policies = iam.list_attached_role_policies(RoleName="drill-restore")["AttachedPolicies"]
    if "AWSBackupServiceRolePolicyForS3Restore" not in [policy["PolicyName"] for policy in policies]:
        finding("iam:ListAttachedRolePolicies", f"answers {policies}")
    for call in (iam.get_role, iam.list_attached_role_policies):
        expect_error("NoSuchEntity", call, RoleName="no-such-role")
    decisions = iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"],
        ActionNames=["rds:RestoreDBInstanceFromDBSnapshot", "iam:PassRole", "iam:CreateUser"],
        ResourceArns=["*"],
    )
    words = [result["EvalDecision"] for result in decisions["EvaluationResults"]]
    if words != ["allowed", "allowed", "implicitDeny"] or decisions["IsTruncated"]:
        finding("iam:SimulatePrincipalPolicy", f"answers {words}")
    own = client(url, "sts").get_caller_identity()["Arn"]
    own = iam.simulate_principal_policy(PolicySourceArn=own, ActionNames=["iam:PassRole"], ResourceArns=[role["Arn"]])
    if own["EvaluationResults"][0]["EvalDecision"] != "allowed":
        finding("iam:SimulatePrincipalPolicy", "does not let the caller pass the role")
    ask = {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/no-such", "ActionNames": ["iam:PassRole"]}
    expect_error("NoSuchEntity", iam.simulate_principal_policy, **ask)
    expect_error("InvalidInput", iam.simulate_principal_policy, **(ask | {"PolicySourceArn": "arn:aws:s3:::not-a-principal"}))


def walk_quotas(url):
    quotas = client(url, "service-quotas")
    for service in ("dynamodb", "ebs", "ec2", "elasticfilesystem", "rds", "s3"):
        listed = pages(quotas.list_service_quotas, "Quotas", ServiceCode=service)
        for quota in listed:
            one = quotas.get_service_quota(ServiceCode=service, QuotaCode=quota["QuotaCode"])["Quota"]
            if one != quota or one["Value"] <= 0:
                finding("service-quotas:GetServiceQuota", f"answers {one}")
    expect_error("NoSuchResourceException", quotas.get_service_quota, ServiceCode="rds", QuotaCode="L-00000000")
    expect_error("NoSuchResourceException", quotas.list_service_quotas, ServiceCode="no-such")


def walk_ground(url, point):
    sts = client(url, "sts")
    if sts.get_caller_identity()["Account"] != ACCOUNT:
        finding("sts:GetCallerIdentity", "names another account")
    sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/drill-operator", RoleSessionName="walk")
    kms = client(url, "kms")
    kms.describe_key(KeyId=point["EncryptionKeyArn"])
    kms.get_key_policy(KeyId=point["EncryptionKeyArn"], PolicyName="default")
    if not kms.list_grants(KeyId=point["EncryptionKeyArn"])["Grants"]:
        finding("kms:ListGrants", "is empty")
    expect_error("NotFoundException", kms.list_grants, KeyId=str(uuid.uuid4()))
    # A key that encrypts signs nothing.
    expect_error("UnsupportedOperationException", kms.get_public_key, KeyId=point["EncryptionKeyArn"])
    expect_error("InvalidKeyUsageException", kms.sign, KeyId=point["EncryptionKeyArn"], Message=b"x",
                 SigningAlgorithm="ECDSA_SHA_256")
    rbin = client(url, "rbin")
    if rbin.list_rules(ResourceType="EBS_VOLUME")["Rules"]:
        finding("rbin:ListRules", "is not empty")
    expect_error("ResourceNotFoundException", rbin.get_rule, Identifier="abcdefghijk")
    ec2 = client(url, "ec2")
    vpcs = ec2.describe_vpcs()["Vpcs"]
    ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])
    ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}])
    groups = ec2.describe_security_groups()["SecurityGroups"]
    ec2.describe_security_groups(GroupIds=[groups[0]["GroupId"]])
    expect_error("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=["sg-00000000"])
    ec2.describe_regions()
    if ec2.describe_regions(RegionNames=[DESTINATION])["Regions"][0]["OptInStatus"] != "opt-in-not-required":
        finding("ec2:DescribeRegions", "does not know the destination")
    attributes = ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    if not attributes[0]["AttributeValues"][0]["AttributeValue"].startswith("vpc-"):
        finding("ec2:DescribeAccountAttributes", f"answers {attributes}")
    ec2.describe_account_attributes()
    ec2.describe_instance_type_offerings(Filters=[{"Name": "instance-type", "Values": ["m6i.large"]}])
    ec2.describe_availability_zones()
    secrets = client(url, "secretsmanager")
    for secret in pages(secrets.list_secrets, "SecretList"):
        secrets.describe_secret(SecretId=secret["ARN"])
        secrets.get_secret_value(SecretId=secret["Name"])
    expect_error("ResourceNotFoundException", secrets.get_secret_value, SecretId="no/such")
    client(url, "resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "drill:run"}])


def walk_rds(url):
    rds = client(url, "rds")
    rds.describe_db_instances()
    expect_error("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier="no-such-instance")
    rds.describe_db_subnet_groups()
    rds.describe_db_instance_automated_backups()
    rds.describe_db_snapshots()
    rds.describe_db_snapshots(SnapshotType="awsbackup")
    rds.describe_db_parameter_groups()
    rds.describe_option_groups()
    rds.describe_orderable_db_instance_options(Engine="postgres")
    ask = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.serverless"}
    if not rds.describe_orderable_db_instance_options(**ask)["OrderableDBInstanceOptions"]:
        finding("rds:DescribeOrderableDBInstanceOptions", "has no serverless class for Aurora")
    rds.describe_db_cluster_parameter_groups()
    quotas = {quota["AccountQuotaName"]: quota for quota in rds.describe_account_attributes()["AccountQuotas"]}
    if quotas["DBInstances"]["Max"] < quotas["DBInstances"]["Used"]:
        finding("rds:DescribeAccountAttributes", f"answers {quotas['DBInstances']}")


def walk_cloudwatch(url, point):
    """Reads a metric of the source, which has been up for long: CloudWatch answers JSON to boto3."""
    cloudwatch = client(url, "cloudwatch", point["ResourceArn"].split(":")[3])
    metrics = pages(cloudwatch.list_metrics, "Metrics", Namespace="AWS/RDS", MetricName="CPUUtilization")
    if not metrics:
        finding("cloudwatch:ListMetrics", "is empty")
        return
    now = datetime.now(timezone.utc)
    ask = {"StartTime": now - timedelta(hours=1), "EndTime": now, "Period": 300, "Statistics": ["Average", "SampleCount"]}
    answer = cloudwatch.get_metric_statistics(**metrics[0], **ask)
    if not answer["Datapoints"] or any(point["SampleCount"] > 5 for point in answer["Datapoints"]):
        finding("cloudwatch:GetMetricStatistics", f"answers {len(answer['Datapoints'])} points")
    expect_error("InvalidParameterValue", cloudwatch.get_metric_statistics, **metrics[0], **(ask | {"Period": 90}))


def wait(what, look, url):
    """Looks until `look` answers something, moving the world's clock so that it does not take long."""
    import urllib.request

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        body = json.dumps({"seconds": 60}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/_world/advance", data=body, method="POST"), timeout=10)
        time.sleep(0.2)
    sys.exit(f"walk.py: {what} did not happen within {PATIENCE_SECONDS} s")


def restore(url, vault, point):
    backup, rds = client(url, "backup"), client(url, "rds")
    name = f"walk-{uuid.uuid4().hex[:8]}"
    ask = {
        "RecoveryPointArn": point["RecoveryPointArn"],
        "Metadata": {"DBInstanceIdentifier": name, "MultiAZ": "false", "PubliclyAccessible": "false"},
        "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/drill-restore",
        "IdempotencyToken": f"walk-{name}",
        "ResourceType": "RDS",
    }
    job = backup.start_restore_job(**ask)["RestoreJobId"]
    if backup.start_restore_job(**ask)["RestoreJobId"] != job:
        finding("backup:StartRestoreJob", "the same token started a second job")
    backup.get_restore_job_metadata(RestoreJobId=job)
    states = []

    def ended():
        seen = backup.describe_restore_job(RestoreJobId=job)
        states.append(seen["Status"])
        return seen if seen["Status"] in ("COMPLETED", "FAILED", "ABORTED") else None

    seen = wait("the end of the restore job", ended, url)
    if seen["Status"] != "COMPLETED":
        sys.exit(f"walk.py: the restore job ended {seen['Status']}: {seen.get('StatusMessage')}")
    arn = f"arn:aws:rds:{DESTINATION}:{ACCOUNT}:db:{name}"
    wait("the instance's becoming available", lambda: status(rds, name) == "available", url)
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "drill:run", "Value": "walk"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["backup"])
    tags = {tag["Key"] for tag in rds.list_tags_for_resource(ResourceName=arn)["TagList"]}
    if "drill:run" not in tags or "backup" in tags:
        finding("rds:ListTagsForResource", f"answers {sorted(tags)}")
    reset_password(url, rds, name)
    remove(url, rds, name)


def status(rds, name):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]


def reset_password(url, rds, name):
    expect_error("InvalidParameterValue", rds.modify_db_instance, DBInstanceIdentifier=name, MasterUserPassword="short")
    rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword="correct-horse-1", ApplyImmediately=True)

    def changed():
        shown = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return shown["DBInstanceStatus"] == "available" and not shown["PendingModifiedValues"]

    wait("the end of the password's reset", changed, url)


def remove(url, rds, name):
    expect_error("InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier=name)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    wait("the end of the modification", lambda: status(rds, name) == "available", url)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)

    def gone():
        try:
            rds.describe_db_instances(DBInstanceIdentifier=name)
        except ClientError as error:
            return error.response["Error"]["Code"] == "DBInstanceNotFound"
        return False

    wait("the instance's end", gone, url)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = sys.argv[1].rstrip("/")
    vault, point = walk_backup(url)
    walk_copies(url, point)
    walk_plans(url, point)
    walk_iam(url)
    walk_quotas(url)
    walk_ground(url, point)
    walk_rds(url)
    walk_cloudwatch(url, point)
    restore(url, vault, point)
    for line in dict.fromkeys(FINDINGS):
        print(line, file=sys.stderr)
    print(f"{len(SEEN)} operations walked, {len(dict.fromkeys(FINDINGS))} findings")
    sys.exit(1 if FINDINGS else 0)


if __name__ == "__main__":
    main()
