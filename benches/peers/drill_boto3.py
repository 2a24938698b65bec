"""The drill of B19 as a boto3 script: usage: drill_boto3.py URL.

It restores the newest recovery point of one database, sees that its port answers, deletes it and sees that it is gone.
Nothing of it is durable: whoever kills it leaves a database behind.
"""

import os
import socket
import sys
import time

import boto3
from botocore.exceptions import ClientError

PATIENCE_SECONDS = 60
VAULT = "prod-rds-vault-dr"
ROLE = "arn:aws:iam::123456789012:role/drill-restore"


def until(what, answers):
    end = time.monotonic() + PATIENCE_SECONDS
    while not answers():
        if time.monotonic() > end:
            sys.exit(f"waited in vain for {what}")


def main():
    url = sys.argv[1]
    backup, rds = (boto3.client(service, endpoint_url=url) for service in ("backup", "rds"))
    name = f"script-{os.getpid()}"
    points = backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT)["RecoveryPoints"]
    point = max((point for point in points if point["Status"] == "COMPLETED"), key=lambda point: point["CreationDate"])
    job = backup.start_restore_job(
        RecoveryPointArn=point["RecoveryPointArn"],
        IamRoleArn=ROLE,
        ResourceType="RDS",
        Metadata={
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.medium",
            "DBSubnetGroupName": "drill-isolated",
            "MultiAZ": "false",
            "DeletionProtection": "false",
        },
    )["RestoreJobId"]

    def instance():
        try:
            return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "DBInstanceNotFound":
                return None
            raise

    until("the job", lambda: backup.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED")
    until("the database", lambda: (instance() or {}).get("DBInstanceStatus") == "available")
    endpoint = instance()["Endpoint"]
    socket.create_connection((endpoint["Address"], endpoint["Port"]), 5).close()
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    until("its end", lambda: instance() is None)


main()
