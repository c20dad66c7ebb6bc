#!/bin/sh
# A node's certificate authority, and what the node knows of its peers: node.sh COMMAND FOLDER …
# (docker/node, which needs Python 3.11 or newer, and openssl; node.sh alone lists the commands)
set -eu
PYTHONPATH=$(cd "$(dirname "$0")" && pwd -P) exec python3 -B -m node "$@"
