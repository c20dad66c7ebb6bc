#!/usr/bin/env bash
# chaos_servers.sh FOLDER ACTION [ARGUMENT...]: servers that nobody else uses, in a folder of their
# own, for tests that stop, kill and fill them. `./dev verify chaos` calls it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SERVICES=$1
# shellcheck disable=SC2034 # for the scripts below
VAR=$ROOT/var POSTGRES_CONNECTIONS=80
for part in common packages postgres rabbitmq services chaos_actions; do
  # shellcheck source=/dev/null
  . "$ROOT/scripts/$part.sh"
done
DISK=$SERVICES/disk DISK_MIB=160

# Once chosen, the ports stay: others would be taken while both servers are down.
if [ -s "$SERVICES/ports" ]; then
  # shellcheck source=/dev/null
  services_ports() { . "$SERVICES/ports"; }
fi

#: start                  both servers
action_start() { services_locked services_start keep; }

#: env                    the addresses, as lines of NAME=value
action_env() {
  services_ports
  echo "POSTGRES_URL=$(postgres_url)"
  echo "BROKER_URL=$(rabbitmq_url)"
  echo "MANAGEMENT_URL=$(rabbitmq_management_url)"
}

#: postgres-stop MODE     smart, fast, or immediate
action_postgres_stop() { postgres_ctl -m "$1" stop; }

#: postgres-start
action_postgres_start() {
  services_ports
  postgres_start
}

#: rabbitmq-stop
action_rabbitmq_stop() {
  services_ports
  rabbitmq_stop
}

#: rabbitmq-kill          kill -9
action_rabbitmq_kill() {
  services_ports
  local pid
  pid=$(cat "$SERVICES/rabbitmq.pid")
  # The Erlang machine is a process of its own below the script that started it.
  kill -9 "$(cat "$SERVICES/rabbitmq/pid")" "$pid" 2>/dev/null || true
  wait_until 10 is_gone "$pid"
  wait_until 5 epmd_is_down || true
}

#: rabbitmq-start
action_rabbitmq_start() {
  services_ports
  rabbitmq_start
  rabbitmq_wait
}

#: rabbitmqctl ARGUMENT...
action_rabbitmqctl() {
  services_ports
  rabbitmqctl -q "$@"
}

#: disk-mount             a small file system for a tablespace; fails where that is not allowed
action_disk_mount() {
  mkdir -p "$DISK"
  mount -t tmpfs -o "size=${DISK_MIB}m,mode=755" chaos "$DISK"
  mkdir "$DISK/space"
  chown postgres: "$DISK/space"
  echo "$DISK"
}

#: destroy                kill the workers, stop the servers, and delete the folder
action_destroy() {
  kill_workers || true
  services_locked services_stop || true
  if mountpoint -q "$DISK"; then umount "$DISK"; fi
  rm -rf "$SERVICES"
}

#: guard PID              destroy them when this process has ended, in whatever way

run_action "${BASH_SOURCE[0]}" "${2:-}" "${@:3}"
