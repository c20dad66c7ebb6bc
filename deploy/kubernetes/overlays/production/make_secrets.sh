#!/usr/bin/env bash
# make_secrets.sh FOLDER: the Secrets of this overlay, for `kubectl create -f -`. The folder is the node's
# data folder. $S3_ACCESS_KEY_ID, $S3_SECRET_ACCESS_KEY and $S3_REGION are those of the backups' bucket.
set -euo pipefail
# shellcheck source=deploy/kubernetes/secrets.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../secrets.sh"

[ $# = 1 ] || die "usage: make_secrets.sh FOLDER, the data folder of the node"
secrets() {
  shard swpt-accounts swpt-accounts ''
  autoscaler swpt-accounts swpt-accounts ''
  backups swpt-accounts
  stomp swpt-accounts "$1" creditors debtors
}
all_or_nothing secrets "$1"
