#!/bin/sh
# Usage: cli.sh URL
#
# The unmodified `aws` command line against a running `drill sandbox`: lists vaults, recovery points, restore jobs and
# instances, starts a restore, removes what it made. Ends with 0, or with 1 and a line that says what went wrong.
set -eu

url=${1:?usage: cli.sh URL}
account=123456789012
region=eu-west-1

AWS_ACCESS_KEY_ID=AKIASANDBOX$account
AWS_SECRET_ACCESS_KEY=sandbox
AWS_DEFAULT_REGION=$region
AWS_EC2_METADATA_DISABLED=true
AWS_PAGER=
AWS_CONFIG_FILE=/dev/null
AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION AWS_EC2_METADATA_DISABLED AWS_PAGER
export AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL || true

fail() {
    echo "cli.sh: $1" >&2
    exit 1
}

call() {
    aws --endpoint-url "$url" --output text "$@"
}

advance() {
    python3 -c 'import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1] + "/_world/advance", data=b"{\"seconds\": 60}", method="POST"), timeout=10)' "$url"
}

# Looks at most 300 times whether a command prints the expected word.
await() {
    expected=$1
    shift
    count=0
    while [ "$count" -lt 300 ]; do
        seen=$("$@" 2>/dev/null || echo error)
        [ "$seen" = "$expected" ] && return 0
        [ "$seen" = FAILED ] && fail "the restore job failed"
        advance
        sleep 0.2
        count=$((count + 1))
    done
    fail "waited in vain for $expected, last saw $seen"
}

[ "$(call sts get-caller-identity --query Account)" = "$account" ] || fail "sts names another account"

point=
for vault in $(call backup list-backup-vaults --query 'BackupVaultList[].BackupVaultName'); do
    found=$(call backup list-recovery-points-by-backup-vault --backup-vault-name "$vault" --query \
        "reverse(sort_by(RecoveryPoints[?Status=='COMPLETED' && SourceBackupVaultArn && Lifecycle.DeleteAfterDays==\`35\`], &CreationDate))[0].RecoveryPointArn")
    [ "$found" != None ] && point=$found && break
done
[ -n "$point" ] || fail "no vault holds a copied recovery point"

name=cli-$$
job=$(call backup start-restore-job --recovery-point-arn "$point" --iam-role-arn "arn:aws:iam::$account:role/drill-restore" \
    --resource-type RDS --metadata "DBInstanceIdentifier=$name,MultiAZ=false,DeletionProtection=false" --query RestoreJobId)
[ "$(call backup list-restore-jobs --query "RestoreJobs[?RestoreJobId=='$job'] | length(@)")" = 1 ] || fail "the job is not listed"

job_status() { call backup describe-restore-job --restore-job-id "$job" --query Status; }
instance_status() { call rds describe-db-instances --db-instance-identifier "$name" --query 'DBInstances[0].DBInstanceStatus'; }
await COMPLETED job_status
await available instance_status

call rds delete-db-instance --db-instance-identifier "$name" --skip-final-snapshot --query DBInstance.DBInstanceStatus >/dev/null
instances_left() { call rds describe-db-instances --query "DBInstances[?DBInstanceIdentifier=='$name'] | length(@)"; }
await 0 instances_left

echo "the aws command line works against $url"
