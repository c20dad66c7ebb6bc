#!/usr/bin/env bash
# nodedata.sh FOLDER NAMESPACE [NAMESPACE OF A SHARD]: the Secret "nodedata" with the node's data folder,
# and the ConfigMap "node-certificates", at first and each time that the folder has changed:
#
#   nodedata.sh FOLDER NAMESPACE | kubectl apply --server-side --force-conflicts -f -
#
# The STOMP programs notice it by themselves.
set -euo pipefail
# shellcheck source=deploy/kubernetes/secrets.sh
. "$(dirname "${BASH_SOURCE[0]}")/secrets.sh"

[ $# = 2 ] || [ $# = 3 ] ||
  die "usage: nodedata.sh FOLDER NAMESPACE [NAMESPACE OF A SHARD], the node's data folder first"
both() {
  nodedata "$2" "$1"
  certificates "${3:-$2}" "$1"
}
all_or_nothing both "$@"
