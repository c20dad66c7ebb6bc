#!/bin/sh
# Runs a STOMP program of a node, and ends it when what it has read of the node's folder has changed,
# because it reads its part once, at its start: who runs the container starts it again.
#
#   follow.sh swpt-server|swpt-client|swpt-drainer|configure-queue [PEER QUEUE]
#
# SWPT_NODEDATA_URL, SWPT_SERVER_CERT and SWPT_SERVER_KEY are those of the programs. With
# NODEDATA_ARCHIVE, the folder is unpacked from this tar file, into $NODEDATA_FOLDER/current, also
# each time when the file is another one. It looks every FOLLOW_SECONDS (10) seconds; what has
# changed must stay the same until the next look, so that no program reads half of a change.
set -u

case ${1:-} in
  swpt-server) of_peers=/peers/*/DEACTIVATED ;;
  swpt-client | swpt-drainer | configure-queue) of_peers="/peers/${2:-}/* /peers/${2:-}/nodeinfo/*" ;;
  *)
    echo "usage: follow.sh swpt-server|swpt-client|swpt-drainer|configure-queue [PEER QUEUE]" >&2
    exit 2
    ;;
esac
seconds=${FOLLOW_SECONDS:-10}
folder=${SWPT_NODEDATA_URL#file://}
archive=${NODEDATA_ARCHIVE:-}

# The new folder takes the place of the old one in one step.
unpack() {
  digest=$(sha256sum <"$archive" | cut -c 1-16)
  new=$NODEDATA_FOLDER/$digest
  [ "$(readlink "$NODEDATA_FOLDER/current")" != "$digest" ] || return 0
  rm -rf "$new" "$new.part" && mkdir "$new.part" && tar -x -f "$archive" -C "$new.part" &&
    mv "$new.part" "$new" && ln -sfn "$digest" "$NODEDATA_FOLDER/next" &&
    mv -T "$NODEDATA_FOLDER/next" "$NODEDATA_FOLDER/current" || return 1
  for old in "$NODEDATA_FOLDER"/*; do
    case $old in "$new" | "$NODEDATA_FOLDER/current") ;; *) rm -rf "$old" ;; esac
  done
}

# What this program has read: names and contents, and nothing of files that are not there.
state() {
  # shellcheck disable=SC2086 # names of peers are hexadecimal
  for file in "$SWPT_SERVER_CERT" "$SWPT_SERVER_KEY" "$folder"/root-ca.crt "$folder"/db/node* \
    $(printf "$folder%s " $of_peers); do
    if [ -f "$file" ]; then echo "$file" && cat "$file"; fi
  done | sha256sum
}

follow() {
  last=$1
  while sleep "$seconds"; do
    if [ -n "$archive" ] && ! unpack; then
      echo "follow.sh: cannot unpack $archive; it will be tried again" >&2
      continue
    fi
    now=$(state)
    if [ "$now" != "$1" ] && [ "$now" = "$last" ]; then
      echo "follow.sh: the node's folder has changed; $2 has to start again" >&2
      kill "$3"
      return
    fi
    last=$now
  done
}

if [ -n "$archive" ]; then unpack || exit 1; fi
started_with=$(state)
"$@" &
program=$!
trap 'kill "$program" 2>/dev/null' TERM INT HUP
follow "$started_with" "$1" "$program" &
follower=$!
status=0
# A signal ends the wait, not the program.
while kill -0 "$program" 2>/dev/null; do
  wait "$program"
  status=$?
done
kill "$follower" 2>/dev/null
exit "$status"
