#!/bin/sh
# The Redshift example, as its README says: a served simulation, its address in ~/.aws/config, a copy of the folder.
set -eu
url=$1
mkdir -p "$HOME/.aws" "$HOME/redshift"
cp -R "$(dirname "$0")/../../examples/redshift/." "$HOME/redshift"
cd "$HOME/redshift"
printf '[default]\nendpoint_url = %s\nregion = eu-west-1\n' "$url" >"$HOME/.aws/config"
printf '[default]\naws_access_key_id = AKIASANDBOX123456789012\naws_secret_access_key = any\n' >"$HOME/.aws/credentials"

"$DRILL" run redshift --sandbox="$url" --output json >result.json
grep -q '"verdict": "passed"' result.json

# What the example's script calls gone is gone for AWS too: the source is the only cluster left.
left=$(aws redshift describe-clusters --query 'Clusters[].ClusterIdentifier' --output text)
test "$left" = warehouse
echo "other: ok"
