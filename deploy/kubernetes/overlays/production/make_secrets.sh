#!/usr/bin/env bash
# make_secrets.sh FOLDER: the Secrets of this overlay, for `kubectl create -f -`. The folder is the node's
# data folder. make_secrets.sh --nodedata FOLDER: only its Secret, for `kubectl replace -f -`.
# $S3_ACCESS_KEY_ID, $S3_SECRET_ACCESS_KEY and $S3_REGION are those of the backups' bucket.
set -euo pipefail
# shellcheck source=deploy/kubernetes/secrets.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../secrets.sh"

if [ "${1:-}" = --nodedata ] && [ $# = 2 ]; then
  all_or_nothing nodedata swpt-accounts "$2"
  exit
fi
[ $# = 1 ] || die "usage: make_secrets.sh [--nodedata] FOLDER, the data folder of the node"
secrets() {
  shard swpt-accounts swpt-accounts ''
  autoscaler swpt-accounts swpt-accounts ''
  backups swpt-accounts
  stomp swpt-accounts creditors debtors
  nodedata swpt-accounts "$1"
}
all_or_nothing secrets "$1"
