#!/usr/bin/env bash
# Proves a backup: backup_drill.sh --help. What it restores is a copy, in a folder of its own, and is
# removed again; the server that was backed up is not touched, nor are the backup and the archive.
set -euo pipefail

usage() {
  cat <<'USAGE'
backup_drill.sh [OPTION...] BACKUP ARCHIVE

Restores a base backup (of pg_basebackup: a folder, or a folder with base.tar or base.tar.gz) with the
archived WAL (a folder), starts a server of its own on it, and verifies the books. It exits with 0 if
the backup is good, with 1 and the reason if not, with 2 for wrong options.

  --wal-command COMMAND   how a file of WAL is fetched, in the place of ARCHIVE: a restore_command of
                          PostgreSQL, with %f and %p
  --verify COMMAND        how the books are verified (python -m swpt_accounts verify_books --quiet);
                          it finds the database by POSTGRES_URL
  --database NAME         the database with the books (swpt_accounts)
  --user NAME             a superuser of the server that was backed up (postgres)
  --until MOMENT          restore to this moment, not to the end of the archive
  --age-max MINUTES       the newest commit may not be older than that
  --port PORT             also listen on this port of 127.0.0.1, with a password, for a --verify that
                          cannot use a socket below the scratch folder
  --scratch FOLDER        where there is room for a copy (TMPDIR, or /tmp)
  --minutes MINUTES       how long each step may take (120)

The programs of PostgreSQL are those in POSTGRES_BIN, or of the version of the backup.
USAGE
}

say() { printf '%s\n' "$*"; }

die() {
  printf 'backup_drill.sh: %s\n' "$*" >&2
  exit 1
}

misused() {
  printf 'backup_drill.sh: %s (--help)\n' "$*" >&2
  exit 2
}

wal_command='' database=swpt_accounts user=postgres until='' age_max='' port='' minutes=120
verify='python -m swpt_accounts verify_books --quiet'
scratch_parent=${TMPDIR:-/tmp}
folder='' server='' child=''
become=()

is_number() { case $1 in '' | *[!0-9]*) false ;; *) true ;; esac }

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --help) usage && exit 0 ;;
      --wal-command | --verify | --database | --user | --until | --age-max | --port | --scratch | --minutes)
        [ $# -ge 2 ] || misused "$1 needs a value"
        case $1 in
          --wal-command) wal_command=$2 ;;
          --verify) verify=$2 ;;
          --database) database=$2 ;;
          --user) user=$2 ;;
          --until) until=$2 ;;
          --age-max) age_max=$2 ;;
          --port) port=$2 ;;
          --scratch) scratch_parent=$2 ;;
          --minutes) minutes=$2 ;;
        esac
        shift 2
        ;;
      --) shift && break ;;
      -*) misused "there is no option $1" ;;
      *) break ;;
    esac
  done
  [ $# -ge 1 ] || misused "which backup?"
  backup=$1 archive=${2:-}
  [ $# -le 2 ] || misused "too many arguments"
  if [ -n "$wal_command" ]; then
    [ -z "$archive" ] || misused "ARCHIVE and --wal-command are both given"
  elif [ -z "$archive" ]; then
    misused "which archive?"
  fi
  for number in "$minutes" "${age_max:-0}" "${port:-0}"; do
    is_number "$number" || misused "$number is not a number"
  done
}

# -- what must not be left behind ----------------------------------------------

is_alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

clean_up() {
  trap '' INT TERM HUP
  if is_alive "$child"; then kill -TERM -- "-$child" 2>/dev/null || true; fi
  if is_alive "$server"; then
    kill -QUIT "$server" 2>/dev/null || true
    for ((i = 0; i < 200; i++)); do
      is_alive "$server" || break
      sleep 0.1
    done
    if is_alive "$server"; then kill -KILL "$server" 2>/dev/null || true; fi
  fi
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
}

trap clean_up EXIT
trap 'die "it was interrupted; nothing is left of the copy"' INT TERM HUP

# limited COMMAND...: runs it for as long as a step may take. A signal does not wait for it.
limited() {
  local status=0
  setsid timeout "$((minutes * 60))" "$@" &
  child=$!
  wait "$child" || status=$?
  child=''
  [ "$status" -ne 124 ] || die "it took more than $minutes minutes (--minutes): $*"
  return "$status"
}

step_at=0
begin_step() { step_at=$SECONDS; }
end_step() { say "$(printf '%5d s  ' "$((SECONDS - step_at))")$*"; }

# -- what is there --------------------------------------------------------------

# packed NAME: the tar file of this name in the backup, if there is one
packed() {
  local file
  for file in "$backup/$1.tar" "$backup/$1.tar.gz"; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done
}

survey_backup() {
  [ -d "$backup" ] || die "there is no folder $backup"
  [ ! -e "$backup/postmaster.pid" ] ||
    die "$backup is the data folder of a server, and not a backup: it has a postmaster.pid"
  base_tar=$(packed base)
  if [ -n "$base_tar" ]; then
    version=$(tar -xOf "$base_tar" PG_VERSION 2>/dev/null ||
      tar -xOf "$base_tar" ./PG_VERSION 2>/dev/null) || die "$base_tar cannot be read"
    backup_kib=$(tar -tvf "$base_tar" | awk '{ sum += $3 } END { print int(sum / 1024) }')
  else
    if [ ! -r "$backup/PG_VERSION" ] || [ ! -r "$backup/backup_label" ]; then
      die "$backup is no base backup: it has no PG_VERSION and backup_label, and no base.tar"
    fi
    version=$(cat "$backup/PG_VERSION")
    backup_kib=$(du -sk "$backup" | cut -f 1)
  fi
}

find_programs() {
  local found
  bin=${POSTGRES_BIN:-}
  if [ -z "$bin" ] && [ -x "/usr/lib/postgresql/$version/bin/postgres" ]; then
    bin=/usr/lib/postgresql/$version/bin
  elif [ -z "$bin" ]; then
    found=$(command -v postgres) ||
      die "the backup is of PostgreSQL $version, and its programs are not here (see POSTGRES_BIN)"
    bin=$(dirname "$found")
  fi
  [ -x "$bin/postgres" ] || die "there is no program postgres in $bin"
  found=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  [ "$found" = "$version" ] ||
    die "the backup is of PostgreSQL $version, and the programs in $bin are of $found"
}

archived_wal() {
  find "$archive" -maxdepth 1 | sed 's,.*/,,' | grep -Ex '[0-9A-F]{24}' | LC_ALL=C sort || true
}

# The names of segments are timeline, and two numbers; what is missing between two of a timeline is
# lost, and PostgreSQL would take it for the end.
survey_archive() {
  local hole
  [ -n "$archive" ] || return 0
  [ -d "$archive" ] || die "there is no folder $archive"
  archive=$(cd "$archive" && pwd)
  last_wal=$(archived_wal | tail -n 1)
  [ -n "$last_wal" ] || die "there is no WAL in $archive (packed WAL needs --wal-command)"
  per_file=$((4294967296 / segment_bytes))
  hole=$(
    archived_wal |
      while read -r name; do
        [ "$name" \< "$first_wal" ] && continue
        number=$((16#${name:8:8} * per_file + 16#${name:16:8}))
        if [ "${name:0:8}" = "${timeline_before:-}" ] && [ "$number" -ne $((before + 1)) ]; then
          printf '%s, after %s\n' "$name" "$name_before"
          break
        fi
        timeline_before=${name:0:8} before=$number name_before=$name
      done
  )
  [ -z "$hole" ] || die "WAL is missing in $archive: the next file is $hole"
  [ -f "$archive/$first_wal" ] || [ -f "$folder/data/pg_wal/$first_wal" ] ||
    die "WAL is missing in $archive: the backup begins in $first_wal"
}

# -- the copy -------------------------------------------------------------------

make_folder() {
  local free_kib need_kib=$((backup_kib + backup_kib / 10 + 131072))
  [ -d "$scratch_parent" ] || die "there is no folder $scratch_parent (--scratch)"
  free_kib=$(df -Pk "$scratch_parent" | awk 'NR == 2 { print $4 }')
  [ "$free_kib" -ge "$need_kib" ] ||
    die "in $scratch_parent are $((free_kib / 1024)) MiB free, and $((need_kib / 1024)) are needed (--scratch)"
  if [ -n "$port" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "somebody listens on port $port already (--port)"
  fi
  folder=$(mktemp -d "$scratch_parent/backup_drill.XXXXXX") || die "$scratch_parent cannot be written"
  mkdir -m 700 "$folder/data" "$folder/socket"
}

unpack() {
  local wal_tar
  if [ -z "$base_tar" ]; then
    limited cp -a "$backup/." "$folder/data" || die "$backup cannot be copied"
  else
    limited tar -xf "$base_tar" -C "$folder/data" || die "$base_tar cannot be unpacked"
    wal_tar=$(packed pg_wal)
    if [ -n "$wal_tar" ]; then
      limited tar -xf "$wal_tar" -C "$folder/data/pg_wal" || die "$wal_tar cannot be unpacked"
    fi
    if [ -f "$backup/backup_manifest" ]; then cp "$backup/backup_manifest" "$folder/data"; fi
  fi
  chmod 700 "$folder/data"
  [ -z "$(ls -A "$folder/data/pg_tblspc" 2>/dev/null)" ] && [ ! -s "$folder/data/tablespace_map" ] ||
    die "the backup has tablespaces, which this script does not know"
  [ -s "$folder/data/backup_label" ] || die "$backup is no base backup: it has no backup_label"
}

check_files() {
  if [ ! -f "$folder/data/backup_manifest" ]; then
    say "         (the backup has no manifest: that its files are whole is not known)"
    return
  fi
  limited "$bin/pg_verifybackup" --no-parse-wal --quiet "$folder/data" >"$folder/verifybackup" 2>&1 ||
    die "the backup is damaged: $(head -n 3 "$folder/verifybackup")"
}

control() { "$bin/pg_controldata" "$folder/data" | sed -n "s/^$1: *//p"; }

# PostgreSQL's way to write a string in its configuration
quoted() { printf "'%s'" "${1//\'/\'\'}"; }

# Nothing of the configuration that was backed up counts: no archive, no primary, no subscription, no
# library. (For recovery, some limits must not be lower than they were.)
configure() {
  local name label
  if [ -z "$wal_command" ]; then
    wal_command="test -f $(printf %q "${archive//%/%%}")/%f && cp $(printf %q "${archive//%/%%}")/%f %p"
  fi
  rm -f "$folder/data/standby.signal" "$folder/data/postmaster.opts"
  : >"$folder/data/postgresql.auto.conf"
  : >"$folder/data/recovery.signal"
  {
    echo "listen_addresses = '${port:+127.0.0.1}'"
    echo "port = ${port:-5432}"
    echo "unix_socket_directories = $(quoted "$folder/socket")"
    echo "unix_socket_permissions = 0700"
    echo "hba_file = $(quoted "$folder/pg_hba.conf")"
    echo "ident_file = $(quoted "$folder/pg_ident.conf")"
    echo "restore_command = $(quoted "$wal_command")"
    echo "recovery_target_timeline = 'latest'"
    echo "recovery_target_action = 'promote'"
    if [ -n "$until" ]; then echo "recovery_target_time = $(quoted "$until")"; fi
    echo "archive_mode = off"
    echo "max_logical_replication_workers = 0"
    echo "autovacuum = off"
    echo "fsync = off"
    echo "logging_collector = off"
    echo "log_destination = 'stderr'"
    echo "lc_messages = 'C'"
    for name in max_connections max_worker_processes max_wal_senders max_prepared_transactions \
      max_locks_per_transaction; do
      label=${name/max_prepared_transactions/max_prepared_xacts}
      label=${label/max_locks_per_transaction/max_locks_per_xact}
      echo "$name = $(control "$label setting")"
    done
  } >"$folder/postgresql.conf"
  echo 'local all all trust' >"$folder/pg_hba.conf"
  if [ -n "$port" ]; then echo 'host all backup_drill 127.0.0.1/32 scram-sha-256' >>"$folder/pg_hba.conf"; fi
  : >"$folder/pg_ident.conf"
  : >"$folder/log"
}

# The server refuses to run as root.
choose_user() {
  local how
  [ "$(id -u)" -eq 0 ] || return 0
  id postgres >/dev/null 2>&1 || die "there is no user postgres, and the server does not run as root"
  for how in 'setpriv --reuid=postgres --regid=postgres --init-groups' 'gosu postgres' 'su-exec postgres'; do
    if command -v "${how%% *}" >/dev/null; then
      read -ra become <<<"$how"
      chown -R postgres "$folder"
      return
    fi
  done
  die "there is neither setpriv nor gosu, to run the server as the user postgres"
}

# -- the server -----------------------------------------------------------------

ask() {
  PGOPTIONS='-c client_min_messages=warning' "$bin/psql" -XAtq -v ON_ERROR_STOP=1 \
    -h "$folder/socket" -p "${port:-5432}" -U "$user" -d "${2:-$database}" -c "$1" || return 1
}

explain_log() {
  grep -E 'FATAL|PANIC|ERROR|invalid|wrong size' "$folder/log" | grep -v 'starting up' | tail -n 3
}

recover() {
  local end=$((SECONDS + minutes * 60)) answer
  cd "$folder"
  "${become[@]}" "$bin/postgres" -D "$folder/data" -c "config_file=$folder/postgresql.conf" \
    </dev/null >>"$folder/log" 2>&1 &
  server=$!
  while answer=$(ask 'SELECT pg_is_in_recovery()' postgres 2>"$folder/psql") || true; [ "$answer" != f ]; do
    is_alive "$server" || die "it cannot be recovered: $(explain_log)"
    # (who is no superuser, or not there, will not be)
    if grep -Eq 'role .* does not exist' "$folder/psql"; then die "$(cat "$folder/psql") (--user)"; fi
    [ "$SECONDS" -lt "$end" ] || die "recovery took more than $minutes minutes (--minutes)"
    sleep 0.2
  done
}

# Where a record is damaged, PostgreSQL takes it for the end of the WAL.
check_end() {
  local reached
  if [ -z "$archive" ] || [ -n "$until" ]; then return 0; fi
  reached=$(ask "SELECT substr(pg_walfile_name(pg_last_wal_replay_lsn() - 1), 9)" postgres)
  [ ! "$reached" \< "${last_wal:8}" ] ||
    die "the WAL is damaged in …$reached, and the archive ends with …${last_wal:8}: $(
      grep -E 'LOG:  (invalid|incorrect|unexpected|record|there is no|could not)' "$folder/log" | tail -n 1
    )"
}

tell_newest() {
  local age
  ask 'SELECT 1' >/dev/null || die "the database $database is not there (--database)"
  newest=$(ask 'SELECT pg_last_xact_replay_timestamp()')
  [ -n "$newest" ] || die "the archive has no commit since the base backup"
  age=$(ask 'SELECT floor(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()))')
  say "the newest commit is of $newest, $age s ago: so much would have been lost by now"
  if [ -n "$age_max" ] && [ "$age" -gt "$((age_max * 60))" ]; then
    die "the newest commit is older than $age_max minutes (--age-max): is the WAL archived?"
  fi
}

tell_books() {
  ask "SELECT 'rows: account ' || (SELECT count(*) FROM account)
    || ', prepared_transfer ' || (SELECT count(*) FROM prepared_transfer)
    || ', registered_balance_change ' || (SELECT count(*) FROM registered_balance_change)" ||
    die "the database $database does not have the tables of the authority (--database)"
  ask "SELECT 'debtor ' || debtor_id || ': accounts ' || count(*)
      || ', the debtor has ' || coalesce(sum(principal) FILTER (WHERE creditor_id = 0), 0)
      || ', creditors have ' || coalesce(sum(principal) FILTER (WHERE creditor_id <> 0), 0)
      || ', locked ' || sum(total_locked_amount)
    FROM account GROUP BY debtor_id ORDER BY count(*) DESC, debtor_id LIMIT 10"
}

# A role that only reads, so that --verify can do nothing else.
make_reader() {
  local password
  password=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
  ask "DROP ROLE IF EXISTS backup_drill" || true
  ask "CREATE ROLE backup_drill LOGIN PASSWORD '$password' IN ROLE pg_read_all_data, pg_read_all_stats"
  if [ -n "$port" ]; then
    url=postgresql+psycopg://backup_drill:$password@127.0.0.1:$port/$database
  else
    url="postgresql+psycopg://backup_drill@/$database?host=$folder/socket&port=5432"
  fi
}

verify_books() {
  local status=0
  limited env -u POSTGRES_URL_FILE -u SQLALCHEMY_DATABASE_URI_FILE POSTGRES_URL="$url" \
    SQLALCHEMY_DATABASE_URI="$url" sh -c "$verify" || status=$?
  case $status in
    0) ;;
    1) die "the books do not add up" ;;
    *) die "the books could not be verified (exit code $status): $verify" ;;
  esac
}

read_options "$@"
survey_backup
find_programs
make_folder
begin_step
unpack
end_step "copied $((backup_kib / 1024)) MiB"
begin_step
check_files
end_step "its files are whole"
segment_bytes=$(control 'Bytes per WAL segment')
first_wal=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\)).*/\1/p' "$folder/data/backup_label")
survey_archive
configure
choose_user
begin_step
here=$PWD
recover
cd "$here"
check_end
end_step "recovered"
tell_newest
tell_books
make_reader
begin_step
verify_books
end_step "the books are right"
say "the backup is good"
