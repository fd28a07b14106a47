# Sourced by quickstart.sh and test.sh: steps that say what they do and which one failed, packages, configure, build.
# Runs with the bash 3.2 of macOS too.
# shellcheck shell=bash
set -Eeuo pipefail

name=$(basename "$0")
step_now="starting"
started=$(date +%s)

step() {
  step_now=$*
  printf '\n== %s\n' "$step_now"
}

elapsed() {
  local seconds=$(($(date +%s) - ${1:-$started}))
  printf '%d min %02d s' $((seconds / 60)) $((seconds % 60))
}

fail() {
  printf '\n%s: error: %s\n' "$name" "$*" >&2
  trap - ERR
  exit 1
}

step_failed() {
  ((BASH_SUBSHELL == 0)) || exit "$1"
  printf '\n%s: error: this step failed (exit code %d): %s\n' "$name" "$1" "$step_now" >&2
  exit "$1"
}
trap 'step_failed $?' ERR

# install_packages [--tests]; nothing with TRM_NO_INSTALL=1.
install_packages() {
  if [[ ${TRM_NO_INSTALL:-0} == 1 ]]; then
    echo "packages: not looked at (--no-install or TRM_NO_INSTALL=1)"
    return
  fi
  scripts/install_packages.sh "$@"
}

# TRM_CMAKE_OPTIONS: more options for CMake, separated by spaces.
configure() {
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
    export CMAKE_CUDA_COMPILER_LAUNCHER=${CMAKE_CUDA_COMPILER_LAUNCHER-ccache}
  fi
  if [[ $(uname -s) == Darwin ]] && command -v brew >/dev/null; then
    OpenMP_ROOT=$(brew --prefix libomp)
    export OpenMP_ROOT
  fi
  local more
  read -r -a more <<<"${TRM_CMAKE_OPTIONS:-}"
  cmake --preset release ${more[@]+"${more[@]}"}
}

# build TARGET…
build() {
  cmake --build --preset release --parallel "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" --target "$@"
}
