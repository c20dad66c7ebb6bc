#!/usr/bin/env bash
# Starts every service under supervisord, in the foreground, until SIGTERM or SIGINT: the
# container's `all` and `./dev up`. SUPERVISOR_DIR, when given, is the private folder for
# supervisord's socket. A service whose number of processes is 0 is not started.
set -euo pipefail

conf=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/supervisord.conf

# is_wanted PROCESSES: what supervisord's `autostart` understands.
is_wanted() { case ${1:-1} in 0 | -*) echo false ;; *) echo true ;; esac; }

START_WEBSERVER=$(is_wanted "${WEBSERVER_PROCESSES:-}")
START_CONSUMERS=$(is_wanted "${PROTOCOL_BROKER_PROCESSES:-}")
START_CHORES=$(is_wanted "${CHORES_BROKER_PROCESSES:-}")
START_FLUSHERS=$(is_wanted "${FLUSH_PROCESSES:-}")
START_METRICS=$(is_wanted "${METRICS_PORT:-0}")
export START_METRICS START_WEBSERVER START_CONSUMERS START_CHORES START_FLUSHERS
SUPERVISOR_DIR=${SUPERVISOR_DIR:-$(mktemp -d)}
# The folder is guard enough; supervisord complains of a socket without a password.
SUPERVISOR_PASSWORD=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
(umask 077 && printf '%s' "$SUPERVISOR_PASSWORD" >"$SUPERVISOR_DIR/password")
export SUPERVISOR_DIR SUPERVISOR_PASSWORD

# supervisord opens its standard output by name for every service. That works on a pipe; in a
# regular file the services would overwrite each other, and some kinds cannot be opened at all.
if [ -f /dev/stdout ] || ! { : >>/dev/stdout; } 2>/dev/null; then
  exec > >(trap '' INT TERM HUP && exec cat)
fi

options=(--nodaemon --configuration "$conf")
if [ "$(id -u)" = 0 ]; then options+=(--user root); fi # said aloud, or supervisord warns
exec python -m swpt_accounts.cli.supervisor "${options[@]}"
