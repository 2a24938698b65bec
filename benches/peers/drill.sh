#!/bin/sh
# Usage: drill.sh URL
#
# The drill of B19 as it is often scripted: the `aws` command line in a shell. It restores the newest recovery point of one
# database, sees that its port answers, deletes it and sees that it is gone. Nothing of it is durable: whoever kills it
# leaves a database behind.
set -eu

url=${1:?usage: drill.sh URL}
vault=prod-rds-vault-dr
role=arn:aws:iam::123456789012:role/drill-restore
name=script-$$

call() { aws --endpoint-url "$url" --output text "$@"; }

# Asks until a command prints the expected word.
await() {
    expected=$1
    shift
    count=0
    until [ "$("$@" 2>/dev/null || echo error)" = "$expected" ]; do
        count=$((count + 1))
        [ "$count" -lt 200 ] || exit 1
    done
}

point=$(call backup list-recovery-points-by-backup-vault --backup-vault-name "$vault" --query \
    "reverse(sort_by(RecoveryPoints[?Status=='COMPLETED'], &CreationDate))[0].RecoveryPointArn")
metadata="DBInstanceIdentifier=$name,DBInstanceClass=db.t4g.medium,DBSubnetGroupName=drill-isolated,MultiAZ=false,DeletionProtection=false"
job=$(call backup start-restore-job --recovery-point-arn "$point" --iam-role-arn "$role" --resource-type RDS \
    --metadata "$metadata" --query RestoreJobId)
job_status() { call backup describe-restore-job --restore-job-id "$job" --query Status; }
status() { call rds describe-db-instances --db-instance-identifier "$name" --query 'DBInstances[0].DBInstanceStatus'; }
left() { call rds describe-db-instances --query "DBInstances[?DBInstanceIdentifier=='$name'] | length(@)"; }
await COMPLETED job_status
await available status
set -- $(call rds describe-db-instances --db-instance-identifier "$name" --query 'DBInstances[0].Endpoint.[Address,Port]')
python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()' "$1" "$2"
call rds delete-db-instance --db-instance-identifier "$name" --skip-final-snapshot --query DBInstance.DBInstanceStatus >/dev/null
await 0 left
