#!/bin/sh
# What a container does: entrypoint.sh COMMAND [OPTION...]; `all` when there is no COMMAND.
set -feu

# (It may be called by a link: the image has one where another one had its entrypoint.)
here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)

die() {
  echo "entrypoint.sh: $*" >&2
  exit 1
}

usage() {
  cat <<'USAGE'
The commands of this container:

  all                               run all services under a supervisor (the default)
  configure                         upgrade the database, declare the queue of chores; can be
                                    repeated
  upgrade                           check: what an upgrade to this image would do, and what is in
                                    its way (exit code 1: do not upgrade yet); changes nothing
  await_migrations                  wait until the database has the schema of this version; exit
                                    with 1 if that of a later one does not serve it
  webserver                         run the fetch API
  consume_messages                  run the consumers of SMP messages; --draining-mode
  consume_chore_messages            run the consumers of chores
  process_transfer_requests         run one stage of the transfers
  process_finalization_requests
  process_balance_changes
  flush_all                         run the flushers of all types of messages
  flush_rejected_transfers          run the flushers of one type of messages
  flush_prepared_transfers
  flush_finalized_transfers
  flush_account_transfers
  flush_account_updates
  flush_account_purges
  flush_rejected_configs
  flush_pending_balance_changes
  scan_accounts                     run one scan
  scan_prepared_transfers
  scan_registered_balance_changes
  subscribe                         declare the exchanges and the queues, bind the queue
  unsubscribe                       remove the binding of the queue, delete the queue of chores
  delete_queue                      delete the queue when it is empty and has no consumers
  dead_letters                      list, show, replay or discard rejected messages
  returned_messages                 list, show, retry or discard messages the broker returned
  trace                             show the stages of a transfer, or the state of an account
  statement                         list the transfers of an account
  resend                            send messages of the journal again
  mend_gap                          repair sequence numbers after a restore that lost commits
  status                            show the state and the problems of the shard; --watch, --json
  verify_shard_content              verify that all records belong to this shard (exit code 1: no)
  verify_books                      verify the books (exit code 1: they are wrong)
  add_up_books                      add up the exported books of all shards
  move_in                           convert a database of the reference, in place;
                                    --check, --dry-run
  move_out                          convert it back; --check, --dry-run, --make-room, --accept-loss
  serve_metrics                     serve the metrics of the servers, and the health; the other
                                    services serve their own if METRICS_PORT is set
  healthcheck                       check whether this container is live, or ready
  shards                            split a running shard, or move it to another server:
                                    plan, prepare, switch, finish, undo, status
  console                           run the console (docs/how-to/look-into-it-with-a-browser.md)
  psql                              open a session with the database; takes psql's arguments
  test                              run the tests (needs an image built with --target tests)
  develop-run-flask                 run the fetch API on Flask's development server
  help                              show this text

Any other word is executed as a program.
USAGE
}

# read_secret NAME: takes the variable from the file that NAME_FILE names.
read_secret() {
  eval "file=\${$1_FILE:-} value=\${$1:-}"
  [ -n "$file" ] || return 0
  [ -z "$value" ] || die "$1 and $1_FILE are both set"
  value=$(cat -- "$file") || die "$1_FILE is $file, which cannot be read"
  [ -n "$value" ] || die "$1_FILE is $file, which is empty"
  export "$1=$value"
  unset "$1_FILE"
}

# substitute_localhost ADDRESS NAME...: in URLs, where it is the host.
substitute_localhost() {
  address=$1
  shift
  for name; do
    case $name in
      [0-9]* | *[!A-Za-z0-9_]*)
        die "SUBSTITUTE_LOCALHOST_IN_VARS: \"$name\" is not a valid variable name"
        ;;
    esac
    eval "value=\${$name:-}"
    [ -n "$value" ] || continue
    value=$(printf '%s\n' "$value" |
      sed -E "s,^([A-Za-z0-9+]+://([^/]*@)?)localhost([:/?#]|\$),\\1$address\\3,")
    export "$name=$value"
  done
}

set_environment() {
  for name in POSTGRES_URL SQLALCHEMY_DATABASE_URI PROTOCOL_BROKER_URL CHORES_BROKER_URL \
    CONSOLE_TOKEN CONSOLE_ACTIONS_TOKEN CONSOLE_ACTIONS_POSTGRES_URL CONSOLE_ACTIONS_BROKER_URL \
    PROTOCOL_BROKER_MANAGEMENT_URL; do
    read_secret "$name"
  done
  if [ -n "${SUBSTITUTE_LOCALHOST_IN_VARS:-}" ]; then
    if address=$("$here/host_address.sh"); then
      # shellcheck disable=SC2086
      substitute_localhost "$address" $SUBSTITUTE_LOCALHOST_IN_VARS
    else
      echo "entrypoint.sh: the address of the docker host was not found; localhost is not replaced" >&2
    fi
    unset SUBSTITUTE_LOCALHOST_IN_VARS
  fi
  if [ -n "${POSTGRES_URL:-}" ]; then
    export SQLALCHEMY_DATABASE_URI="$POSTGRES_URL"
  fi
}

is_yes() {
  case $1 in
    [Yy][Ee][Ss] | [Tt][Rr][Uu][Ee] | [Oo][Nn] | 1) true ;;
    *) false ;;
  esac
}

# Every step may be done again: after a failure, `configure` is simply repeated.
configure() {
  if is_yes "${SETUP_RABBITMQ_BINDINGS:-}"; then
    python "$here/await_servers.py" database chores_broker protocol_broker
  else
    python "$here/await_servers.py" database chores_broker
  fi
  if is_yes "${MOVE_IN_FROM_REFERENCE:-}"; then
    python -m swpt_accounts move_in --unless-moved
  fi
  flask db upgrade
  python -m swpt_accounts create_chores_queue
  if is_yes "${SETUP_RABBITMQ_BINDINGS:-}"; then
    python -m swpt_accounts subscribe
  fi
}

run_all() {
  # One line for a wrong setting, in place of ten services which all say it again and again.
  python "$here/check_settings.py"
  # Where `healthcheck` looks for it.
  SUPERVISOR_DIR=${TMPDIR:-/tmp}/swpt_accounts
  export SUPERVISOR_DIR
  [ -d "$SUPERVISOR_DIR" ] || mkdir -m 700 "$SUPERVISOR_DIR"
  exec "$here/supervise.sh"
}

run_tests() {
  command -v pytest >/dev/null ||
    die "this image has no tests; build one that has: docker build --target tests ."
  [ -n "${TEST_POSTGRES_URL:-}" ] && [ -n "${TEST_BROKER_URL:-}" ] &&
    [ -n "${TEST_BROKER_MANAGEMENT_URL:-}" ] ||
    die "the tests need TEST_POSTGRES_URL, TEST_BROKER_URL and TEST_BROKER_MANAGEMENT_URL"
  cd "$here/.."
  # A test must see the same defaults everywhere.
  for name in $(sed -n 's/^#\{0,1\}\([A-Z_]*\)=.*/\1/p' development.env) SQLALCHEMY_DATABASE_URI; do
    unset "$name"
  done
  export HYPOTHESIS_STORAGE_DIRECTORY="${TMPDIR:-/tmp}/hypothesis"
  exec pytest -o "cache_dir=${TMPDIR:-/tmp}/pytest_cache" "$@"
}

# work COMMAND [OPTION...]: a worker, and what shows its metrics, which it forks.
work() {
  exec python -m swpt_accounts --with-metrics "$@"
}

flush() { # TYPE COMMAND [OPTION...]
  type=$1
  shift 2
  work flush_messages "$type" "$@"
}

[ $# -gt 0 ] || set -- all
set_environment
case $1 in
  all)
    [ $# = 1 ] || die "all has no options"
    run_all
    ;;
  configure)
    [ $# = 1 ] || die "configure has no options"
    configure
    ;;
  await_migrations)
    shift
    exec python "$here/await_servers.py" "$@" migrations
    ;;
  webserver)
    shift
    # Beside the command that follows, with which it ends: exec keeps the process id.
    case ${METRICS_PORT:-0} in
      0) ;;
      *) python -m swpt_accounts serve_metrics --beside $$ & ;;
    esac
    exec gunicorn --config "$here/gunicorn.conf.py" "$@" wsgi:app
    ;;
  develop-run-flask)
    shift
    exec flask run --host 0.0.0.0 --port "${WEBSERVER_PORT:-8080}" "$@"
    ;;
  consume_messages | consume_chore_messages | \
    process_transfer_requests | process_finalization_requests | process_balance_changes | \
    scan_accounts | scan_prepared_transfers | scan_registered_balance_changes)
    work "$@"
    ;;
  serve_metrics | healthcheck | subscribe | unsubscribe | delete_queue | dead_letters | \
    returned_messages | trace | statement | resend | mend_gap | status | \
    verify_shard_content | verify_books | add_up_books | move_in | move_out | shards | console | \
    upgrade)
    exec python -m swpt_accounts "$@"
    ;;
  flush_all)
    shift
    work flush_messages "$@"
    ;;
  flush_rejected_transfers) flush RejectedTransferSignal "$@" ;;
  flush_prepared_transfers) flush PreparedTransferSignal "$@" ;;
  flush_finalized_transfers) flush FinalizedTransferSignal "$@" ;;
  flush_account_transfers) flush AccountTransferSignal "$@" ;;
  flush_account_updates) flush AccountUpdateSignal "$@" ;;
  flush_account_purges) flush AccountPurgeSignal "$@" ;;
  flush_rejected_configs) flush RejectedConfigSignal "$@" ;;
  flush_pending_balance_changes) flush PendingBalanceChangeSignal "$@" ;;
  psql)
    shift
    exec python "$here/psql.py" "$@"
    ;;
  test)
    shift
    run_tests "$@"
    ;;
  flask)
    # It would only become the same, after it has loaded Flask.
    if [ "${2:-}" = swpt_accounts ]; then
      shift 2
      exec python -m swpt_accounts "$@"
    fi
    exec "$@"
    ;;
  help | --help | -h)
    usage
    ;;
  *)
    if ! command -v -- "$1" >/dev/null; then
      printf 'entrypoint.sh: there is no command %s\n\n' "$1" >&2
      usage >&2
      exit 127
    fi
    exec "$@"
    ;;
esac
