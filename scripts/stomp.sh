# shellcheck shell=bash
# Other people's programs, which run in every real node: tests start them where SWPT_REAL names the
# folder that has them.

# stomp_ensure: what their scripts and their STOMP programs need.
stomp_ensure() {
  if [ -z "${SWPT_REAL:-}" ]; then return; fi
  packages_want openssl zip unzip envsubst hexdump
  environment_of "$VAR/stomp" requirements/stomp.txt
}
