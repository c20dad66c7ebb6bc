# shellcheck shell=bash
# The virtual environment .venv, made from the lock file.

VENV=$ROOT/.venv
LOCK=$ROOT/requirements/dev.txt

is_python_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if is_python_new_enough "$name"; then
      command -v "$name"
      return
    fi
  done
  return 1
}

# The content of the stamp file of a .venv that needs no work.
venv_stamp() {
  "$VENV/bin/python" --version
  sha256sum <"$LOCK"
}

venv_is_current() {
  [ -x "$VENV/bin/python" ] && [ -s "$VENV/stamp" ] &&
    [ "$(venv_stamp 2>/dev/null)" = "$(cat "$VENV/stamp")" ]
}

venv_create() {
  local python package
  find_python >/dev/null || install_packages python3 python3-venv
  python=$(find_python) || die "Python 3.11 or newer is needed, and was not found"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    install_packages "$package"
  fi
  say "creating .venv with $("$python" --version)"
  "$python" -m venv --clear "$VENV"
}

# venv_ensure: .venv has exactly the locked versions, and its programs come first in PATH.
venv_ensure() {
  local log=$VAR/pip.log
  if ! venv_is_current; then
    is_python_new_enough "$VENV/bin/python" || venv_create
    say "installing the Python packages of ${LOCK#"$ROOT/"} (half a minute)"
    "$VENV/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$LOCK" \
      >"$log" 2>&1 || die_with_log "$log" "pip could not install the Python packages"
    venv_stamp >"$VENV/stamp"
  fi
  export PATH=$VENV/bin:$PATH FLASK_APP=swpt_accounts FLASK_SKIP_DOTENV=1
}

# environment_of FOLDER REQUIREMENTS [PIP OPTION...]: a virtual environment without pip, with exactly
# what is locked, unless it is there already.
environment_of() {
  local folder=$1 log=$1.log
  local stamp=$folder/stamp
  if [ -s "$stamp" ] && [ "$(environment_stamp "$2" 2>/dev/null)" = "$(cat "$stamp")" ]; then return; fi
  mkdir -p "$(dirname "$folder")"
  say "installing the Python packages of $2"
  "$VENV/bin/python" -m venv --clear --without-pip "$folder"
  "$VENV/bin/python" -m pip --python "$folder/bin/python" install --disable-pip-version-check \
    --require-hashes --only-binary :all: "${@:3}" -r "$2" >"$log" 2>&1 ||
    die_with_log "$log" "pip could not install the packages of $2"
  environment_stamp "$2" >"$stamp"
}

environment_stamp() { # REQUIREMENTS
  "$VENV/bin/python" --version
  sha256sum <"$1"
}

# make_locks [UV OPTION...]: resolves pyproject.toml again; `--upgrade` takes newer versions.
make_locks() {
  local tool=$VAR/uv/bin/uv
  if [ ! -x "$tool" ]; then
    say "installing uv in var/uv"
    "$VENV/bin/python" -m venv "$VAR/uv"
    "$VAR/uv/bin/pip" install -q --disable-pip-version-check 'uv<1'
  fi
  local compile=("$tool" pip compile -q --universal --python-version 3.11 --generate-hashes
    --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras "$@")
  "${compile[@]}" pyproject.toml -o requirements/main.txt
  "${compile[@]}" pyproject.toml -o requirements/dev.txt --group dev -c requirements/main.txt
  # These run beside nothing: they have versions of their own.
  "${compile[@]}" -o requirements/audit.txt --group audit
  "${compile[@]}" -o requirements/mutation.txt --group mutation
}
