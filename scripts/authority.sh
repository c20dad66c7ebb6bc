# shellcheck shell=bash
# A whole authority on this machine: `./dev up`, and what inspects it or uses it.

AUTHORITY=$VAR/authority # a folder, while `./dev up` runs: its pid, its settings, "ready"

authority_pid() { cat "$AUTHORITY/pid" 2>/dev/null; }

authority_is_up() {
  local pid
  pid=$(authority_pid) && is_alive "$pid"
}

authority_is_ready() { authority_is_up && [ -e "$AUTHORITY/ready" ]; }

# authority_settings: takes over the settings of the authority that is up.
authority_settings() {
  # shellcheck source=/dev/null
  . "$AUTHORITY/settings"
}

# authority_use: takes over the settings of the authority that is up. Where none is, has the servers
# until the end of the script, and the settings that it would have.
authority_use() {
  if authority_is_ready; then
    authority_settings
  else
    at_exit services_release
    services_use
    settings_export
  fi
}

authority_begin() {
  if authority_is_up; then die "it is up already (./dev status shows it, ./dev down stops it)"; fi
  authority_end_leftover
  rm -rf "$AUTHORITY"
  mkdir -p "$AUTHORITY"
  echo "$$" >"$AUTHORITY/pid"
  at_exit authority_end
}

# A `./dev up` that was killed outright leaves its services running.
authority_end_leftover() {
  local pid
  pid=$(cat "$AUTHORITY/supervisor" 2>/dev/null) || return 0
  if grep -qs swpt_accounts.cli.supervisor "/proc/$pid/cmdline"; then
    say "stopping the services of an earlier ./dev up"
    kill -TERM "$pid"
    wait_until 60 is_gone "$pid" || die "process $pid does not stop"
  fi
}

authority_end() {
  if [ -n "${SUPERVISOR_DIR:-}" ]; then rm -rf "$SUPERVISOR_DIR"; fi
  prometheus_stop
  services_release
  rm -rf "$AUTHORITY"
}

# authority_servers: has both servers, RabbitMQ still starting, and the program's Python packages.
authority_servers() {
  local begin
  services_locked services_install
  python_ensure
  services_locked services_begin "$$" &
  begin=$!
  venv_ensure main
  wait "$begin" || exit 1
  services_ports
}

# authority_prepare: schema, exchanges and queues. Doing it again changes nothing.
authority_prepare() {
  say "bringing the schema of the database up to date"
  prepared flask db upgrade
  services_await
  say "declaring exchanges, queues and bindings"
  prepared python -m swpt_accounts create_chores_queue &
  prepared python -m swpt_accounts subscribe
  wait "$!" || exit 1
}

prepared() { # COMMAND...
  local log=$VAR/prepare_${!#}.log
  "$@" >"$log" 2>&1 || die_with_log "$log" "this failed: $*"
}

authority_remember() {
  SUPERVISOR_DIR=$(mktemp -d)
  # Several of them on one machine are not to be taken for one.
  export STATE_DIR="${STATE_DIR:-$SUPERVISOR_DIR}"
  BROKER_MANAGEMENT_URL=$(rabbitmq_management_url)
  export SUPERVISOR_DIR BROKER_MANAGEMENT_URL
  for name in $(setting_names) WEBSERVER_ADDRESS SUPERVISOR_DIR BROKER_MANAGEMENT_URL; do
    if [ -n "${!name+set}" ]; then
      printf 'export %s=%q\n' "$name" "${!name}"
    else
      printf 'unset %s\n' "$name"
    fi
  done >"$AUTHORITY/settings"
}

# authority_run: every service, in the foreground, until a signal or `./dev down`.
authority_run() {
  local supervisor status=0
  say "starting the services"
  set -m # its own process group: Ctrl-C reaches only this shell, which then stops it in order
  docker/supervise.sh &
  supervisor=$!
  set +m
  echo "$supervisor" >"$AUTHORITY/supervisor"
  trap 'authority_stop "$supervisor"' INT TERM HUP
  authority_show "$supervisor"
  # A signal ends a wait early. (No other program here: Ctrl-C would end that one too.)
  while kill -0 "$supervisor" 2>/dev/null; do wait "$supervisor" || status=$?; done
  if [ -n "${STOPPING:-}" ]; then status=0; fi
  return "$status"
}

authority_stop() { # SUPERVISOR
  if [ -n "${STOPPING:-}" ]; then return; fi
  STOPPING=1
  say "stopping the services"
  kill -TERM "$1" 2>/dev/null || true
}

authority_show() { # SUPERVISOR
  python -m scripts.status "$SUPERVISOR_DIR" --wait 60 ||
    say "not every service has started; they are tried again and again"
  if is_alive "$1"; then
    touch "$AUTHORITY/ready"
    printf '\nIn another terminal: ./dev demo, ./dev status. Ctrl-C stops everything.\n'
  fi
}

# authority_up_for_a_while: starts one in the background, to be stopped at the exit.
authority_up_for_a_while() {
  local log=$VAR/up.log
  say "starting an authority (its log: ${log#"$ROOT/"})"
  "$ROOT/dev" up </dev/null >"$log" &
  BACKGROUND=$!
  trap 'if authority_is_up; then authority_down; fi' EXIT
  wait_until 600 authority_is_ready_or_gone "$BACKGROUND" || true
  authority_is_ready || die_with_log "$log" "the authority did not start"
}

authority_is_ready_or_gone() { authority_is_ready || is_gone "$1"; }

authority_down() {
  local pid
  if ! pid=$(authority_pid) || is_gone "$pid"; then die "no authority runs here"; fi
  say "stopping the authority"
  kill -TERM "$pid"
  wait_until 90 is_gone "$pid" || die "process $pid does not stop"
  services_tell
}
