# shellcheck shell=bash
# Two PostgreSQL servers under Patroni, with an etcd. SERVICES is their place; ETCD_PORTS,
# POSTGRES_PORTS and PATRONI_PORTS are known.

MEMBERS=(1 2)
PATRONI_PASSWORD=patroni

# service_start NAME COMMAND...: as the user postgres; its pid is in $SERVICES/NAME.pid.
service_start() {
  become postgres
  (cd "$SERVICES/patroni" && exec setsid "${BECOME[@]}" "${@:2}" \
    </dev/null >>"$SERVICES/patroni/$1.log" 2>&1 9>&-) &
  echo "$!" >"$SERVICES/$1.pid"
}

service_pid() { cat "$SERVICES/$1.pid" 2>/dev/null || true; }

service_stop() {
  local pid
  pid=$(service_pid "$1")
  is_alive "$pid" || return 0
  kill -TERM "$pid"
  kill -CONT "$pid"
  wait_until 30 is_gone "$pid" || kill -9 "$pid"
}

# ttl is how long a leader that is silent keeps its lock; loop_wait + 2 * retry_timeout is not more.
member_configure() {
  local i=$(($1 - 1))
  cat >"$SERVICES/patroni/$1.yml" <<YAML
scope: chaos
name: n$1
etcd3: {host: "127.0.0.1:${ETCD_PORTS[0]}"}
restapi:
  listen: "127.0.0.1:${PATRONI_PORTS[i]}"
  connect_address: "127.0.0.1:${PATRONI_PORTS[i]}"
bootstrap:
  dcs:
    ttl: 7
    loop_wait: 1
    retry_timeout: 3
    synchronous_mode: $SYNCHRONOUS
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {max_connections: 100, wal_log_hints: "on"}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
  pg_hba:
    - "host all all 127.0.0.1/32 scram-sha-256"
    - "host replication all 127.0.0.1/32 scram-sha-256"
postgresql:
  listen: "127.0.0.1:${POSTGRES_PORTS[i]}"
  connect_address: "127.0.0.1:${POSTGRES_PORTS[i]}"
  data_dir: $SERVICES/patroni/data$1
  bin_dir: $(postgres_bin)
  pgpass: $SERVICES/patroni/pgpass$1
  authentication:
    superuser: {username: postgres, password: $PATRONI_PASSWORD}
    replication: {username: replicator, password: $PATRONI_PASSWORD}
    rewind: {username: rewinder, password: $PATRONI_PASSWORD}
  parameters: {unix_socket_directories: ""}
YAML
}

member_start() { service_start "patroni$1" patroni "$SERVICES/patroni/$1.yml"; }

patroni_start() {
  local member client=http://127.0.0.1:${ETCD_PORTS[0]} peer=http://127.0.0.1:${ETCD_PORTS[1]}
  say "starting two PostgreSQL servers under Patroni"
  mkdir -p "$SERVICES/patroni"
  for member in "${MEMBERS[@]}"; do member_configure "$member"; done
  if is_root; then chown -R postgres: "$SERVICES/patroni"; fi
  chmod 700 "$SERVICES/patroni"
  service_start etcd etcd --data-dir "$SERVICES/patroni/etcd" \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "default=$peer"
  wait_until 30 is_port_taken "${ETCD_PORTS[0]}" ||
    die_with_log "$SERVICES/patroni/etcd.log" "etcd did not start"
  for member in "${MEMBERS[@]}"; do member_start "$member"; done
}

patroni_stop() {
  local member pid
  for member in "${MEMBERS[@]}"; do service_stop "patroni$member" & done
  wait
  # Patroni stops its server; one that was killed does not.
  for member in "${MEMBERS[@]}"; do
    pid=$(head -n 1 "$SERVICES/patroni/data$member/postmaster.pid" 2>/dev/null || true)
    if is_alive "$pid"; then
      kill -CONT "$pid"
      kill -QUIT "$pid"
      wait_until 20 is_gone "$pid" || true
    fi
  done
  service_stop etcd
}
