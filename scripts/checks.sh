# shellcheck shell=bash
# Tests and static checks.

# tests_in_order: the folders of tests/. The quick ones come first, then those with the longest
# files: at the end, short ones keep all processes busy.
tests_in_order() {
  local name
  {
    printf 'tests/%s/\n' verification examples faults docker takeover scans e2e sharding db broker
    printf '%s\n' tests/*/
  } | sed 's:/$::' | awk '!seen[$0]++' | while read -r name; do
    if [ -n "$(find "$name" -name 'test_*.py' -print -quit 2>/dev/null)" ]; then echo "$name"; fi
  done
}

# run_tests [--coverage | ARGUMENT...]: everything in parallel, or what is asked for. The tests of a
# file stay in one process: they share what took long to start. Coverage costs half as much again.
run_tests() {
  local arguments=("$@") coverage=()
  if [ "${1:-}" = --coverage ]; then
    coverage=(--cov --cov-report=term --cov-report=html)
    mkdir -p "$VAR/coverage"
    arguments=("${@:2}")
  fi
  if [ ${#arguments[@]} = 0 ]; then
    mapfile -t arguments < <(tests_in_order)
    arguments+=(--numprocesses "${TEST_PROCESSES:-4}" --dist loadfile --no-loadscope-reorder)
  fi
  python -m pytest "${arguments[@]}" "${coverage[@]}"
}

# run_fast_tests [ARGUMENT...]: those that need no server, of the program's packages. The other
# folders test tools, which start programs.
run_fast_tests() {
  local packages=(swpt_accounts/*/__init__.py)
  packages=("${packages[@]%/__init__.py}")
  python -m pytest -m "not servers" --numprocesses auto "${@:-${packages[@]/#swpt_accounts/tests}}"
}

# use_test_servers: what tests and benchmarks see of the environment, the same everywhere.
use_test_servers() {
  settings_forget
  TEST_POSTGRES_URL=$(postgres_url)
  TEST_BROKER_URL=$(rabbitmq_url)
  TEST_BROKER_MANAGEMENT_URL=$(rabbitmq_management_url)
  export TEST_POSTGRES_URL TEST_BROKER_URL TEST_BROKER_MANAGEMENT_URL
}

shell_scripts() {
  find . \( -name .venv -o -name var -o -name .git \) -prune -o -type f -print |
    while read -r file; do
      case $file in
        *.sh) echo "$file" ;;
        *.*/*run | */dev) if head -n 1 "$file" | grep -q '^#!.*sh$'; then echo "$file"; fi ;;
      esac
    done
}

yaml_files() {
  find . \( -name .venv -o -name var -o -name .git \) -prune -o \
    -type f \( -name '*.yml' -o -name '*.yaml' \) -print
}

YAML_RULES='{extends: default, rules: {line-length: {max: 100}, document-start: disable,
  truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}'

# run_lint: every check runs, and the first failure does not hide the others.
run_lint() {
  local failed=() shells yamls
  mapfile -t shells < <(shell_scripts)
  mapfile -t yamls < <(yaml_files)
  check "ruff check" .
  check "ruff format" --check --quiet .
  check mypy
  check lint-imports --cache-dir var/import_linter_cache
  check shellcheck -x "${shells[@]}"
  if [ ${#yamls[@]} -gt 0 ]; then check yamllint -s -d "$YAML_RULES" "${yamls[@]}"; fi
  check docker/lint.sh
  check "python -m" scripts.manifests
  check_schema vendor.compose-spec docker-compose*.yml
  check_schema vendor.github-workflows .github/workflows/*.yml
  check build_docs
  if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
}

SITE=$VAR/site

# build_docs: makes the site of the documents. Links that lead nowhere, and pages that are not in the
# index, are errors.
build_docs() {
  rm -rf "$SITE"
  sphinx-build -q -E -W --keep-going -j auto -c docs -d "$VAR/doctrees" . "$SITE"
}

MERMAID=mermaid@11.17.2
MERMAID_DIGEST=581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8

# fetch_mermaid: puts the script that draws diagrams where docs/conf.py looks for it. Only
# its bundle is needed, so nothing is installed.
fetch_mermaid() {
  local folder=$VAR/mermaid
  local file=$folder/mermaid.min.js
  if ! command -v npm >/dev/null; then
    echo "there is no npm: the diagrams are shown as text" >&2
    return
  fi
  if is_mermaid "$file"; then return; fi
  rm -rf "$folder"
  mkdir -p "$folder"
  npm pack --silent --pack-destination "$folder" "$MERMAID" >"$folder/npm.log" 2>&1 ||
    die_with_log "$folder/npm.log" "npm could not fetch $MERMAID"
  tar -xzf "$folder"/*.tgz -C "$folder" --strip-components 2 package/dist/mermaid.min.js
  rm "$folder"/*.tgz
  is_mermaid "$file" || die "$MERMAID is not what it was"
}

is_mermaid() { sha256sum --check --status <<<"$MERMAID_DIGEST  $1" 2>/dev/null; }

check_schema() { # SCHEMA FILE...
  if [ -e "$2" ]; then check "check-jsonschema --builtin-schema $1" "${@:2}"; fi
}

check() { # "PROGRAM [SUBCOMMAND]" ARGUMENT...
  say "$1"
  # shellcheck disable=SC2086
  $1 "${@:2}" || failed+=("$1")
}
