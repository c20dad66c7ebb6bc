# shellcheck shell=bash
# A release: what is kept for the tests of later ones, and what a machine can check before a tag.

# write_release NAME: the schema, and all names that are promised to stay.
write_release() {
  write_release_schema "$1"
  python -m scripts.interface >"$ROOT/tests/docs/interface/$1.json"
  say "wrote tests/docs/interface/$1.json"
}

# run_release_check: every check runs, and the first failure does not hide the others.
run_release_check() {
  local failed=()
  check "python -m" scripts.release_check
  check upgrade_tests
  check run_audit_alone
  check compare_speed
  if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
  say "what a machine can check is well; CONTRIBUTING.md has the rest"
}

upgrade_tests() {
  (
    use_test_servers
    python -m pytest -q tests/db/test_migrations.py tests/docker/test_rolling_upgrade.py \
      tests/docker/test_release_databases.py \
      tests/inspection/test_upgrade_check.py tests/docs/test_support.py
  )
}

# (It ends the shell when something is wrong.)
run_audit_alone() { (run_audit); }

# compare_speed: of the release before, measured now, on this machine, and of this one. Takes some
# ten minutes.
compare_speed() {
  local before tree=$VAR/release-before
  before=$(python -m scripts.release_check --before)
  if [ -z "$before" ]; then
    say "there is no release before: no speed to compare with"
    return
  fi
  git worktree remove --force "$tree" 2>/dev/null || true
  rm -rf "$VAR"/bench/{before,now}
  git worktree add --force --detach "$tree" "$before" || return
  (
    cd "$tree" && ./dev bench --only burst --output "$VAR/bench/before"
    ./dev services destroy
  ) || return
  (
    use_test_servers
    tool bench --only burst --output "$VAR/bench/now"
  ) || return
  git worktree remove --force "$tree"
  python -m scripts.release_check --slower "$VAR"/bench/before/*/results.json \
    "$VAR"/bench/now/*/results.json
}
