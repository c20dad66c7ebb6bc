#!/usr/bin/env bash
# make_secrets.sh FOLDER: the Secrets of this overlay, for `kubectl create -f -`. The folder is the node's
# data folder. $S3_ACCESS_KEY_ID, $S3_SECRET_ACCESS_KEY and $S3_REGION are those of the backups' bucket.
set -euo pipefail
# shellcheck source=deploy/kubernetes/secrets.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../secrets.sh"

[ $# = 1 ] || die "usage: make_secrets.sh FOLDER, the data folder of the node"
secrets() {
  for n in 0 1; do
    shard "swpt-accounts-$n" swpt-accounts "_$n"
    autoscaler "swpt-accounts-$n" swpt-accounts "_$n"
    backups "swpt-accounts-$n"
  done
  stomp swpt-accounts "$1" creditors debtors
}
all_or_nothing secrets "$1"
