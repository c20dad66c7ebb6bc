#!/usr/bin/env bash
# Static checks of what containers are made of: hadolint over the Dockerfiles, and the compose files
# read by a real docker-compose or podman-compose, where there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# find_compose: the command that can read compose files, in the array COMPOSE.
find_compose() {
  COMPOSE=()
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose)
  elif docker-compose version >/dev/null 2>&1; then
    COMPOSE=(docker-compose)
  elif command -v podman >/dev/null && command -v podman-compose >/dev/null; then
    COMPOSE=(podman-compose)
  fi
}

lint_compose_files() {
  local file made=''
  find_compose
  if [ ${#COMPOSE[@]} = 0 ]; then
    echo "the compose files: neither docker compose nor podman is here; only their schema is checked" >&2
    return
  fi
  # docker-compose.yml wants a .env, as the README says.
  if [ ! -e .env ]; then
    made=1
    cp development.env .env
    trap 'rm -f .env' EXIT
  fi
  for file in docker-compose.yml docker-compose-all.yml; do
    "${COMPOSE[@]}" -f "$file" config >/dev/null || failed=1
  done
  if [ -n "$made" ]; then rm -f .env; fi
}

failed=0
hadolint Dockerfile docker/stand_ins/*.Containerfile || failed=1
lint_compose_files
exit "$failed"
