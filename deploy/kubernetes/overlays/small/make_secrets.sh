#!/usr/bin/env bash
# make_secrets.sh: the Secrets of this overlay, for `kubectl create -f -`.
set -euo pipefail
# shellcheck source=deploy/kubernetes/secrets.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../secrets.sh"

all_or_nothing shard swpt-accounts swpt-accounts ''
