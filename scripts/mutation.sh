# shellcheck shell=bash
# Mutation testing: a tool of its own, and a PostgreSQL that nobody else uses.

MUTATION=$VAR/mutation

# run_mutation KIND [ARGUMENT...]
run_mutation() {
  case ${1:-} in
    core)
      # (one of its packages is to be had as source only)
      environment_of "$MUTATION/tools" requirements/mutation.txt --no-binary yattag
      MUTATION_PYTHON=$MUTATION/tools/bin/python python -m tests.mutation "$@"
      ;;
    sql)
      case " $* " in
        *" --list "* | *" --help "* | *" -h "*) python -m tests.mutation "$@" ;;
        *) mutate_procedures "$@" ;;
      esac
      ;;
    *) python -m tests.mutation "$@" ;;
  esac
}

# A cluster that writes nothing through: what is lost with it is worth nothing.
mutate_procedures() {
  SERVICES=$(mktemp -d -t mutation.XXXXXX)
  chmod 755 "$SERVICES"
  at_exit mutation_end
  postgres_bin >/dev/null || install_packages postgresql
  # shellcheck disable=SC2034 # for scripts/postgres.sh
  POSTGRES_PORT=$(free_ports 1) \
    POSTGRES_EXTRA="-c fsync=off -c full_page_writes=off -c max_wal_size=2GB"
  postgres_start
  settings_forget
  TEST_POSTGRES_URL=$(postgres_url)
  export TEST_POSTGRES_URL
  python -m tests.mutation "$@"
}

mutation_end() {
  trap '' INT TERM HUP
  if postgres_is_running; then postgres_ctl -m immediate stop || true; fi
  rm -rf "$SERVICES"
}
