# shellcheck shell=bash
# What the scripts of this directory share. Sourced, never run.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
BUILD="$ROOT/build"
# The names are read by the scripts that source this file.
# shellcheck disable=SC2034
{
  VENV="$ROOT/.venv"
  NEWEST_VENV="$BUILD/venv-newest"
  COLLECTIONS="$BUILD/collections"
}
cd "$ROOT"

# die SENTENCE: say what is missing and how to get it, and stop.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# say TEXT: one line of progress.
say() { printf '%s\n' "$*"; }

# Nothing of a gate lands in the user's home, which may be empty or read-only. The caller's own is remembered because
# interpreters and pip's settings (proxy, certificates) are found there.
export CALLER_HOME="${CALLER_HOME-${HOME:-}}"
mkdir -p "$BUILD/home/.config" 2>/dev/null || die "$BUILD cannot be written: run make as the owner of this checkout."
export HOME="$BUILD/home"
export LC_ALL=C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [[ -z "${PIP_CONFIG_FILE:-}" && -n "$CALLER_HOME" ]]; then
  for file in "$CALLER_HOME/.config/pip/pip.conf" "$CALLER_HOME/.pip/pip.conf"; do
    if [[ -r "$file" ]]; then export PIP_CONFIG_FILE="$file"; fi
  done
fi
if [[ -z "${DOCKER_CONFIG:-}" && -d "$CALLER_HOME/.docker" ]]; then export DOCKER_CONFIG="$CALLER_HOME/.docker"; fi

# begin COUNT NAME COMMAND...: run it in the background, as soon as fewer than COUNT of those that were begun are running.
# finish: wait for all of them; FAILED has the names of those that failed.
declare -A begun=()
FAILED=()
begin() {
  local count="$1" name="$2"
  shift 2
  while [[ ${#begun[@]} -ge $count ]]; do end_of_one; done
  "$@" &
  begun[$!]="$name"
}
finish() { while [[ ${#begun[@]} -gt 0 ]]; do end_of_one; done; }
end_of_one() {
  local ended status=0
  wait -n -p ended "${!begun[@]}" || status=$?
  if [[ $status -ne 0 ]]; then FAILED+=("${begun[$ended]}"); fi
  unset "begun[$ended]"
}

# joined WORD...: with commas between them.
joined() {
  local list
  list="$(printf ', %s' "$@")"
  printf '%s' "${list:2}"
}

# git_here ARGUMENTS: git, also in a checkout that belongs to another user (a CI's bind mount).
git_here() { git -c "safe.directory=*" -C "$ROOT" "$@"; }

# tracked [PATTERN...]: the checkout's files, committed or not yet, without what .gitignore names; one a line.
# shellcheck disable=SC2120
tracked() {
  local file
  command -v git >/dev/null || die "git is missing: install it (apt-get install git)."
  git_here rev-parse --git-dir >/dev/null 2>&1 || die "$ROOT is no git checkout: clone the repository with git."
  git_here ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
    if [[ -e "$ROOT/$file" || -L "$ROOT/$file" ]]; then printf '%s\n' "$file"; fi
  done
}

# link_collection: build/collections, through which Python and Ansible see the checkout under the collection's name.
link_collection() {
  mkdir -p "$COLLECTIONS/ansible_collections/metalstack"
  local link="$COLLECTIONS/ansible_collections/metalstack/provisioning"
  # not made anew under the eyes of another gate
  [[ "$(readlink "$link")" == ../../../.. ]] || ln -sfn ../../../.. "$link"
}

# core_of VENV, python_of VENV: the versions a virtual environment holds, such as 2.19.14 and 3.11.
core_of() { "$1/bin/python" -c 'from importlib.metadata import version; print(version("ansible-core"))'; }
python_of() { "$1/bin/python" -c 'import sys; print("{0}.{1}".format(*sys.version_info))'; }

# prepare_venvs: set up both environments at the same time, and set VENVS to those there are, the primary one first.
prepare_venvs() {
  local newest status=0
  tools/venv newest &
  newest=$!
  tools/venv primary
  # shellcheck disable=SC2034
  VENVS=("$VENV")
  wait "$newest" || status=$?
  case $status in
    0) VENVS+=("$NEWEST_VENV") ;;
    3) ;; # no interpreter for the newest core; it has said so
    *) exit "$status" ;;
  esac
}
