# shellcheck shell=bash
# The settings of the authority that `./dev up` runs. A variable is taken from the first of:
# the environment of ./dev; .env; the private servers; development.env.

SETTINGS_TEMPLATE=$ROOT/development.env

# settings_of FILE: its NAME=value lines, read like docker compose does, the last line first.
settings_of() {
  sed -nE -e 's/\r$//' -e '/^[A-Za-z_][A-Za-z0-9_]*=/!d' \
    -e 's/^([^=]*)="([^"]*)".*$/\1=\2/;t done' -e "s/^([^=]*)='([^']*)'.*\$/\\1=\\2/;t done" \
    -e 's/[[:space:]]+#.*$//' -e 's/[[:space:]]+$//' -e ':done' -e 'p' "$1" | tac
}

# setting_names: of all settings, also of those that are not set in the template.
setting_names() { sed -nE 's/^#?([A-Z][A-Z0-9_]*)=.*/\1/p' "$SETTINGS_TEMPLATE"; }

# settings_forget: tests see no setting of the environment of ./dev.
settings_forget() {
  local name
  for name in $(setting_names) SQLALCHEMY_DATABASE_URI; do unset "$name"; done
}

settings_export() {
  settings_take "$ROOT/.env"
  : "${POSTGRES_URL:=$(postgres_url)}"
  : "${PROTOCOL_BROKER_URL:=$(rabbitmq_url)}"
  : "${CHORES_BROKER_URL:=$(rabbitmq_url)}"
  if is_port_taken "$WEB_PORT"; then WEB_PORT=$(free_ports 1); fi
  : "${WEBSERVER_PORT:=$WEB_PORT}"
  : "${FETCH_API_URL:=http://127.0.0.1:$WEBSERVER_PORT}"
  : "${WEBSERVER_ADDRESS:=127.0.0.1}"
  export POSTGRES_URL PROTOCOL_BROKER_URL CHORES_BROKER_URL FETCH_API_URL
  export WEBSERVER_PORT WEBSERVER_ADDRESS
  settings_take "$SETTINGS_TEMPLATE"
}

# settings_take FILE: exports what is not set yet. In a .env that was copied from the template,
# addresses which are still the template's own mean docker's servers, not the private ones.
settings_take() {
  local line
  [ -e "$1" ] || return 0
  while IFS= read -r line; do
    case $line in
      POSTGRES_URL=* | *_BROKER_URL=* | FETCH_API_URL=* | WEBSERVER_PORT=*)
        if grep -Fxq -- "$line" <(settings_of "$SETTINGS_TEMPLATE"); then continue; fi
        ;;
    esac
    if ! printenv "${line%%=*}" >/dev/null; then export "${line?}"; fi
  done < <(settings_of "$1")
}
