#!/bin/sh
# Makes a clone ready. What is done already is not done again; progress goes to stderr.
#
#   setup.sh python local|test   .venv with exactly what requirements/<name>.txt pins
#   setup.sh web                 node_modules, console/dist and widget/dist
#   setup.sh lock                requirements/*.txt from pyproject.toml
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
stamp_of() { sha256sum "requirements/$1.txt" | cut -c1-16; }

python_packages() {
  stamp=.venv/.installed-$(stamp_of "$1")
  [ -e "$stamp" ] && return
  find_python
  if ! .venv/bin/python -c '' 2>/dev/null; then
    say 'Making .venv'
    rm -rf .venv
    "$python" -m venv .venv >&2 || fail "$python can't make a virtual environment. On Debian: apt install python3-venv"
  fi
  say "Installing what requirements/$1.txt pins: once, and again when it changes"
  .venv/bin/python -m pip --disable-pip-version-check --no-input install --require-hashes -r "requirements/$1.txt" >&2 ||
    fail "Installing requirements/$1.txt failed, see above."
  rm -f .venv/.installed-*
  # What tests need includes what running needs, in the same versions.
  [ "$1" = local ] || touch ".venv/.installed-$(stamp_of local)"
  touch "$stamp"
}

find_python() {
  python=${XIN_PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Xin needs Python 3.11 or newer, and $python is not. Install it, or name another with XIN_PYTHON."
}

web() {
  command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number)
    process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null ||
    fail "Xin needs Node 20.19 or newer with npm; found: $(node --version 2>/dev/null || echo none)."
  installed=node_modules/.installed-$(sha256sum package-lock.json | cut -c1-16)
  if ! [ -e "$installed" ]; then
    say 'Installing what package-lock.json pins'
    npm ci >&2 || fail 'npm ci failed, see above.'
    touch "$installed"
  fi
  built=node_modules/.built-$(sources | cut -c1-16)
  if ! [ -e "$built" ] || ! [ -d console/dist ] || ! [ -d widget/dist ]; then
    say 'Building the console and the widget'
    npm run --silent build >&2 || fail 'Building the console and the widget failed, see above.'
    rm -f node_modules/.built-*
    touch "$built"
  fi
}

# One sum over all that the built files are made from.
sources() {
  find console widget package.json package-lock.json tsconfig.base.json check-sizes.js \
    -type d \( -name node_modules -o -name dist \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

lock() {
  find_python
  [ -x .setup/bin/uv ] || { "$python" -m venv .setup && .setup/bin/python -m pip install --quiet uv; } >&2
  # The tests' pins follow the others, so that one .venv serves both.
  pin local
  pin test --constraint requirements/local.txt
}

pin() {
  extra=$1
  shift
  say "Pinning requirements/$extra.txt"
  .setup/bin/uv pip compile --quiet pyproject.toml --extra "$extra" --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header "$@" --output-file "requirements/$extra.txt"
}

case "$1" in
  python) python_packages "$2" ;;
  web) web ;;
  lock) lock ;;
  *) fail "setup.sh doesn't know $1." ;;
esac
