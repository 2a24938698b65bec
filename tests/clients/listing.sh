#!/bin/sh
# Usage: listing.sh URL
#
# What the unmodified `aws` command line lists where drills restore: one line a thing that exists, a line for each restore
# job that is not over, and one for each recovery point that was restored more than once. No line tells when it was
# listed, so that two listings of the same world are the same. `drill rehearse --kills` starts it, before and after
# each run, if DRILL_KILLS_LISTING names it. Ends with 0, or with the exit code of the first `aws` that failed.
set -eu

url=${1:?usage: listing.sh URL}

# Where `scripts/setup.sh` puts the client; elsewhere, the one on the PATH.
PATH=$(dirname "$0")/../../target/clients/bin:$PATH

AWS_ACCESS_KEY_ID=AKIASANDBOX123456789012
AWS_SECRET_ACCESS_KEY=sandbox
AWS_DEFAULT_REGION=eu-west-1
AWS_EC2_METADATA_DISABLED=true
AWS_PAGER=
AWS_CONFIG_FILE=/dev/null
AWS_SHARED_CREDENTIALS_FILE=/dev/null
export PATH AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION AWS_EC2_METADATA_DISABLED AWS_PAGER
export AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL || true

# list WORD SERVICE OPERATION QUERY: a line for each value that the query finds.
list() {
    found=$(aws --endpoint-url "$url" --output text "$2" "$3" --query "$4")
    printf '%s\n' "$found" | tr '\t' '\n' | while read -r name; do
        case $name in
        '' | None) ;;
        *) printf '%s %s\n' "$1" "$name" ;;
        esac
    done | sort
}

list database rds describe-db-instances 'DBInstances[].DBInstanceIdentifier'
list snapshot rds describe-db-snapshots 'DBSnapshots[].DBSnapshotIdentifier'
list automated-backup rds describe-db-instance-automated-backups 'DBInstanceAutomatedBackups[].DBInstanceIdentifier'
list table dynamodb list-tables 'TableNames[]'
list bucket s3api list-buckets 'Buckets[].Name'
list instance ec2 describe-instances "Reservations[].Instances[] | [?State.Name!='terminated'].InstanceId"
list volume ec2 describe-volumes 'Volumes[].VolumeId'
list job-under-way backup list-restore-jobs "RestoreJobs[?Status=='PENDING' || Status=='RUNNING'].RestoreJobId"
restored=$(list restored-twice backup list-restore-jobs 'RestoreJobs[].RecoveryPointArn')
printf '%s\n' "$restored" | uniq -d
