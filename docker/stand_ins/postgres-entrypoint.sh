#!/bin/sh
# Makes the cluster that POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB ask for, as the
# official image does: while it does, nobody can connect over the network.
set -eu

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=/var/run/postgresql/password
  (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >"$password")
  initdb -U "$POSTGRES_USER" --pwfile="$password" -E UTF8 --locale=C.UTF-8 -A trust >/dev/null
  rm "$password"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl -w -o "-c listen_addresses=''" start >/dev/null
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  for file in /docker-entrypoint-initdb.d/*.sql; do
    if [ -e "$file" ]; then
      psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$file"
    fi
  done
  pg_ctl -w -m fast stop >/dev/null
fi
exec postgres -c listen_addresses='*' "$@"
