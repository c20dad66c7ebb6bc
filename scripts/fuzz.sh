# shellcheck shell=bash
# Inputs that nobody has thought of: what they need beside the program, and how they are run.

FUZZ_VENV=$VAR/fuzz/venv

run_fuzz() {
  environment_of "$FUZZ_VENV" requirements/fuzz.txt
  use_test_servers
  python -m tests.fuzzing "$@"
}
