#!/usr/bin/env bash
# Servers that take nobody without a certificate, beside those of ./dev:
# tls.sh FOLDER start|stop. Prints the lines of a shell that say where they are. The users of the
# servers must be able to walk to the folder.
set -euo pipefail

CHECKOUT=$(cd "$(dirname "$0")/../.." && pwd -P)
# shellcheck disable=SC2034
ROOT=$1 VAR=$1 SERVICES=$1/services
for part in common packages postgres rabbitmq services; do
  # shellcheck source=/dev/null
  . "$CHECKOUT/scripts/$part.sh"
done
TLS=$ROOT/tls

sign() { # NAME SUBJECT_ALTERNATIVE_NAME
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$TLS/$1.key" -out "$TLS/$1.csr"
  openssl x509 -req -in "$TLS/$1.csr" -CA "$TLS/ca.crt" -CAkey "$TLS/ca.key" -days 2 \
    -set_serial "$RANDOM" -extfile <(echo "subjectAltName=$2") -out "$TLS/$1.crt"
  chmod 600 "$TLS/$1.key"
}

authority() { # NAME
  openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$1" -days 2 \
    -keyout "$TLS/$1.key" -out "$TLS/$1.crt"
}

make_certificates() {
  mkdir "$TLS"
  authority ca
  authority stranger
  sign server IP:127.0.0.1
  sign other DNS:elsewhere.example
  sign swpt_accounts DNS:owner
  sign swpt_accounts_worker DNS:worker
}

serve_postgres() {
  local data=$SERVICES/postgres/data
  mkdir -p "$SERVICES/postgres"
  postgres_init
  cp "$TLS"/{ca.crt,server.crt,server.key} "$data"
  cat >>"$data/postgresql.conf" <<'CONF'
ssl = on
ssl_ca_file = 'ca.crt'
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
CONF
  echo 'hostssl all all 127.0.0.1/32 cert' >"$data/pg_hba.conf"
  if is_root; then chown -R postgres: "$data"; fi
  postgres_ctl -l "$SERVICES/postgres/log" -o "$(postgres_options)" start ||
    die_with_log "$SERVICES/postgres/log" "PostgreSQL did not start"
}

# AMQP_PORT has to be a port without TLS for the scripts, which look whether the server is up.
serve_rabbitmq() {
  mkdir -p "$SERVICES/rabbitmq"
  cp "$TLS"/{ca.crt,server.crt,server.key} "$SERVICES/rabbitmq"
  cat >"$SERVICES/rabbitmq/advanced.config" <<CONF
[{rabbit, [{ssl_listeners, [{"127.0.0.1", $WEB_PORT}]}, {ssl_options, [
  {cacertfile, "$SERVICES/rabbitmq/ca.crt"}, {certfile, "$SERVICES/rabbitmq/server.crt"},
  {keyfile, "$SERVICES/rabbitmq/server.key"},
  {verify, verify_peer}, {fail_if_no_peer_cert, true}]}]}].
CONF
  rabbitmq_start
  rabbitmq_wait
  wait_until 30 is_port_taken "$WEB_PORT" # it is opened after the other one
}

case $2 in
  start)
    mkdir -p "$SERVICES/users"
    {
      make_certificates
      services_ports
      serve_postgres
      serve_rabbitmq
    } >"$ROOT/log" 2>&1 || die_with_log "$ROOT/log" "the servers did not start"
    echo "POSTGRES_PORT=$POSTGRES_PORT"
    echo "AMQPS_PORT=$WEB_PORT"
    echo "MANAGEMENT_PORT=$MANAGEMENT_PORT"
    ;;
  stop) services_stop ;;
esac
