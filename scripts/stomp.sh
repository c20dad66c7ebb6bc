# shellcheck shell=bash
# Other people's programs, which run in every real node: tests start them where SWPT_REAL names the
# folder that has them.

# stomp_ensure: what their scripts and their STOMP programs need.
stomp_ensure() {
  if [ -z "${SWPT_REAL:-}" ]; then return; fi
  packages_want openssl zip unzip envsubst hexdump
  environment_of "$VAR/stomp" requirements/stomp.txt
}

# network_run [OPTION...]: in its own process group: a signal reaches only this shell, which passes it
# on once, and waits until everything is gone.
network_run() {
  local pid status=0
  set -m
  python -m "${TOOLS[network]}" "$@" &
  pid=$!
  set +m
  trap 'kill -TERM "$pid" 2>/dev/null || true' INT TERM HUP
  while kill -0 "$pid" 2>/dev/null; do
    wait "$pid" && status=0 || status=$?
  done
  return "$status"
}
