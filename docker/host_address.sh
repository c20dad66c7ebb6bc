#!/bin/sh
# Prints the address of the docker host, as it is seen from a container: that of the default
# gateway. host_address.sh [ROUTES]; exit code 1 when there is no gateway, as in the network of
# the host itself, where `localhost` is right as it is.
set -eu

while read -r _ destination gateway _; do
  # Eight hexadecimal digits, the last byte of the address first.
  if [ "$destination" = 00000000 ] && [ "$gateway" != 00000000 ]; then
    rest=${gateway#??}
    fourth=${gateway%"$rest"}
    second_and_first=${rest#??}
    third=${rest%"$second_and_first"}
    first=${second_and_first#??}
    second=${second_and_first%"$first"}
    echo "$((0x$first)).$((0x$second)).$((0x$third)).$((0x$fourth))"
    exit
  fi
done <"${1:-/proc/net/route}"
exit 1
