# shellcheck shell=bash
# PostgreSQL and RabbitMQ of the project's own, beside whatever the machine runs already: where
# they live, which ports they have, who needs them still.

# services_place: SERVICES, a folder under var/ which the servers' users can walk to. Root's
# servers run as other users: below a closed folder (like /root) another place is taken.
services_place() {
  SERVICES=$VAR/services
  if is_root && ! everybody_can_reach "$VAR"; then
    SERVICES=/var/tmp/swpt_accounts-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)
  fi
  mkdir -p "$SERVICES/users"
  [ -O "$SERVICES" ] || die "$SERVICES belongs to somebody else"
  if is_root; then chmod 755 "$SERVICES"; fi
}

everybody_can_reach() {
  local dir=$1
  while [ "$dir" != / ]; do
    [ $((0$(stat -c %a "$dir") & 1)) = 1 ] || return 1
    dir=$(dirname "$dir")
  done
}

# services_ports: the remembered ports, or new ones when somebody else took one in the meantime.
services_ports() {
  local names=(POSTGRES_PORT AMQP_PORT MANAGEMENT_PORT ERLANG_PORT EPMD_PORT WEB_PORT) name ports
  local file=$SERVICES/ports
  # shellcheck source=/dev/null
  if [ -s "$file" ]; then . "$file"; fi
  if [ ! -s "$file" ] || { ! services_are_up any && some_port_is_taken; }; then
    mapfile -t ports < <(free_ports "${#names[@]}")
    for name in "${names[@]}"; do
      printf '%s=%s\n' "$name" "${ports[0]}"
      ports=("${ports[@]:1}")
    done >"$file"
    # shellcheck source=/dev/null
    . "$file"
  fi
}

some_port_is_taken() {
  local port
  for port in "$POSTGRES_PORT" "$AMQP_PORT" "$MANAGEMENT_PORT" "$ERLANG_PORT"; do
    if is_port_taken "$port"; then return 0; fi
  done
  return 1
}

# services_are_up all|any
services_are_up() {
  case $1 in
    all) postgres_is_up && rabbitmq_is_up ;;
    any) postgres_is_up || rabbitmq_is_up ;;
  esac
}

services_install() {
  local missing=()
  postgres_bin >/dev/null || missing+=(postgresql)
  rabbitmq_home >/dev/null || missing+=(rabbitmq-server)
  if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# services_locked FUNCTION: only one start or stop at a time.
services_locked() {
  (
    flock -w 300 9 || die "another ./dev has held $SERVICES/lock for five minutes"
    "$@"
  ) 9>"$SERVICES/lock"
}

# services_use: has both servers up, and says that this process needs them; services_release ends
# the need. The last who needs them stops them, unless `./dev services start` asked for them.
services_use() {
  services_locked services_start "$$"
  services_ports
}

services_release() {
  trap '' INT TERM HUP # the end is not to be cut short
  services_locked services_stop_unused "$$"
}

services_start() { # USER: the id of a process, or keep
  services_begin "$1"
  services_await
}

# services_begin USER: PostgreSQL is up then, and RabbitMQ, which is slower, begins to start.
services_begin() {
  services_install
  services_ports
  touch "$SERVICES/users/$1"
  rabbitmq_is_running || rabbitmq_start
  postgres_is_up || postgres_start
}

services_await() { rabbitmq_is_up || rabbitmq_wait; }

services_stop_unused() { # USER: the id of the process that needs them no longer
  local user
  rm -f "$SERVICES/users/$1"
  for user in "$SERVICES"/users/*; do
    case ${user##*/} in
      keep) return ;;
      *[!0-9]*) ;;
      *) if is_alive "${user##*/}"; then return; fi ;;
    esac
  done
  services_stop
}

services_stop() {
  rm -f "$SERVICES"/users/*
  services_ports
  # A start that was interrupted may have left a server which is not up yet.
  if rabbitmq_is_running; then rabbitmq_stop; fi
  if postgres_is_running; then postgres_stop; fi
}

# services_tell: says what is still running.
services_tell() {
  services_ports
  if services_are_up any; then
    say "still running: PostgreSQL and RabbitMQ, for another ./dev (./dev services stop ends them)"
  else
    say "nothing is left running; the data stay in ${SERVICES#"$ROOT/"}"
  fi
}

services_status() {
  local up=0
  services_ports
  if postgres_is_up; then
    echo "PostgreSQL  up    $(postgres_url)"
  else
    echo "PostgreSQL  down"
    up=3
  fi
  if rabbitmq_is_up; then
    echo "RabbitMQ    up    $(rabbitmq_url)   management: $(rabbitmq_management_url)"
  else
    echo "RabbitMQ    down"
    up=3
  fi
  return $up
}

# services_env: the addresses, as lines for a shell. The user of the database is a superuser.
services_env() {
  echo "export POSTGRES_URL=$(postgres_url)"
  echo "export PROTOCOL_BROKER_URL=$(rabbitmq_url)"
  echo "export CHORES_BROKER_URL=$(rabbitmq_url)"
  echo "export TEST_POSTGRES_URL=$(postgres_url)"
  echo "export TEST_BROKER_URL=$(rabbitmq_url)"
  echo "export TEST_BROKER_MANAGEMENT_URL=$(rabbitmq_management_url)"
}

services_destroy() {
  services_stop
  say "deleting $SERVICES"
  rm -rf "$SERVICES"
}
