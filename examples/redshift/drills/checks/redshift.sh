#!/bin/sh
# One question about the cluster $DRILL_NAME in $DRILL_REGION: ready, gone, or remove it. Exit code 0 is yes.
set -u
status() {
  aws redshift describe-clusters --region "$DRILL_REGION" --cluster-identifier "$DRILL_NAME" \
    --query 'Clusters[0].ClusterStatus' --output text 2>&1
}
case "$1" in
  ready) [ "$(status)" = available ] ;;
  gone) status | grep -q ClusterNotFound ;;
  remove)
    aws redshift delete-cluster --region "$DRILL_REGION" --cluster-identifier "$DRILL_NAME" \
      --skip-final-cluster-snapshot >/dev/null
    ;;
  *) exit 2 ;;
esac
