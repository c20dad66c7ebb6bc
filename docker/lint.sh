#!/usr/bin/env bash
# Static checks of what containers are made of: hadolint over the Dockerfiles, and the compose files
# read by docker-compose where there is one, else by podman-compose.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# find_compose: the command that reads compose files, in the array COMPOSE. podman-compose asks for
# the version of a podman, but needs none to read a file.
find_compose() {
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose)
  elif docker-compose version >/dev/null 2>&1; then
    COMPOSE=(docker-compose)
  else
    printf '#!/bin/sh\necho podman version 4.3.1\n' >"$folder/podman"
    chmod +x "$folder/podman"
    COMPOSE=(podman-compose --podman-path "$folder/podman")
  fi
}

lint_compose_files() {
  local file
  # docker-compose.yml wants a .env beside it, as the README says.
  cp docker-compose*.yml "$folder"
  cp development.env "$folder/.env"
  cp development.env "$folder"
  find_compose
  for file in "$folder"/docker-compose*.yml; do
    (cd "$folder" && "${COMPOSE[@]}" -f "$file" config) >/dev/null || failed=1
  done
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
hadolint Dockerfile docker/stand_ins/*.Containerfile || failed=1
lint_compose_files
exit "$failed"
