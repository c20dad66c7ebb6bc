# shellcheck shell=bash
# Inputs that nobody has thought of: what they need beside the program, and how they are run.

FUZZ_VENV=$VAR/fuzz/venv

# fuzz_environment: a virtual environment without pip, with exactly what is locked.
fuzz_environment() {
  local lock=$ROOT/requirements/fuzz.txt log=$VAR/fuzz/pip.log stamp
  stamp=$(sha256sum <"$lock")
  if [ "$(cat "$FUZZ_VENV/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  mkdir -p "$VAR/fuzz"
  say "installing the Python packages of ${lock#"$ROOT/"}"
  "$VENV/bin/python" -m venv --clear --without-pip "$FUZZ_VENV"
  "$VENV/bin/python" -m pip --python "$FUZZ_VENV/bin/python" install --disable-pip-version-check \
    --require-hashes --only-binary :all: -r "$lock" >"$log" 2>&1 ||
    die_with_log "$log" "pip could not install the packages of ${lock#"$ROOT/"}"
  printf '%s\n' "$stamp" >"$FUZZ_VENV/stamp"
}

run_fuzz() {
  fuzz_environment
  use_test_servers
  python -m tests.fuzzing "$@"
}
