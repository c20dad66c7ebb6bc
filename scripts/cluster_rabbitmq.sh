# shellcheck shell=bash
# Three RabbitMQ nodes in a cluster. SERVICES is their place, NET the first three numbers of their
# addresses, EPMD_PORT, AMQP_PORTS, ERLANG_PORTS and MANAGEMENT_PORTS are known.
#
# Node N talks to its peers from an address of its own, NET.N, and to nobody else: what passes
# between these addresses can be cut, and clients on 127.0.0.1 do not notice.

NODES=(1 2 3)

node_folder() { echo "$SERVICES/rabbitmq$1"; }
node_name() { echo "swpt$1@$NET.$1"; }

# node_environment N: the words before a program of RabbitMQ, in the array RABBITMQ.
node_environment() {
  local dir address=${NET//./,},$1
  dir=$(node_folder "$1")
  rabbitmq_in "$dir"
  RABBITMQ+=(
    RABBITMQ_USE_LONGNAME=true
    RABBITMQ_NODENAME="$(node_name "$1")"
    RABBITMQ_DIST_PORT="${ERLANG_PORTS[$1 - 1]}"
    ERL_EPMD_PORT="$EPMD_PORT"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {$address} inet_dist_connect_options [{ip,{$address}}]")
}

node_configure() {
  local dir other
  dir=$(node_folder "$1")
  mkdir -p "$dir"/{mnesia,log,config}
  cp "$SERVICES/cookie" "$dir/.erlang.cookie"
  chmod 400 "$dir/.erlang.cookie"
  : >"$dir/env.conf"
  echo '[rabbitmq_management].' >"$dir/enabled_plugins"
  {
    cat <<CONF
listeners.tcp.default = 127.0.0.1:${AMQP_PORTS[$1 - 1]}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${MANAGEMENT_PORTS[$1 - 1]}
cluster_partition_handling = pause_minority
net_ticktime = 5
cluster_formation.peer_discovery_backend = classic_config
log.console = false
disk_free_limit.absolute = 50MB
CONF
    for other in "${NODES[@]}"; do
      echo "cluster_formation.classic_config.nodes.$other = $(node_name "$other")"
    done
  } >"$dir/rabbitmq.conf"
  if is_root; then chown -R rabbitmq: "$dir"; fi
}

node_pid() { cat "$(node_folder "$1")/pid" 2>/dev/null || true; }
node_is_running() { is_alive "$(node_pid "$1")"; }

node_start() {
  local dir
  dir=$(node_folder "$1")
  rm -f "$dir/pid"
  node_environment "$1"
  setsid "${RABBITMQ[@]}" "$(rabbitmq_home)/sbin/rabbitmq-server" \
    </dev/null >"$SERVICES/rabbitmq$1.out" 2>&1 9>&- &
}

node_await() {
  wait_until 60 node_is_running "$1" ||
    die_with_log "$SERVICES/rabbitmq$1.out" "the RabbitMQ node $1 did not start"
  nodectl "$1" await_startup --timeout 90 >/dev/null
}

nodectl() ( # N ARGUMENT...
  node_environment "$1"
  cd "$(node_folder "$1")" || exit
  "${RABBITMQ[@]}" "$(rabbitmq_home)/sbin/rabbitmqctl" -q -l -n "$(node_name "$1")" "${@:2}" \
    </dev/null 9>&-
)

# node_stop N: also one that is frozen.
node_stop() {
  local pid
  pid=$(node_pid "$1") # it removes the file before it is gone
  is_alive "$pid" || return 0
  kill -TERM "$pid"
  kill -CONT "$pid"
  wait_until 60 is_gone "$pid" || kill -9 "$pid"
}

# firewall -I|-D N: lets no packet pass between a node and its peers, or lets it again.
firewall() {
  local other failed=0
  for other in "${NODES[@]}"; do
    if [ "$other" = "$2" ]; then continue; fi
    as_root iptables -w "$1" INPUT -i lo -p tcp -s "$NET.$2" -d "$NET.$other" -j DROP || failed=1
    as_root iptables -w "$1" INPUT -i lo -p tcp -s "$NET.$other" -d "$NET.$2" -j DROP || failed=1
  done
  return $failed
}

cluster_start() {
  local node
  say "starting three RabbitMQ nodes"
  (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$SERVICES/cookie")
  for node in "${NODES[@]}"; do node_configure "$node"; done
  node_environment 1
  # Without it the nodes would start one that the other addresses do not reach.
  (cd / && "${RABBITMQ[@]}" epmd -port "$EPMD_PORT" -address "$NET.1,$NET.2,$NET.3" -daemon 9>&-)
  node_start 1
  node_await 1
  node_start 2
  node_start 3
  node_await 2
  node_await 3
}

cluster_stop() {
  local node
  for node in "${NODES[@]}"; do
    # (a node may have been cut off more than once)
    for _ in 1 2 3 4 5; do firewall -D "$node" >/dev/null 2>&1 || break; done
    node_stop "$node" &
  done
  wait
  wait_until 5 epmd_is_down || true
}
