#!/usr/bin/env bash
# chaos_cluster.sh FOLDER ACTION [ARGUMENT...]: servers that are many, in a folder of their own: three
# RabbitMQ nodes, two PostgreSQL servers under Patroni, and HAProxy before both.
# `./dev verify chaos --servers many` calls it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SERVICES=$1
# shellcheck disable=SC2034 # for the scripts below
VAR=$ROOT/var
for part in common packages postgres rabbitmq services cluster_rabbitmq cluster_postgres \
  chaos_actions; do
  # shellcheck source=/dev/null
  . "$ROOT/scripts/$part.sh"
done
# A network of its own for each folder: two clusters do not cut each other's nodes.
hash=$(printf '%s' "$SERVICES" | cksum | cut -d' ' -f1)
# shellcheck disable=SC2034
NET=127.$((16 + hash % 200)).$((hash / 200 % 250))

cluster_ports() {
  local ports
  if [ ! -s "$SERVICES/ports" ]; then
    mapfile -t ports < <(free_ports 19 "$SERVICES")
    cat >"$SERVICES/ports" <<PORTS
EPMD_PORT=${ports[0]}
AMQP_PORTS=(${ports[*]:1:3})
ERLANG_PORTS=(${ports[*]:4:3})
MANAGEMENT_PORTS=(${ports[*]:7:3})
ETCD_PORTS=(${ports[*]:10:2})
POSTGRES_PORTS=(${ports[*]:12:2})
PATRONI_PORTS=(${ports[*]:14:2})
PROXY_PORTS=(${ports[*]:16:3})
PORTS
  fi
  # shellcheck source=/dev/null
  . "$SERVICES/ports"
}

cluster_install() {
  local packages=() wanted
  postgres_bin >/dev/null || packages+=(postgresql)
  rabbitmq_home >/dev/null || packages+=(rabbitmq-server)
  for wanted in patroni python3-etcd etcd-server haproxy iptables; do
    if [ "$(has_package "$wanted")" = no ]; then packages+=("$wanted"); fi
  done
  if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}"; fi
}

# Who does not answer as a leader, or does not speak AMQP, has no sessions any more.
proxy_configure() {
  local i
  cat <<CONF
global
  maxconn 400
defaults
  mode tcp
  timeout connect 2s
  timeout client 3h
  timeout server 3h
  timeout check 2s
  default-server inter 500ms fastinter 250ms fall 2 rise 1 on-marked-down shutdown-sessions
listen postgres
  bind 127.0.0.1:${PROXY_PORTS[0]}
  option httpchk OPTIONS /primary
  http-check expect status 200
CONF
  for i in 0 1; do
    echo "  server n$((i + 1)) 127.0.0.1:${POSTGRES_PORTS[i]} check port ${PATRONI_PORTS[i]}"
  done
  cat <<CONF
listen amqp
  bind 127.0.0.1:${PROXY_PORTS[1]}
  balance roundrobin
  option tcp-check
  tcp-check send-binary 414d515000000901
  tcp-check expect binary 01
CONF
  for i in 0 1 2; do
    echo "  server r$((i + 1)) 127.0.0.1:${AMQP_PORTS[i]} check"
  done
  printf 'listen management\n  bind 127.0.0.1:%s\n' "${PROXY_PORTS[2]}"
  for i in 0 1 2; do
    echo "  server r$((i + 1)) 127.0.0.1:${MANAGEMENT_PORTS[i]} check"
  done
}

#: start [false]          all servers; `false`: with a standby that is not synchronous
action_start() {
  # shellcheck disable=SC2034
  SYNCHRONOUS=${1:-true}
  cluster_install
  cluster_ports
  if is_root; then chmod 755 "$SERVICES"; fi
  patroni_start
  cluster_start
  proxy_configure >"$SERVICES/haproxy.cfg"
  service_start haproxy haproxy -db -f "$SERVICES/haproxy.cfg"
  wait_until 20 is_port_taken "${PROXY_PORTS[0]}" ||
    die_with_log "$SERVICES/patroni/haproxy.log" "HAProxy did not start"
}

#: env                    the addresses, as lines of NAME=value
action_env() {
  cluster_ports
  echo "POSTGRES_URL=postgresql+psycopg://postgres:$PATRONI_PASSWORD@127.0.0.1:${PROXY_PORTS[0]}/postgres"
  echo "BROKER_URL=amqp://guest:guest@127.0.0.1:${PROXY_PORTS[1]}"
  echo "MANAGEMENT_URL=http://guest:guest@127.0.0.1:${PROXY_PORTS[2]}"
  echo "POSTGRES_PORTS=${POSTGRES_PORTS[*]}"
  echo "PATRONI_PORTS=${PATRONI_PORTS[*]}"
}

#: patroni-start MEMBER
action_patroni_start() { member_start "$1"; }

#: node-start NODE        returns when it has joined the others
action_node_start() {
  cluster_ports
  node_start "$1"
  node_await "$1"
}

#: node-stop NODE
action_node_stop() { node_stop "$1"; }

#: node-cut NODE          drop every packet between it and its peers
action_node_cut() { firewall -I "$1"; }

#: node-heal NODE
action_node_heal() { firewall -D "$1"; }

#: nodectl NODE ARGUMENT...
action_nodectl() {
  cluster_ports
  nodectl "$@"
}

#: destroy                kill the workers, stop the servers, and delete the folder
action_destroy() {
  kill_workers || true
  # Without ports nothing was started, or all was destroyed meanwhile.
  if [ ! -s "$SERVICES/ports" ]; then
    rm -rf "$SERVICES"
    return
  fi
  cluster_ports
  service_stop haproxy || true
  patroni_stop || true
  cluster_stop || true
  rm -rf "$SERVICES"
}

#: guard PID              destroy them when this process has ended, in whatever way

run_action "${BASH_SOURCE[0]}" "${2:-}" "${@:3}"
