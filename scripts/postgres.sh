# shellcheck shell=bash
# The project's own PostgreSQL cluster. SERVICES is its place; POSTGRES_PORT is known.
# postgresql+psycopg://swpt_accounts:swpt_accounts@127.0.0.1:PORT/swpt_accounts; the user may
# create databases and roles. It listens on the loopback address only.

POSTGRES_USER=swpt_accounts POSTGRES_PASSWORD=swpt_accounts POSTGRES_DB=swpt_accounts

# postgres_bin: where the programs of PostgreSQL are: POSTGRES_BIN, or those of the newest version.
postgres_bin() {
  local dir
  if [ -n "${POSTGRES_BIN:-}" ]; then
    [ -x "$POSTGRES_BIN/initdb" ] || die "POSTGRES_BIN: there is no initdb in $POSTGRES_BIN"
    echo "$POSTGRES_BIN"
    return
  fi
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(pg_config --bindir 2>/dev/null)"; do
    if [ -x "$dir/initdb" ]; then
      echo "$dir"
      return
    fi
  done
  return 1
}

postgres_is_running() {
  is_alive "$(head -n 1 "$SERVICES/postgres/data/postmaster.pid" 2>/dev/null)"
}

postgres_is_up() { postgres_is_running && is_port_taken "$POSTGRES_PORT"; }

postgres_init() {
  local dir="$SERVICES/postgres" log="$SERVICES/initdb.log"
  become postgres
  say "creating a PostgreSQL cluster in $dir"
  rm -rf "$dir/data"
  (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >"$dir/password")
  if is_root; then chown -R postgres: "$dir"; fi
  # Without the encoding and the locale a bare machine would get SQL_ASCII.
  "${BECOME[@]}" "$(postgres_bin)/initdb" -D "$dir/data" -U "$POSTGRES_USER" \
    --pwfile="$dir/password" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >"$log" 2>&1 ||
    die_with_log "$log" "PostgreSQL's initdb failed"
  rm -f "$dir/password"
}

# Only what a production server would have too: fsync and synchronous_commit stay on, so that
# development and tests have the real cost of a commit. Shards that are split at the same time need
# slots and workers; PostgreSQL 15 starts one subscription in each `wal_retrieve_retry_interval`.
postgres_options() {
  local preload='' bin
  bin=$(postgres_bin)
  if [ -e "$("$bin/pg_config" --pkglibdir)/pg_stat_statements.so" ]; then
    preload=' -c shared_preload_libraries=pg_stat_statements'
  fi
  echo "-p $POSTGRES_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" \
    "-c wal_level=logical -c max_replication_slots=30 -c max_wal_senders=30" \
    "-c max_logical_replication_workers=16 -c max_worker_processes=24" \
    "-c wal_retrieve_retry_interval=200ms" \
    "-c max_connections=${POSTGRES_CONNECTIONS:-300}$preload"
}

postgres_start() {
  local dir="$SERVICES/postgres"
  mkdir -p "$dir"
  [ -s "$dir/data/global/pg_control" ] || postgres_init
  say "starting PostgreSQL on port $POSTGRES_PORT"
  if is_root; then chown -R postgres: "$dir"; fi
  postgres_ctl -l "$dir/log" -o "$(postgres_options)" start ||
    die_with_log "$dir/log" "PostgreSQL did not start"
  postgres_create_database
}

postgres_create_database() {
  postgres_psql -Atqc "SELECT 1 FROM pg_database WHERE datname = '$POSTGRES_DB'" -d postgres |
    grep -q 1 || postgres_psql -qc "CREATE DATABASE $POSTGRES_DB" -d postgres
}

postgres_stop() {
  local dir="$SERVICES/postgres"
  say "stopping PostgreSQL"
  postgres_ctl -m fast stop || die_with_log "$dir/log" "PostgreSQL did not stop"
}

postgres_ctl() (
  become postgres
  cd "$SERVICES/postgres" || exit
  "${BECOME[@]}" "$(postgres_bin)/pg_ctl" -s -w -D data "$@" </dev/null >/dev/null 9>&-
)

postgres_psql() {
  PGPASSWORD=$POSTGRES_PASSWORD "$(postgres_bin)/psql" -X -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$POSTGRES_PORT" -U "$POSTGRES_USER" "$@"
}

postgres_url() {
  echo "postgresql+psycopg://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/$POSTGRES_DB"
}

# write_release_schema NAME: a database as this version makes it, as pg_dump says, without
# its comments and empty lines.
write_release_schema() {
  local database=release_schema file=$ROOT/tests/db/releases/$1.sql url
  postgres_psql -qc "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" -d postgres
  url=$(postgres_url)
  POSTGRES_URL=${url%/*}/$database flask db upgrade
  (
    use_test_servers
    python -m scripts.release_data "${url%/*}/$database"
  ) >"${file%.sql}.json"
  {
    echo "-- A database of $1, as pg_dump writes it, stopped in the middle of its work."
    PGPASSWORD=$POSTGRES_PASSWORD "$(postgres_bin)/pg_dump" --inserts --load-via-partition-root \
      --no-owner --no-privileges \
      -h 127.0.0.1 -p "$POSTGRES_PORT" -U "$POSTGRES_USER" "$database" |
      grep -vE '^($|--|[\])' |
      # (before version 17 the parts of a table do not say that their ids are generated)
      sed 's/^INSERT INTO public.journal VALUES/INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES/'
  } >"$file"
  postgres_psql -qc "DROP DATABASE $database" -d postgres
  say "wrote ${file#"$ROOT/"}"
}
