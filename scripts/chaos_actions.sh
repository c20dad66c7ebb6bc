# shellcheck shell=bash
# What the scripts of the servers for chaos have in common. SERVICES is the folder of the servers;
# `action_destroy` is the script's own.

# The workers have the folder in their environment, whoever was to stop them.
kill_workers() {
  local file
  grep -lsz "^CHAOS_FOLDER=$SERVICES\$" /proc/[0-9]*/environ | while read -r file; do
    kill -9 "$(basename "$(dirname "$file")")" 2>/dev/null || true
  done
}

# Destroys the servers when a process has ended, in whatever way.
action_guard() {
  while is_alive "$1"; do sleep 1; done
  if [ -d "$SERVICES" ]; then action_destroy; fi
}

# run_action SCRIPT ACTION [ARGUMENT...]
run_action() {
  local script=$1 action=$2
  declare -f "action_${action//-/_}" >/dev/null || {
    sed -n 's/^#: /  /p' "$script"
    die "unknown action: $action"
  }
  mkdir -p "$SERVICES/users"
  "action_${action//-/_}" "${@:3}"
}
