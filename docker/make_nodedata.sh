#!/bin/sh
# Makes a node's data folder for end-to-end tests: make_nodedata.sh FOLDER [PEERS]
#
# FOLDER gets a certificate authority of the node 1234abcd, and what it knows of two peers, a
# creditors agent and a debtors agent. PEERS, when given, gets the folders of these two peers
# (their keys included), for a test that plays them. Both must not exist yet.
#
# The keys are made anew each time, protected by nothing, and say so themselves.
set -eu

NODE_ID=1234abcd
REGISTRY='Swaptacular Nodes Registry'
AUTHORITIES='Accounting Authorities'
CREDITORS_SUBNET=000002
DEBTORS_SUBNET=1234abcd00
DAYS=36500 # a test is not to fail because of its age
WARNING='This key is public, and worthless: it was made for end-to-end tests only.'

die() {
  echo "make_nodedata.sh: $*" >&2
  exit 1
}

# make_key FILE: a private key, with a warning before it (PEM allows any text there).
make_key() {
  (
    umask 077
    {
      echo "$WARNING"
      openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048
    } >"$1"
  )
}

# agent_id KEY: the highest 128 bits of SHA-256 over the public key.
agent_id() {
  openssl pkey -in "$1" -pubout -outform DER | openssl dgst -sha256 -r | cut -c1-32
}

# configure UNIT ID: a configuration of openssl, on the standard output, for a certificate of the
# node ID. Its sections of extensions are root, server, and peer, which is filled in by peer_lines.
configure() {
  cat <<CONF
[req]
prompt = no
string_mask = utf8only
distinguished_name = name
[name]
O = $REGISTRY
OU = $1
serialNumber = $2
[root]
basicConstraints = critical, CA:TRUE, pathlen:1
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth, serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[peer]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
nameConstraints = critical, permitted;dirName:name
CONF
}

# make_node FOLDER UNIT [ID]: a certificate authority with its server certificate. Without an ID
# it is an agent's, and comes from the key.
make_node() {
  mkdir -p "$1/db" "$1/private" "$1/nodeinfo" "$1/peers"
  make_key "$1/private/root-ca.key"
  make_key "$1/server.key"
  id=${3:-$(agent_id "$1/private/root-ca.key")}
  printf '%s\n' "$id" >"$1/db/nodeid"
  printf '%s\n' "$2" >"$1/db/nodetype"
  configure "$2" "$id" >"$work/node.conf"
  openssl req -new -x509 -config "$work/node.conf" -extensions root -days "$DAYS" \
    -key "$1/private/root-ca.key" -out "$1/root-ca.crt"
  openssl req -new -config "$work/node.conf" -key "$1/server.key" -out "$work/server.csr"
  sign "$1" "$work/server.csr" server "$work/node.conf" >"$1/server.crt"
}

# sign FOLDER REQUEST SECTION CONFIGURATION: a certificate issued by the node of the FOLDER.
sign() {
  openssl x509 -req -in "$2" -CA "$1/root-ca.crt" -CAkey "$1/private/root-ca.key" \
    -set_serial "0x$(openssl rand -hex 15)" -days "$DAYS" -extfile "$4" -extensions "$3" \
    2>"$work/log" || die "$(cat "$work/log")"
}

# certify_peer ISSUER SUBJECT SUBNET: the certificate that one node issues to another.
certify_peer() {
  configure "$(cat "$2/db/nodetype")" "$(cat "$2/db/nodeid")" >"$work/peer.conf"
  echo "nsComment = Subnet: $3" >>"$work/peer.conf"
  openssl req -new -config "$work/peer.conf" -key "$2/private/root-ca.key" -out "$work/peer.csr"
  sign "$1" "$work/peer.csr" peer "$work/peer.conf"
}

# tell_address FOLDER SERVER DESTINATION: how others reach the node.
tell_address() {
  cat >"$1/nodeinfo/stomp.toml" <<TOML
servers = ["$2"]
host = "/"
destination = "/exchange/$3"
TOML
}

# know_peer NODE PEER SUBNET: writes down, in the folder of NODE, what it knows of PEER.
know_peer() {
  known=$1/peers/$(cat "$2/db/nodeid")
  mkdir -p "$known/nodeinfo"
  cp "$2/root-ca.crt" "$known/root-ca.crt"
  cp "$2/nodeinfo/stomp.toml" "$known/nodeinfo/stomp.toml"
  cp "$2/db/nodetype" "$known/nodetype.txt"
  certify_peer "$2" "$1" "$3" >"$known/peercert.crt"
  certify_peer "$1" "$2" "$3" >"$known/sub-ca.crt"
  printf '%s\n' "$3" >"$known/subnet.txt"
  : >"$known/ACTIVE"
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
own certificate authority, and keeps `private/` off the servers.

| path | content |
|---|---|
| `root-ca.crt`, `private/root-ca.key` | the node's self-signed root certificate, and its key |
| `server.crt`, `server.key` | the certificate of the STOMP server and clients, and its key |
| `db/nodeid`, `db/nodetype` | who the node is |
| `nodeinfo/stomp.toml` | where peers reach the node |
| `peers/ID/root-ca.crt` | a peer's root certificate |
| `peers/ID/peercert.crt` | the certificate that the peer issued to the node |
| `peers/ID/sub-ca.crt` | the certificate that the node issued to the peer |
| `peers/ID/nodetype.txt`, `peers/ID/subnet.txt` | what the peer is, and its range of ids |
| `peers/ID/nodeinfo/stomp.toml` | where the node reaches the peer |
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
make_node "$node" "$AUTHORITIES" "$NODE_ID"
make_node "$creditors" 'Creditors Agents'
make_node "$debtors" 'Debtors Agents'
tell_address "$node" localhost:1234 accounts_in
# Peers that a test starts on the machine are found there by the STOMP clients in containers.
tell_address "$creditors" host.docker.internal:1235 creditors_in
tell_address "$debtors" host.docker.internal:1236 debtors_in
know_peer "$node" "$creditors" "$CREDITORS_SUBNET"
know_peer "$node" "$debtors" "$DEBTORS_SUBNET"
explain >"$node/README.md"
# A folder of a repository is read by whoever has it; so are these keys, by any container.
find "$node" -type f -exec chmod 644 {} +
if [ $# = 2 ]; then cp -R "$work/peers" "$2"; fi
