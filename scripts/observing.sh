# shellcheck shell=bash
# Prometheus beside the authority of `./dev up --observe`, with the alerts of the project.

OBSERVING=deploy/observability

# prometheus_ensure: has the program, or says what is missing.
prometheus_ensure() {
  command -v prometheus >/dev/null || install_packages prometheus
  command -v prometheus >/dev/null || die "there is no program prometheus in PATH"
}

# observe_ports: where the authority shows its metrics, and where Prometheus shows its pages.
observe_ports() {
  local ports
  mapfile -t ports < <(free_ports 2 "$ROOT/$OBSERVING") # beside those of the servers
  export METRICS_PORT="${METRICS_PORT:-${ports[0]}}"
  PROMETHEUS_PORT=${ports[1]}
}

# prometheus_start: in the background, until prometheus_stop. It begins anew: the targets of the run
# before, on other ports, would seem to be away.
prometheus_start() {
  local folder=$VAR/prometheus
  rm -rf "$folder"
  mkdir -p "$folder"
  sed '1,/^spec:/d; s/^  //' "$OBSERVING/alerts.yaml" >"$folder/rules.yaml"
  sed "s/accounts-server:[0-9]*/127.0.0.1:$METRICS_PORT/" "$OBSERVING/prometheus.yml" \
    >"$folder/prometheus.yml"
  say "starting Prometheus: http://127.0.0.1:$PROMETHEUS_PORT (its log: ${folder#"$ROOT/"}/log)"
  set -m # Ctrl-C reaches only this shell
  prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address="127.0.0.1:$PROMETHEUS_PORT" </dev/null >"$folder/log" 2>&1 &
  PROMETHEUS_PID=$!
  set +m
}

prometheus_stop() {
  local pid=${PROMETHEUS_PID:-}
  if ! is_alive "$pid"; then return; fi
  kill -TERM "$pid"
  wait_until 30 is_gone "$pid" || kill -KILL "$pid"
}
