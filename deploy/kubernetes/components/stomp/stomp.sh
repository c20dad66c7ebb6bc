#!/bin/sh
# Runs a program of the STOMP image, in its container, and starts it again when what it has read of
# the node's folder has changed: the programs themselves read it once.
#
#   stomp.sh swpt-server
#   stomp.sh swpt-client PEER QUEUE       one for each queue, while the peer is active
#   stomp.sh swpt-drainer PEER QUEUE      one for each queue, while the peer is deactivated
#   stomp.sh configure-queue PEER QUEUE   makes the queues, and ends
#
# A peer has as many queues as its queues.txt says: QUEUE, QUEUE.1, QUEUE.2 and so on. The folder is
# that of SWPT_NODEDATA_URL; if NODEDATA_ARCHIVE names a tar file, the folder is unpacked from it,
# and again when it has changed. When a program ends by itself, so does this, with 1.
set -u

LOOK_SECONDS=3
STOP_SECONDS_MAX=8
QUEUES_MAX=99
folder=${SWPT_NODEDATA_URL#file://}
program=$1
peer=$folder/peers/${2:-}
unpacked='' running=''

say() { echo "stomp.sh: $*" >&2; }

# -- the folder ---------------------------------------------------------------

unpack() {
  [ -n "${NODEDATA_ARCHIVE:-}" ] || return 0
  archive=$(sha256sum <"$NODEDATA_ARCHIVE")
  [ "$archive" != "$unpacked" ] || return 0
  rm -rf "$folder.new" "$folder.old"
  mkdir -p "$folder.new"
  tar -xzf "$NODEDATA_ARCHIVE" -C "$folder.new" || return 1
  if [ -e "$folder" ]; then mv "$folder" "$folder.old"; fi
  mv "$folder.new" "$folder"
  rm -rf "$folder.old"
  unpacked=$archive
}

state_of() { # FOLDER OF A PEER
  if [ -e "$1/DEACTIVATED" ]; then
    echo deactivated
  elif [ -e "$1/ACTIVE" ]; then
    echo active
  else
    echo new
  fi
}

digest() { cat "$@" 2>/dev/null | sha256sum; }

digest_of_peer() { # FOLDER
  digest "$1/root-ca.crt" "$1/sub-ca.crt" "$1/nodetype.txt" "$1/subnet.txt"
}

# What the program reads, a line for each node. A peer that is new to a server is no change: it
# looks for peers when they connect.
read_by_program() {
  echo "own $(digest "$SWPT_SERVER_CERT" "$SWPT_SERVER_KEY" "$folder/root-ca.crt")"
  if [ "$program" != swpt-server ]; then
    echo "$(state_of "$peer") $(digest_of_peer "$peer")"
    echo "reached $(digest "$peer/nodeinfo/stomp.toml" "$peer/queues.txt")"
    return
  fi
  for one in "$folder"/peers/*; do
    if [ "$(state_of "$one")" = active ]; then echo "$one $(digest_of_peer "$one")"; fi
  done
}

# is_all_there OLD NEW: whether every line of the old text is in the new one.
is_all_there() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort | uniq -d | wc -l)" -eq "$(printf '%s\n' "$1" | wc -l)" ]
}

# -- the programs -------------------------------------------------------------

queues() { # QUEUE
  count=$(cat "$peer/queues.txt" 2>/dev/null || echo 1)
  number=0
  while [ "$number" -lt "$count" ] && [ "$number" -lt "$QUEUES_MAX" ]; do
    if [ "$number" = 0 ]; then echo "$1"; else echo "$1.$number"; fi
    number=$((number + 1))
  done
}

# launch QUEUE, or nothing for the server
launch() {
  if [ "$program" = swpt-server ]; then swpt-server & else "$program" "${peer##*/}" "$1" & fi
  running="$running $!:${1:-}"
}

start() {
  case $program:$(state_of "$peer") in
    swpt-server:*) launch ;;
    swpt-client:active | swpt-drainer:deactivated)
      for queue in $(queues "$1"); do launch "$queue"; done
      ;;
    *) say "there is nothing to do for $program: the peer ${peer##*/} is $(state_of "$peer")" ;;
  esac
}

is_alive() { kill -0 "${1%%:*}" 2>/dev/null; }

is_one_alive() {
  for one in $running; do
    if is_alive "$one"; then return; fi
  done
  return 1
}

# Of several, those that have ended: what is wrong with one queue holds up no other one.
start_the_dead() {
  before=$running
  running=''
  for one in $before; do
    if is_alive "$one"; then running="$running $one"; else launch "${one#*:}"; fi
  done
}

signal() {
  for one in $running; do kill "-$1" "${one%%:*}" 2>/dev/null; done
}

stop() {
  seconds=0
  signal TERM
  while is_one_alive && [ "$seconds" -lt "$STOP_SECONDS_MAX" ]; do
    sleep 1
    seconds=$((seconds + 1))
  done
  signal KILL
  running=''
}

configure_queues() { # QUEUE
  if [ "$(state_of "$peer")" = deactivated ]; then return; fi
  for queue in $(queues "$1"); do configure-queue "${peer##*/}" "$queue" || return 1; done
}

# look QUEUE: start what has to be started.
look() {
  unpack || say "$NODEDATA_ARCHIVE cannot be unpacked: the folder stays as it is"
  now=$(read_by_program)
  if is_all_there "$known" "$now"; then
    start_the_dead
  else
    say "the node's folder has changed: $program starts again"
    stop
    start "$1"
  fi
  known=$now
}

watch() { # QUEUE
  known=$(read_by_program)
  start "$1"
  ticks=0
  while sleep 1; do
    if [ -n "$running" ]; then is_one_alive || return; fi
    ticks=$((ticks + 1))
    if [ "$((ticks % LOOK_SECONDS))" = 0 ]; then look "$1"; fi
  done
}

trap 'stop; exit 0' TERM INT
unpack || exit 1
if [ "$program" = configure-queue ]; then
  configure_queues "$3"
  exit
fi
watch "${3:-}"
stop
exit 1
