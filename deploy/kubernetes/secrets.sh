# shellcheck shell=bash
# Writes Secrets to the standard output: functions for the scripts make_secrets.sh of the overlays. Each
# password is made anew each time, so `kubectl create -f -` is right for them, which changes nothing that
# exists, and `apply` is not.

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# all_or_nothing COMMAND...: what it writes, unless it fails in the middle.
all_or_nothing() {
  local text
  shopt -s inherit_errexit
  text=$("$@")
  printf '%s\n' "$text"
}

# new_password: 32 hexadecimal digits, which need no encoding in a URL.
new_password() { head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# secret NAMESPACE NAME TYPE KEY VALUE...: values are in one line, and need no escapes but quotes.
secret() {
  local namespace=$1 name=$2 type=$3
  shift 3
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n' \
    "$name" "$namespace"
  # A new password is taken over by CloudNativePG without a restart.
  if [ "$type" = kubernetes.io/basic-auth ]; then printf '  labels:\n    cnpg.io/reload: "true"\n'; fi
  printf 'type: %s\nstringData:\n' "$type"
  while [ $# -gt 0 ]; do
    printf '  %s: "%s"\n' "$1" "$2"
    shift 2
  done
}

# broker_user NAMESPACE NODE_NAMESPACE NAME USERNAME: a user of RabbitMQ; its URL is in $url then.
broker_user() {
  local password
  password=$(new_password)
  url=amqp://$4:$password@rabbitmq.$2:5672/%2F
  secret "$1" "$3" Opaque username "$4" password "$password" protocol-broker-url "$url"
}

# database_role NAMESPACE NAME USERNAME: a role of PostgreSQL; its URL is in $database_url then.
database_role() {
  local password host=postgres-rw:5432
  password=$(new_password)
  database_url="postgresql+psycopg://$3:$password@$host/accounts"
  database_url+='?sslmode=verify-full&sslrootcert=/run/secrets/postgres/ca.crt'
  secret "$1" "$2" kubernetes.io/basic-auth username "$3" password "$password"
}

# shard NAMESPACE NODE_NAMESPACE SUFFIX: for one shard; RabbitMQ is in the node's namespace, and the
# names of its users end with the suffix, which is empty where there is one shard.
shard() {
  local namespace=$1 node=$2 suffix=$3 pair
  for pair in owner:configure:config worker:worker:worker; do
    IFS=: read -r role container user <<<"$pair"
    database_role "$namespace" "postgres-$role" "swpt_accounts_$role"
    broker_user "$namespace" "$node" "rabbitmq-$user" "swpt_accounts_$user$suffix"
    secret "$namespace" "accounts-$container" Opaque \
      postgres-url "$database_url" protocol-broker-url "$url" chores-broker-url "$url"
  done
  broker_user "$namespace" "$node" rabbitmq-operator "swpt_accounts_operator$suffix"
  monitor "$namespace" "$node" "swpt_accounts_monitor$suffix"
}

# monitor NAMESPACE NODE_NAMESPACE USERNAME: who may only look, by the management API.
monitor() {
  local password
  password=$(new_password)
  secret "$1" rabbitmq-monitor Opaque username "$3" password "$password" \
    protocol-broker-management-url "http://$3:$password@rabbitmq.$2:15672"
}

# autoscaler NAMESPACE NODE_NAMESPACE SUFFIX
autoscaler() { broker_user "$1" "$2" rabbitmq-autoscaler "swpt_accounts_autoscaler$3"; }

# backups NAMESPACE: the object store, as $S3_ACCESS_KEY_ID, $S3_SECRET_ACCESS_KEY and $S3_REGION say.
backups() {
  local name
  for name in S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY S3_REGION; do
    [ -n "${!name:-}" ] || die "set $name: the object store of the backups wants it"
  done
  secret "$1" postgres-backups Opaque access-key-id "$S3_ACCESS_KEY_ID" \
    secret-access-key "$S3_SECRET_ACCESS_KEY" region "$S3_REGION"
}

# stomp NAMESPACE FOLDER PEER...: for the STOMP server, and a client for each peer; the folder is the
# node's data folder.
stomp() {
  local namespace=$1 folder=$2 name
  shift 2
  for name in config server drainer; do
    broker_user "$namespace" "$namespace" "stomp-$name" "stomp_$name"
  done
  for name; do
    broker_user "$namespace" "$namespace" "stomp-client-$name" "stomp_client_$name"
  done
  nodedata "$namespace" "$folder"
}

# nodedata NAMESPACE FOLDER: what the STOMP programs read of the node's data folder, and only that:
# no root key. The same files give the same Secret.
nodedata() {
  local namespace=$1 folder=$2
  [ -f "$folder/server.crt" ] && [ -d "$folder/peers" ] ||
    die "$folder is not the data folder of a node: it has no server.crt, or no peers"
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: nodedata\n  namespace: %s\n' \
    "$namespace"
  printf 'type: Opaque\ndata:\n  nodedata.tar.gz: '
  tar -C "$folder" --exclude=./private --exclude=./requests --exclude=./certs --exclude=./db/index\* \
    --exclude=.git --exclude='*.old' --exclude='.*.new' \
    --owner=0 --group=0 --numeric-owner --sort=name --mtime=@0 -c . | gzip -9 -n | base64 -w 0
  printf '\n'
}

# certificates NAMESPACE FOLDER: the node's certificates, which are no secrets, in a ConfigMap for a
# shard, whose metrics tell when they end.
certificates() {
  local namespace=$1 folder=$2 file files=()
  printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: node-certificates\n'
  printf '  namespace: %s\ndata:\n' "$namespace"
  mapfile -t files < <(cd "$folder" && certificates_in_use)
  for file in "${files[@]}"; do
    printf '  %s: |\n' "${file//\//_}"
    sed -n '/^-----BEGIN CERT/,/^-----END CERT/s/^/    /p' "$folder/$file"
  done
}

# Those of deactivated peers may end.
certificates_in_use() {
  local peer
  printf '%s\n' root-ca.crt server.crt
  for peer in peers/*/; do
    [ ! -e "${peer}DEACTIVATED" ] || continue
    find "$peer" -maxdepth 1 \( -name peercert.crt -o -name sub-ca.crt \) | tr -s / | sort
  done
}
