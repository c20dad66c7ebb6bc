#!/usr/bin/env bash
# debian13.sh ARGUMENT...: runs `./dev ARGUMENT...` in a Debian 13 of its own, below var/debian13.
# Wants root. `./dev debian13` calls it.
#
# Ports are shared with the machine; nothing else is, and nothing outlives the command: mounts and
# processes are in namespaces of their own. Where memory is free, what the tests make and delete is
# there: ext4 looks through what was deleted lately for each file that is made.
#
# With DEBIAN13_SERVICES=FOLDER its servers are for programs outside, which look at them: their data
# are in that folder, and their processes have the same numbers inside and outside. Then these
# processes are in no namespace of their own, and end with the command if it ends them.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # for the scripts below
VAR=$ROOT/var
for part in common packages; do
  # shellcheck source=/dev/null
  . "$ROOT/scripts/$part.sh"
done
SYSTEM=$ROOT/var/debian13
CHECKOUT=/srv/swpt_accounts
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
GIB_MIN=12

# The archive from which this machine has its own Debian.
archive() {
  apt-cache policy base-files | awk '$2 ~ /^http/ && $3 ~ /\/main$/ && !/security/ && !n++ {print $2}'
}

# What the machine needs to reach archives (proxies, certificates), the other one needs too.
create() {
  local url file index
  [ "$(has_package debootstrap)" = yes ] || install_packages debootstrap
  url=$(archive)
  [ -n "$url" ] || die "apt knows no archive of Debian: debootstrap would not know where to take it"
  say "making a Debian 13 in ${SYSTEM#"$ROOT/"} (a minute)"
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,procps,git,iproute2 \
    trixie "$SYSTEM" "$url" >"$SYSTEM.log" 2>&1 ||
    die_with_log "$SYSTEM.log" "debootstrap failed"
  if [ -e "$CERTIFICATES" ]; then cp -L "$CERTIFICATES" "$SYSTEM$CERTIFICATES"; fi
  cp -L /etc/resolv.conf "$SYSTEM/etc/"
  for file in /etc/apt/apt.conf.d/*; do
    if grep -qiE 'proxy|cainfo' "$file"; then cp "$file" "$SYSTEM/etc/apt/apt.conf.d/"; fi
  done
  index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
  if [ -n "$index" ]; then printf '[global]\nindex-url = %s\n' "$index" >"$SYSTEM/etc/pip.conf"; fi
  touch "$SYSTEM/etc/swpt_accounts.made"
}

# The files of the checkout as they are now; var/ and .venv of the copy stay.
copy_checkout() {
  local copy=$SYSTEM$CHECKOUT
  mkdir -p "$copy"
  find "$copy" -mindepth 1 -maxdepth 1 ! -name var ! -name .venv -exec rm -rf {} +
  git -C "$ROOT" ls-files -z --cached --others --exclude-standard |
    tar -C "$ROOT" --null --files-from=- --ignore-failed-read -cf - | tar -C "$copy" -xf -
}

# The folders that are best in memory, if there is room for them.
folders_for_memory() {
  local free
  free=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  [ "$free" -lt $GIB_MIN ] || printf '%s\n' /tmp "$CHECKOUT/var/services" "$CHECKOUT/var/coverage"
}

is_root || die "only root may make a system in a folder"
if [ ! -e "$SYSTEM/etc/swpt_accounts.made" ]; then
  rm -rf --one-file-system "$SYSTEM"
  create
fi
copy_checkout
own=(--pid --fork --kill-child)
if [ -n "${DEBIAN13_SERVICES:-}" ]; then own=(); fi
# shellcheck disable=SC2016
exec unshare --mount --propagation slave "${own[@]}" bash -euc '
  system=$1 checkout=$2 certificates=$3 folders=$4 services=$5
  shift 5
  # Where its root is no mount, nobody in it can have mounts of its own.
  mount --bind "$system" "$system"
  mount -t proc proc "$system/proc"
  mount --rbind /sys "$system/sys"
  mount --rbind /dev "$system/dev"
  mount -t tmpfs tmpfs "$system/dev/shm"
  for folder in $folders; do
    mkdir -p "$system$folder"
    mount -t tmpfs tmpfs "$system$folder"
  done
  if [ -n "$services" ]; then
    mkdir -p "$system$checkout/var/services"
    mount --bind "$services" "$system$checkout/var/services"
  fi
  chmod 1777 "$system/tmp"
  exec chroot "$system" env -i HOME=/root PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 TERM=dumb \
    TEST_PROCESSES="${TEST_PROCESSES:-4}" \
    SSL_CERT_FILE="$certificates" PIP_CERT="$certificates" REQUESTS_CA_BUNDLE="$certificates" \
    bash -c "cd \"\$1\" && shift && exec ./dev \"\$@\"" _ "$checkout" "$@"
' _ "$SYSTEM" "$CHECKOUT" "$CERTIFICATES" "$(folders_for_memory)" "${DEBIAN13_SERVICES:-}" "$@"
