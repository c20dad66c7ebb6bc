#!/bin/sh
# Runs nginx before the STOMP server: it bounds what one connection can send, and how many there are.
# TLS passes through unread. It writes only below TMPDIR. Needed:
#
#   STOMP_PROXY_SERVER                 HOST:PORT of the STOMP server; of several, a name for all
#   STOMP_PROXY_PORT                   on which peers connect
#
# The limits, which docs/reference/amqp.md explains:
#
#   STOMP_BYTES_PER_SECOND             that are taken from a connection; the rest waits at the peer
#   STOMP_CONNECTIONS_PER_ADDRESS      more are closed at once
#   STOMP_CONNECTIONS                  of all peers together
set -eu

folder=${TMPDIR:-/tmp}
# A name is looked up again: the server may come back with another address.
names=$(sed -n '/%/d; s/^nameserver[[:space:]]*//p' /etc/resolv.conf | sed 's/.*:.*/[&]/' | tr '\n' ' ')
listen_6=''
if [ -e /proc/net/if_inet6 ]; then
  listen_6="listen [::]:$STOMP_PROXY_PORT backlog=100 so_keepalive=1m:20s:3;"
fi

# Where the standard output cannot be opened by its name, there are no lines of connections.
lines="/dev/stdout peers if=\$is_told"
(: >>/dev/stdout) 2>/dev/null || lines=off

cat >"$folder/stomp_proxy.conf" <<CONF
# Debian's nginx has the module for this in a file of its own.
include /etc/nginx/modules-enabled/*.conf;
worker_processes 1;
# Connections last: they end with the container.
worker_shutdown_timeout 2s;
worker_rlimit_nofile 4096;
pid $folder/stomp_proxy.pid;
error_log stderr notice;

events {
    worker_connections 2048;
}

stream {
    ${names:+resolver $names valid=5s ipv6=off;}
    limit_conn_zone \$binary_remote_addr zone=address:1m;
    limit_conn_zone \$server_port zone=all:32k;
    limit_conn_log_level info;

    # When a connection ends, its line, if it lasted for ten seconds: no stranger's does. Of those
    # that are refused, one in a hundred: else strangers could fill the disk with lines.
    split_clients \$connection \$is_sample {
        1% 1;
        * 0;
    }
    map \$limit_conn_status:\$is_sample:\$session_time \$is_told {
        ~^REJECTED:1: 1;
        ~^PASSED:.:\d\d+[.] 1;
        default 0;
    }
    log_format peers '\$time_iso8601 \$remote_addr \$limit_conn_status, \$session_time s,'
        ' \$bytes_received bytes from it';
    access_log $lines;

    server {
        listen $STOMP_PROXY_PORT backlog=100 so_keepalive=1m:20s:3;
        $listen_6
        limit_conn address ${STOMP_CONNECTIONS_PER_ADDRESS:-10};
        limit_conn all ${STOMP_CONNECTIONS:-800};
        proxy_upload_rate ${STOMP_BYTES_PER_SECOND:-65536};
        # Less than a peer's part of the handshake: so a new connection is no faster at first, and
        # to connect again and again brings nothing.
        proxy_buffer_size 4k;
        set \$server "$STOMP_PROXY_SERVER";
        proxy_pass \$server;
        proxy_connect_timeout 5s;
        # Longer than between two heart-beats of STOMP, 30 seconds.
        proxy_timeout 5m;
        proxy_socket_keepalive on;
    }
}
CONF
exec nginx -e stderr -c "$folder/stomp_proxy.conf" -g 'daemon off;'
