#!/bin/sh
# Runs a broker with the user that RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS ask for. As in
# the official image, `guest` may come from other containers.
set -eu

if [ "$(id -u)" = 0 ]; then
  {
    echo 'loopback_users = none'
    if [ -n "${RABBITMQ_DEFAULT_USER:-}" ]; then
      echo "default_user = $RABBITMQ_DEFAULT_USER"
      echo "default_pass = $RABBITMQ_DEFAULT_PASS"
    fi
  } >/etc/rabbitmq/rabbitmq.conf
  chown -R rabbitmq /var/lib/rabbitmq
  exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
fi
# These mean something else to the server itself.
unset RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS
exec rabbitmq-server
