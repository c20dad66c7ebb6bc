# shellcheck shell=bash
# Verification: what its engines need beside the program, and how they are run.

# verify_run [ENGINE...] [OPTION...]: on the servers of the tests; some engines have their own.
verify_run() {
  verify_cosmic_ray "$@"
  use_test_servers
  python -m verification "$@"
}

# verify_show [ENGINE] OPTION...: what needs no server: help, lists, plans.
verify_show() {
  if [ "${1:-}" = mutation ]; then verify_cosmic_ray "$@"; fi
  python -m verification "$@"
}

# verify_cosmic_ray [ENGINE...] [OPTION...]: the environment of what makes mutants, if it is wanted.
verify_cosmic_ray() {
  case "$* " in
    -* | ' ' | *'mutation '*)
      # (one of its packages is to be had as source only)
      environment_of "$VAR/verify/cosmic-ray" requirements/mutation.txt --no-binary yattag
      export MUTATION_PYTHON=$VAR/verify/cosmic-ray/bin/python
      ;;
  esac
}
