# shellcheck shell=bash
# Debian's and Ubuntu's packages: the servers, and what Python needs for a virtual environment.

POLICY=/usr/sbin/policy-rc.d
NO_MAIN_CLUSTER=/etc/postgresql-common/createcluster.d/99-swpt-no-main-cluster.conf

# install_packages PACKAGE...: without starting, or leaving enabled, any system service.
install_packages() (
  command -v apt-get >/dev/null || die "there is no apt-get here; please install: $*"
  is_root || command -v sudo >/dev/null ||
    die "without sudo, an administrator has to do it first: apt-get install $*"
  log="$VAR/apt.log"
  say "installing Debian packages (a minute or two): $*"
  # The subshell's trap takes the two temporary files away, whatever happens.
  trap 'as_root rm -f "${temporary[@]}"' EXIT
  temporary=("$NO_MAIN_CLUSTER")
  if [ ! -e "$POLICY" ]; then
    temporary+=("$POLICY")
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
  fi
  as_root mkdir -p "$(dirname "$NO_MAIN_CLUSTER")"
  echo 'create_main_cluster = false' | as_root tee "$NO_MAIN_CLUSTER" >/dev/null
  fresh=()
  for service in rabbitmq-server pgbouncer prometheus nginx-light; do
    if [ "$(has_package "$service")" = no ]; then fresh+=("$service"); fi
  done
  {
    as_root apt-get update -q &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  } </dev/null >"$log" 2>&1 || die_with_log "$log" "apt-get could not install: $*"
  if command -v systemctl >/dev/null; then
    # Freshly installed, for our own servers only: nothing is to start at the next boot.
    for service in "${fresh[@]}"; do
      units=("$service")
      case $service in
        rabbitmq-server) units+=(epmd.socket epmd.service) ;;
        nginx-light) units=(nginx) ;;
      esac
      as_root systemctl disable "${units[@]}" >>"$log" 2>&1 || true
    done
  fi
)

has_package() {
  if dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; then
    echo yes
  else
    echo no
  fi
}

# is_there PROGRAM: nginx-stream is a module of nginx, which is part of some builds.
is_there() {
  [ -x "/usr/sbin/$1" ] || command -v "$1" >/dev/null || {
    [ "$1" = nginx-stream ] && { [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] ||
      PATH=$PATH:/usr/sbin nginx -V 2>&1 | grep -q -- '--with-stream '; }
  }
}

# packages_want PROGRAM...: what a command wants beside the servers. Where it is not to be had, tests
# are skipped, and a benchmark says so; that is tried once.
packages_want() {
  local program packages
  for program in "$@"; do
    if [ -e "$VAR/$program.tried" ] || is_there "$program"; then continue; fi
    touch "$VAR/$program.tried"
    is_root || sudo -n true 2>/dev/null || continue
    case $program in
      nginx) packages=(nginx-light) ;;
      nginx-stream) packages=(libnginx-mod-stream) ;;
      chromium) packages=(chromium fonts-liberation fonts-dejavu-core) ;;
      envsubst) packages=(gettext-base) ;;
      hexdump) packages=(bsdextrautils) ;;
      *) packages=("$program") ;;
    esac
    install_packages "${packages[@]}" || say "what wants $program will be skipped, or say so"
  done
}
