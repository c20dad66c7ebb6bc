# shellcheck shell=bash
# The virtual environment .venv, made from the lock files: of what the program needs (main), or of
# that and of what its developers need (dev).

VENV=$ROOT/.venv

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

venv_lock() { echo "$ROOT/requirements/$1.txt"; } # main|dev

venv_is_current() { # main|dev
  is_stamped "$VENV" "$VENV/$1.stamp" "$(venv_lock "$1")"
}

# python_ensure: a Python that can make virtual environments, in the variable PYTHON.
python_ensure() {
  find_python >/dev/null || install_packages python3 python3-venv
  PYTHON=$(find_python) || die "Python 3.11 or newer is needed, and was not found"
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || install_packages \
    "$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
}

# venv_use: its programs come first in PATH.
venv_use() { export PATH=$VENV/bin:$PATH FLASK_APP=swpt_accounts FLASK_SKIP_DOTENV=1; }

# venv_ensure main|dev: .venv has exactly the locked versions, and is used.
venv_ensure() {
  local log=$VAR/pip.log lock
  lock=$(venv_lock "$1")
  if ! venv_is_current "$1" && ! { [ "$1" = main ] && venv_is_current dev; }; then
    if ! is_python_new_enough "$VENV/bin/python"; then
      python_ensure
      say "creating .venv with $("$PYTHON" --version)"
      "$PYTHON" -m venv --clear "$VENV"
    fi
    say "installing the Python packages of ${lock#"$ROOT/"}"
    rm -f "$VENV"/*.stamp
    "$VENV/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$lock" \
      >"$log" 2>&1 || die_with_log "$log" "pip could not install the Python packages"
    environment_stamp "$lock" >"$VENV/$1.stamp"
  fi
  venv_use
}

# environment_of FOLDER REQUIREMENTS [PIP OPTION...]: a virtual environment without pip, with exactly
# what is locked, unless it is there already.
environment_of() {
  local folder=$1 log=$1.log
  local stamp=$folder/stamp
  if is_stamped "$folder" "$stamp" "$2"; then return; fi
  mkdir -p "$(dirname "$folder")"
  say "installing the Python packages of $2"
  "$VENV/bin/python" -m venv --clear --without-pip "$folder"
  "$VENV/bin/python" -m pip --python "$folder/bin/python" install --disable-pip-version-check \
    --require-hashes --only-binary :all: "${@:3}" -r "$2" >"$log" 2>&1 ||
    die_with_log "$log" "pip could not install the packages of $2"
  environment_stamp "$2" >"$stamp"
}

is_stamped() { # FOLDER STAMP REQUIREMENTS
  [ -x "$1/bin/python" ] && [ -s "$2" ] &&
    [ "$(environment_stamp "$3" 2>/dev/null)" = "$(cat "$2")" ]
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
  "${compile[@]}" -o requirements/stomp.txt --group stomp
  "${compile[@]}" -o requirements/servers.txt --group servers
}
