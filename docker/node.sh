#!/bin/sh
# A node's certificate authority, and what the node knows of its peers: node.sh COMMAND FOLDER …
#
#   make FOLDER TYPE ADDRESS [ID]   a new node: accounting-authority (with an ID of 8 hexadecimal
#                                   digits), creditors-agent or debtors-agent; ADDRESS is HOST:PORT
#   introduce FOLDER                tell, on the standard output, who the node is
#   admit FOLDER INTRODUCTION SUBNET
#                                   register a peer, and certify it: its certificate goes to the
#                                   standard output
#   accept FOLDER CERTIFICATE       take what a registered peer has issued to this node: from now
#                                   on the peer is active
#   renew FOLDER server|PEER        a new certificate for the node's server, or for a peer
#   revoke FOLDER PEER              the peer is not active any more, and its certificates are revoked
#   list FOLDER                     the peers, and until when each certificate is valid; exits with 1
#                                   if one ends in less than 30 days
#
# NODE_PASSPHRASE_FILE names a file with the passphrase of the root's key. NODE_DAYS is for how long
# certificates are valid (by itself: the root 20 years, peers five, the server 397 days), NODE_KEY_BITS
# the size of new keys (3072).
set -eu

REGISTRY='Swaptacular Nodes Registry'
SOON_SECONDS=2592000

die() {
  echo "node.sh: $*" >&2
  exit 1
}

# -- keys and names ------------------------------------------------------------

# make_key FILE [OPTION...]: a private key that nobody else can read.
make_key() {
  file=$1
  shift
  (umask 077 && openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${NODE_KEY_BITS:-3072}" "$@" -out "$file")
}

# with_root COMMAND...: openssl with the passphrase of the root's key, if it has one.
with_root() {
  if [ -n "${NODE_PASSPHRASE_FILE:-}" ]; then
    openssl "$@" -passin "file:$NODE_PASSPHRASE_FILE"
  else
    openssl "$@" </dev/null
  fi
}

# public_key KIND FILE: that of an x509, or of a req.
public_key() { openssl "$1" -in "$2" -noout -pubkey; }

# agent_id: the highest 128 bits of SHA-256 over the public key on the standard input.
agent_id() { openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -c1-32; }

# field FILE NAME: a field of the subject of a certificate.
field() {
  openssl x509 -in "$1" -noout -subject -nameopt multiline,-align,utf8,-esc_msb |
    sed -n "s/^ *$2 = //p"
}

unit_of() {
  case $1 in
    accounting-authority) echo 'Accounting Authorities' ;;
    creditors-agent) echo 'Creditors Agents' ;;
    debtors-agent) echo 'Debtors Agents' ;;
    *) die "a node is an accounting-authority, a creditors-agent or a debtors-agent, not: $1" ;;
  esac
}

exchange_of() {
  case $1 in
    'Accounting Authorities') echo accounts_in ;;
    'Creditors Agents') echo creditors_in ;;
    'Debtors Agents') echo debtors_in ;;
    *) die "no type of node: $1" ;;
  esac
}

is_hex() { # TEXT MIN MAX
  case $1 in *[!0-9a-f]* | '') return 1 ;; esac
  [ ${#1} -ge "$2" ] && [ ${#1} -le "$3" ]
}

# -- the authority -------------------------------------------------------------

# configure UNIT ID: a configuration of openssl for this node's authority, and for the name of a node.
# The file is $work/conf.
configure() {
  cat >"$work/conf" <<CONF
[ca]
default_ca = node
[node]
database = $node/db/index
serial = $node/db/serial
crlnumber = $node/db/crlnumber
new_certs_dir = $node/db/issued
certificate = $node/root-ca.crt
private_key = $node/private/root-ca.key
default_md = sha256
default_crl_days = 3650
policy = supplied
unique_subject = no
copy_extensions = none
email_in_dn = no
string_mask = utf8only
[supplied]
organizationName = supplied
organizationalUnitName = supplied
serialNumber = supplied
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
keyUsage = critical, keyCertSign, cRLSign
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
nsComment = Subnet: ${3:-none}
CONF
}

# issue SECTION DAYS REQUEST FILE: a certificate by this node, noted in db/index.
issue() {
  with_root ca -batch -notext -config "$work/conf" -extfile "$work/conf" -extensions "$1" \
    -days "${NODE_DAYS:-$2}" -in "$3" -out "$work/issued.crt" 2>"$work/log" || die "$(cat "$work/log")"
  chmod 644 "$work/issued.crt"
  cp "$work/issued.crt" "$4.new"
  mv "$4.new" "$4"
}

# revoke_issued CERTIFICATE: revoked in db/index, if this node has issued it and it is not yet.
revoke_issued() {
  [ -e "$1" ] || return 0
  with_root ca -config "$work/conf" -revoke "$1" 2>"$work/log" ||
    grep -q 'Already revoked' "$work/log" || die "$(cat "$work/log")"
}

list_revoked() {
  with_root ca -config "$work/conf" -gencrl -out "$node/root-ca.crl.new" 2>"$work/log" ||
    die "$(cat "$work/log")"
  mv "$node/root-ca.crl.new" "$node/root-ca.crl"
}

configure_own() { configure "$(cat "$node/db/nodetype")" "$(cat "$node/db/nodeid")"; }

certify_server() {
  configure_own
  openssl req -new -config "$work/conf" -key "$node/server.key" -out "$node/requests/server.csr"
  issue server 397 "$node/requests/server.csr" "$node/server.crt"
}

# certify_peer PEER: a certificate for a registered peer.
certify_peer() {
  peer=$node/peers/$1
  configure "$(cat "$peer/nodetype.txt")" "$1" "$(cat "$peer/subnet.txt")"
  issue peer 1826 "$node/requests/$1.csr" "$peer/sub-ca.crt"
}

# -- commands ------------------------------------------------------------------

make() { # FOLDER TYPE ADDRESS [ID]
  [ $# = 3 ] || [ $# = 4 ] || usage
  [ ! -e "$1" ] || die "$1 exists already"
  unit=$(unit_of "$2")
  case $3 in *[!a-zA-Z0-9.:-]* | :* | *: | '') die "the address is HOST:PORT, not: $3" ;; *:*) ;; *) die "the address lacks a port: $3" ;; esac
  if [ "$2" = accounting-authority ]; then
    is_hex "${4:-}" 8 8 || die "the ID of an accounting authority is 8 hexadecimal digits, lower case"
  else
    [ $# = 3 ] || die "the ID of an agent comes from its key"
  fi
  mkdir -p "$1"
  node=$(cd "$1" && pwd -P)
  mkdir "$node/db" "$node/db/issued" "$node/private" "$node/requests" "$node/nodeinfo" "$node/peers"
  chmod 700 "$node/private"
  if [ -n "${NODE_PASSPHRASE_FILE:-}" ]; then
    make_key "$node/private/root-ca.key" -aes256 -pass "file:$NODE_PASSPHRASE_FILE"
  else
    make_key "$node/private/root-ca.key"
  fi
  make_key "$node/server.key"
  id=${4:-$(with_root pkey -in "$node/private/root-ca.key" -pubout | agent_id)}
  printf '%s\n' "$unit" >"$node/db/nodetype"
  printf '%s\n' "$id" >"$node/db/nodeid"
  : >"$node/db/index"
  echo "$(openssl rand -hex 1 | tr 89abcdef 01234567)$(openssl rand -hex 14)" >"$node/db/serial"
  echo 01 >"$node/db/crlnumber"
  configure_own
  with_root req -new -config "$work/conf" -key "$node/private/root-ca.key" -out "$node/requests/root-ca.csr"
  with_root req -x509 -config "$work/conf" -extensions root -days "${NODE_DAYS:-7300}" \
    -key "$node/private/root-ca.key" -in "$node/requests/root-ca.csr" -out "$node/root-ca.crt"
  certify_server
  list_revoked
  cat >"$node/nodeinfo/stomp.toml" <<TOML
servers = ["$3"]
host = "/"
destination = "/exchange/$(exchange_of "$unit")"
TOML
  echo "made the node $id ($unit)" >&2
}

introduce() { # FOLDER
  [ $# = 1 ] || usage
  cat "$node/nodeinfo/stomp.toml" "$node/root-ca.crt" "$node/requests/root-ca.csr"
}

# check_introduction FILE: sets unit and id. What it says of itself has to fit together.
check_introduction() {
  openssl x509 -in "$1" -out "$work/root.crt" 2>"$work/log" || die "$1: it has no certificate"
  openssl req -in "$1" -out "$work/peer.csr" 2>"$work/log" || die "$1: it has no request"
  unit=$(field "$work/root.crt" organizationalUnitName)
  id=$(field "$work/root.crt" serialNumber)
  exchange=$(exchange_of "$unit")
  [ "$(field "$work/root.crt" organizationName)" = "$REGISTRY" ] || die "$1: it is no node of the $REGISTRY"
  openssl verify -x509_strict -CAfile "$work/root.crt" "$work/root.crt" >"$work/log" 2>&1 ||
    die "$1: its certificate is not valid: $(tail -n 1 "$work/log")"
  openssl req -in "$work/peer.csr" -noout -verify >"$work/log" 2>&1 || die "$1: its request is not signed by its key"
  [ "$(public_key req "$work/peer.csr")" = "$(public_key x509 "$work/root.crt")" ] ||
    die "$1: the request and the certificate have different keys"
  [ "$(openssl req -in "$work/peer.csr" -noout -subject)" = "$(openssl x509 -in "$work/root.crt" -noout -subject)" ] ||
    die "$1: the request and the certificate have different names"
  if [ "$unit" = 'Accounting Authorities' ]; then
    is_hex "$id" 8 8 || die "$1: the ID of an accounting authority is not: $id"
  else
    [ "$id" = "$(public_key x509 "$work/root.crt" | agent_id)" ] || die "$1: the ID does not come from the key: $id"
  fi
  sed '/-----BEGIN/,$d' "$1" >"$work/stomp.toml"
  grep -Eqx 'servers = \["[a-zA-Z0-9.-]+:[0-9]+"(, "[a-zA-Z0-9.-]+:[0-9]+")*\]' "$work/stomp.toml" ||
    die "$1: it does not tell its servers"
  grep -Fqx "destination = \"/exchange/$exchange\"" "$work/stomp.toml" ||
    die "$1: its destination is not /exchange/$exchange"
  [ "$(wc -l <"$work/stomp.toml")" -le 3 ] || die "$1: it says more than servers, host and destination"
}

# check_subnet SUBNET: one that this peer may have, and that is nobody else's.
check_subnet() {
  own=$(cat "$node/db/nodetype")
  case "$own/$unit" in
    'Accounting Authorities/Creditors Agents' | 'Creditors Agents/Accounting Authorities')
      is_hex "$1" 6 6 || die "the subnet of a creditors agent is 6 hexadecimal digits, not: $1"
      ;;
    'Accounting Authorities/Debtors Agents' | 'Debtors Agents/Accounting Authorities')
      if [ "$own" = 'Accounting Authorities' ]; then authority=$(cat "$node/db/nodeid"); else authority=$id; fi
      is_hex "$1" 8 16 || die "the subnet of a debtors agent is 8 to 16 hexadecimal digits, not: $1"
      case $1 in "$authority"*) ;; *) die "the subnet does not begin with the authority's $authority: $1" ;; esac
      ;;
    *) die "a node of the $own is no peer of one of the $unit" ;;
  esac
  # An agent has the same range of its own at each of its authorities.
  [ "$own" = 'Accounting Authorities' ] || return 0
  for known in "$node"/peers/*/subnet.txt; do
    [ -e "$known" ] && [ "$known" != "$node/peers/$id/subnet.txt" ] || continue
    [ "$(cat "${known%/*}/nodetype.txt")" = "$unit" ] || continue
    other=$(cat "$known")
    case $1 in "$other"*) die "the subnet $1 is in that of the peer $(basename "${known%/*}"): $other" ;; esac
    case $other in "$1"*) die "the subnet $1 has that of the peer $(basename "${known%/*}") in it: $other" ;; esac
  done
}

admit() { # FOLDER INTRODUCTION SUBNET
  [ $# = 3 ] || usage
  check_introduction "$2"
  check_subnet "$3"
  peer=$node/peers/$id
  if [ -e "$peer/root-ca.crt" ]; then
    cmp -s "$peer/root-ca.crt" "$work/root.crt" || die "the peer $id is known with another certificate"
    [ "$(cat "$peer/subnet.txt")" = "$3" ] || die "the peer $id is known with the subnet $(cat "$peer/subnet.txt")"
  fi
  mkdir -p "$peer/nodeinfo"
  cp "$work/stomp.toml" "$peer/nodeinfo/stomp.toml"
  printf '%s\n' "$unit" >"$peer/nodetype.txt"
  printf '%s\n' "$3" >"$peer/subnet.txt"
  cp "$work/peer.csr" "$node/requests/$id.csr"
  cp "$work/root.crt" "$peer/root-ca.crt"
  certify_peer "$id"
  echo "registered the peer $id ($unit), subnet $3, $(grep servers "$peer/nodeinfo/stomp.toml")" >&2
  echo "compare its fingerprint with what its operator tells you: $(fingerprint "$peer/root-ca.crt")" >&2
  cat "$peer/sub-ca.crt"
}

fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha256 | cut -d= -f2; }

accept() { # FOLDER CERTIFICATE
  [ $# = 2 ] || usage
  openssl x509 -in "$2" -out "$work/peercert.crt" 2>"$work/log" || die "$2: it is no certificate"
  [ "$(public_key x509 "$work/peercert.crt")" = "$(public_key x509 "$node/root-ca.crt")" ] ||
    die "$2: it is not for the key of this node"
  [ "$(openssl x509 -in "$work/peercert.crt" -noout -subject)" = "$(openssl x509 -in "$node/root-ca.crt" -noout -subject)" ] ||
    die "$2: it is not for the name of this node"
  for peer in "$node"/peers/*; do
    [ -e "$peer/root-ca.crt" ] || continue
    if openssl verify -x509_strict -CAfile "$peer/root-ca.crt" "$work/peercert.crt" >/dev/null 2>&1; then
      openssl x509 -in "$work/peercert.crt" -noout -ext nsComment | grep -Fq "Subnet: $(cat "$peer/subnet.txt")" ||
        die "$2: its subnet is not $(cat "$peer/subnet.txt")"
      [ -e "$peer/sub-ca.crt" ] || die "the peer ${peer##*/} is revoked; admit it again first"
      cp "$work/peercert.crt" "$peer/peercert.crt.new"
      mv "$peer/peercert.crt.new" "$peer/peercert.crt"
      : >"$peer/ACTIVE"
      echo "the peer ${peer##*/} is active" >&2
      return
    fi
  done
  die "$2: no registered peer has issued it (admit the peer first)"
}

renew() { # FOLDER server|PEER
  [ $# = 2 ] || usage
  if [ "$2" = server ]; then
    certify_server
    return
  fi
  [ -e "$node/peers/$2/sub-ca.crt" ] || die "there is no such peer: $2"
  certify_peer "$2"
  cat "$node/peers/$2/sub-ca.crt"
}

revoke() { # FOLDER PEER
  [ $# = 2 ] || usage
  [ -e "$node/peers/$2/root-ca.crt" ] || die "there is no such peer: $2"
  rm -f "$node/peers/$2/ACTIVE"
  configure_own
  for issued in "$node"/db/issued/*.pem; do
    if [ "$(field "$issued" serialNumber)" = "$2" ]; then revoke_issued "$issued"; fi
  done
  list_revoked
  rm -f "$node/peers/$2/sub-ca.crt" "$node/peers/$2/peercert.crt"
  echo "the peer $2 is not active any more; the certificates that it got are in root-ca.crl" >&2
}

list() { # FOLDER
  [ $# = 1 ] || usage
  code=0
  echo "node $(cat "$node/db/nodeid") ($(cat "$node/db/nodetype")), fingerprint $(fingerprint "$node/root-ca.crt")"
  tell_end "root" "$node/root-ca.crt"
  tell_end "server" "$node/server.crt"
  for peer in "$node"/peers/*; do
    [ -e "$peer/root-ca.crt" ] || continue
    state=registered
    if [ -e "$peer/ACTIVE" ]; then state=active; elif [ ! -e "$peer/sub-ca.crt" ]; then state=revoked; fi
    echo "peer ${peer##*/} ($(cat "$peer/nodetype.txt")), subnet $(cat "$peer/subnet.txt"): $state"
    [ $state != revoked ] || continue
    tell_end "issued to it" "$peer/sub-ca.crt"
    [ ! -e "$peer/peercert.crt" ] || tell_end "issued by it" "$peer/peercert.crt"
  done
  return $code
}

tell_end() { # WHAT CERTIFICATE
  echo "  $1: until $(openssl x509 -in "$2" -noout -enddate | cut -d= -f2)"
  if ! openssl x509 -in "$2" -noout -checkend $SOON_SECONDS >/dev/null; then
    echo "  $1: less than 30 days are left" >&2
    code=1
  fi
}

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

[ $# -ge 2 ] || usage
command=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
case $command in
  make) ;;
  introduce | admit | accept | renew | revoke | list)
    [ -e "$1/db/index" ] || die "$1 is no folder of a node"
    node=$(cd "$1" && pwd -P)
    # one at a time: openssl does not lock its database
    exec 9>"$node/db/lock"
    flock -w 60 9 || die "another node.sh has held $1 for a minute"
    ;;
  *) usage ;;
esac
"$command" "$@"
