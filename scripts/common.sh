# shellcheck shell=bash
# What every other script uses: messages, files of settings, free ports.
# Sourced by ./dev, which sets ROOT (the checkout) and VAR (its state).

say() { printf '\033[2m==>\033[0m %s\n' "$*" >&2; }
[ -t 2 ] || say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

# die_with_log FILE MESSAGE...: says what failed, and shows the end of its log.
die_with_log() {
  local log=$1
  shift
  printf -- '---- the end of %s:\n' "$log" >&2
  tail -n 25 "$log" >&2 || true
  printf -- '----\n' >&2
  die "$*"
}

# at_exit COMMAND: what is done at the end, also when a signal ends the script.
at_exit() {
  # shellcheck disable=SC2064
  trap "$1" EXIT
  trap 'exit 130' INT HUP
  trap 'exit 143' TERM
}

is_root() { [ "$(id -u)" = 0 ]; }

# as_root COMMAND...: runs it as root, with the help of sudo where needed.
as_root() {
  if is_root; then
    "$@"
  else
    sudo "$@"
  fi
}

# become USER: the words before a command with which root becomes USER, in the array BECOME;
# none for anybody else, who stays who he is.
# shellcheck disable=SC2034
become() {
  BECOME=()
  if is_root; then BECOME=(setpriv --reuid="$1" --regid="$1" --init-groups --); fi
}

is_port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# has_listener PORT: whether anybody listens on it, at whatever address.
has_listener() { grep -qs ":$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp; }

# free_ports COUNT [PLACE]: that many ports of the loopback address which nobody listens on. The
# search starts where PLACE says, the checkout by default, so that two of them do not fight.
free_ports() {
  local count=$1 port
  port=$((15000 + $(printf '%s' "${2:-$ROOT}" | cksum | cut -d' ' -f1) % 1500 * 10))
  while [ "$count" -gt 0 ]; do
    [ "$port" -lt 32000 ] || die "there are no free ports between 15000 and 32000"
    if ! is_port_taken "$port" && ! has_listener "$port"; then
      echo "$port"
      count=$((count - 1))
    fi
    port=$((port + 1))
  done
}

# wait_until SECONDS COMMAND...: asks five times a second; fails when the time is over.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# is_alive PID: false for a zombie, and for an empty PID.
is_alive() { [ -n "$1" ] && grep -qs '^State:[[:space:]][^ZX]' "/proc/$1/status"; }
is_gone() { ! is_alive "$1"; }
