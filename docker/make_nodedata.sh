#!/bin/sh
# Makes a node's data folder for end-to-end tests: make_nodedata.sh FOLDER [PEERS]
#
# FOLDER gets what node.sh makes of the node 1234abcd and two peers, a creditors agent and a debtors
# agent. PEERS, when given, gets the folders of these two peers (their keys included), for a test
# that plays them. Both must not exist yet.
#
# The keys are made anew each time, protected by nothing, and say so themselves.
set -eu

NODE_ID=1234abcd
WARNING='This key is public, and worthless: it was made for end-to-end tests only.'
NODE_DAYS=365000 NODE_KEY_BITS=2048 # a test is not to fail because of its age
export NODE_DAYS NODE_KEY_BITS
unset NODE_PASSPHRASE_FILE

die() {
  echo "make_nodedata.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd -P)
node_sh() { "$here/node.sh" "$@" 2>"$work/log" || die "$(cat "$work/log")"; }

# warn_in FOLDER: PEM allows any text before a key.
warn_in() {
  for key in "$1/private/root-ca.key" "$1/server.key"; do
    { echo "$WARNING" && cat "$key"; } >"$work/key"
    cat "$work/key" >"$key"
  done
}

# let_meet NODE PEER: each certifies the other, and takes what the other has issued.
let_meet() {
  node_sh introduce "$1" >"$work/introduction"
  node_sh admit "$2" "$work/introduction" >"$work/for_node.crt"
  node_sh introduce "$2" >"$work/introduction"
  node_sh admit "$1" "$work/introduction" >"$work/for_peer.crt"
  node_sh accept "$1" "$work/for_node.crt"
  node_sh accept "$2" "$work/for_peer.crt"
  node_sh activate "$1" "$(cat "$2/db/nodeid")"
  node_sh activate "$2" "$(cat "$1/db/nodeid")"
}

explain() {
  cat <<'README'
# A node's data folder, for end-to-end tests only

Everything here was made by `docker/make_nodedata.sh`, which makes it anew:

    rm -r docker/nodedata && docker/make_nodedata.sh docker/nodedata

The ids of the peers come from their keys, and so they are other ones then:
`docker-compose-all.yml`, which names them, has to be changed too.

**The private keys in this folder are public.** Whoever has this repository can pretend to be the
node 1234abcd, or one of its two peers. Never use any of it in production: a real node makes its
own certificate authority, and keeps `private/` off the servers
([how to join the network](../../docs/how-to/join-the-network.md)).

| path | content |
|---|---|
| `root-ca.crt`, `private/root-ca.key`, `root-ca.conf` | the node's self-signed root certificate, its key, how it signs |
| `server.crt`, `server.key` | the certificate of the STOMP server and clients, and its key |
| `db/index`, `db/serial`, `db/crlnumber`, `certs/` | the database of the certificate authority: what it has issued, and its next numbers |
| `db/subnets/` | the ranges of ids that peers have, and the last ones given |
| `db/root-ca.csr` | the request that goes into info-bundles |
| `db/nodeid`, `db/nodetype` | who the node is |
| `nodeinfo/` | where peers reach the node, and since when |
| `peers/ID/root-ca.crt` | a peer's root certificate |
| `peers/ID/peercert.crt` | the certificate that the node issued to the peer |
| `peers/ID/sub-ca.crt` | the certificate that the peer issued to the node |
| `peers/ID/nodetype.txt`, `peers/ID/subnet.txt` | what the peer is, and its range of ids |
| `peers/ID/queues.txt` | how many queues there are for it |
| `peers/ID/nodeinfo/` | where the node reaches the peer, and since when |
| `peers/ID/ACTIVE` | present while the peer is in use |
README
}

[ $# = 1 ] || [ $# = 2 ] || die "usage: make_nodedata.sh FOLDER [PEERS]"
for folder; do
  [ ! -e "$folder" ] || die "$folder exists already"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

node=$1
creditors=$work/peers/creditors_agent
debtors=$work/peers/debtors_agent
node_sh make "$node" accounting-authority localhost:1234 "$NODE_ID"
# Peers that a test starts on the machine are found there by the STOMP clients in containers.
node_sh make "$creditors" creditors-agent host.docker.internal:1235
node_sh make "$debtors" debtors-agent host.docker.internal:1236
let_meet "$node" "$creditors"
let_meet "$node" "$debtors"
for folder in "$node" "$creditors" "$debtors"; do
  warn_in "$folder"
  rm -f "$folder"/db/*.old "$folder/db/lock"
done
explain >"$node/README.md"
# A folder of a repository is read by whoever has it; so are these keys, by any container.
find "$node" -type f -exec chmod 644 {} +
chmod 755 "$node/private"
if [ $# = 2 ]; then cp -R "$work/peers" "$2"; fi
