# shellcheck shell=bash
# The project's own RabbitMQ node. SERVICES is its place; the four *_PORT variables are known.

rabbitmq_home() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-* | sort -rV); do
    if [ -x "$dir/sbin/rabbitmq-server" ]; then
      echo "$dir"
      return
    fi
  done
  return 1
}

rabbitmq_is_running() { is_alive "$(cat "$SERVICES/rabbitmq.pid" 2>/dev/null)"; }

rabbitmq_is_up() {
  rabbitmq_is_running && is_port_taken "$AMQP_PORT" && is_port_taken "$MANAGEMENT_PORT"
}

rabbitmq_is_up_or_gone() { rabbitmq_is_up || ! rabbitmq_is_running; }

# rabbitmq_in FOLDER: the words before a program of RabbitMQ that say where its files are, in the
# array RABBITMQ.
rabbitmq_in() {
  local dir=$1
  become rabbitmq
  RABBITMQ=("${BECOME[@]}" env -u RABBITMQ_CONFIG_FILES
    HOME="$dir" LC_ALL=C.UTF-8
    RABBITMQ_HOME="$(rabbitmq_home)"
    RABBITMQ_CONF_ENV_FILE="$dir/env.conf"
    RABBITMQ_MNESIA_BASE="$dir/mnesia"
    RABBITMQ_LOG_BASE="$dir/log"
    RABBITMQ_PID_FILE="$dir/pid"
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf"
    RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config"
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
    RABBITMQ_GENERATED_CONFIG_DIR="$dir/config"
    RABBITMQ_SCHEMA_DIR="$dir/schema")
}

# rabbitmq_environment: the words before a program of RabbitMQ, in the array RABBITMQ. They
# separate our node from one that the machine may have: its name, folders, ports, cookie, port mapper.
rabbitmq_environment() {
  local dir="$SERVICES/rabbitmq"
  rabbitmq_in "$dir"
  RABBITMQ+=(
    RABBITMQ_NODENAME=swpt@localhost
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
    RABBITMQ_NODE_PORT="$AMQP_PORT"
    RABBITMQ_DIST_PORT="$ERLANG_PORT"
    ERL_EPMD_PORT="$EPMD_PORT"
    ERL_EPMD_ADDRESS=127.0.0.1
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}')
}

rabbitmq_configure() {
  local dir="$SERVICES/rabbitmq"
  mkdir -p "$dir"/{mnesia,log,config}
  if [ ! -s "$dir/.erlang.cookie" ]; then
    (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/.erlang.cookie")
  fi
  chmod 400 "$dir/.erlang.cookie"
  : >"$dir/env.conf"
  echo '[rabbitmq_management,rabbitmq_random_exchange].' >"$dir/enabled_plugins"
  cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$AMQP_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $MANAGEMENT_PORT
log.console = false
disk_free_limit.absolute = 50MB
CONF
  if is_root; then chown -R rabbitmq: "$dir"; fi
}

# Begins the start, which rabbitmq_wait completes: PostgreSQL starts in between.
rabbitmq_start() {
  rabbitmq_configure
  say "starting RabbitMQ on port $AMQP_PORT"
  rabbitmq_environment
  # Descriptor 9 is the lock: a server that inherited it would hold it for ever.
  setsid "${RABBITMQ[@]}" "$(rabbitmq_home)/sbin/rabbitmq-server" \
    </dev/null >"$SERVICES/rabbitmq.out" 2>&1 9>&- &
  echo "$!" >"$SERVICES/rabbitmq.pid"
}

# The port for AMQP is the last thing that a node opens when it starts.
rabbitmq_wait() {
  wait_until 90 rabbitmq_is_up_or_gone || true
  rabbitmq_is_up || die_with_log "$SERVICES/rabbitmq.out" "RabbitMQ did not start"
}

rabbitmqctl() (
  rabbitmq_environment
  cd "$SERVICES/rabbitmq" || exit
  "${RABBITMQ[@]}" "$(rabbitmq_home)/sbin/rabbitmqctl" "$@" </dev/null 9>&-
)

rabbitmq_stop() {
  local pid
  pid=$(cat "$SERVICES/rabbitmq.pid")
  say "stopping RabbitMQ"
  kill -TERM "$pid"
  wait_until 60 is_gone "$pid" || die "RabbitMQ (process $pid) does not stop"
  rm -f "$SERVICES/rabbitmq.pid"
  # The port mapper of Erlang stays behind; it refuses to go until the node is forgotten.
  wait_until 5 epmd_is_down || true
}

epmd_is_down() {
  ! is_port_taken "$EPMD_PORT" || {
    epmd -port "$EPMD_PORT" -kill >/dev/null 2>&1
    ! is_port_taken "$EPMD_PORT"
  }
}

rabbitmq_url() { echo "amqp://guest:guest@127.0.0.1:$AMQP_PORT"; }
rabbitmq_management_url() { echo "http://guest:guest@127.0.0.1:$MANAGEMENT_PORT"; }
