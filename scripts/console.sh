# shellcheck shell=bash
# `./dev demo --console`: a console beside the authority, and payments to be watched in it.

# demo_with_console [OPTION...]: again and again where somebody is at the terminal, else once.
demo_with_console() {
  local token port log=$VAR/console.log
  token=$(python -c 'import secrets; print(secrets.token_urlsafe(24))')
  port=$(free_ports 1)
  CONSOLE_TOKEN=$token CONSOLE_PORT=$port python -m swpt_accounts console </dev/null >"$log" 2>&1 &
  CONSOLE=$!
  trap console_end EXIT
  wait_until 30 is_port_taken "$port" || die_with_log "$log" "the console did not start"
  say "the console: http://127.0.0.1:$port/   the token: $token"
  while true; do
    tool demo "$@" || return
    [ -t 0 ] || return 0
    say "once more; Ctrl-C ends it"
  done
}

# console_end: and with it the authority, if that was started for a while only.
console_end() {
  kill -TERM "$CONSOLE" 2>/dev/null || true
  wait "$CONSOLE" 2>/dev/null || true
  if [ -n "${BACKGROUND:-}" ] && authority_is_up; then authority_down; fi
}
