#!/usr/bin/env bash
# Installs the packages that trm.cpp is built with, and only those that are missing.
#   scripts/install_packages.sh [--tests] [--distributed]
# --tests: also what only the test suite needs; --distributed: also Open MPI, for several processes on cpu
# Debian and Ubuntu: apt-get, as root or with sudo. macOS: Homebrew. Elsewhere: prints what to install.
set -euo pipefail

say() { printf 'packages: %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

required=(
  g++ cmake ninja-build pkg-config libeigen3-dev libcxxopts-dev libhdf5-dev libspdlog-dev nlohmann-json3-dev
  libyaml-cpp-dev libpcre2-dev libutfcpp-dev zlib1g-dev libxxhash-dev libzip-dev libgtest-dev
)
# Without these the build goes on with less.
optional=(libdnnl-dev opencl-headers ocl-icd-opencl-dev libclblast-dev libcpp-httplib-dev)
homebrew=(
  cmake ninja pkgconf eigen cxxopts hdf5 spdlog onednn nlohmann-json yaml-cpp pcre2 utf8cpp xxhash libzip googletest
  libomp clblast
)

for argument in "$@"; do
  case $argument in
    --tests) optional+=(pocl-opencl-icd libopenmpi-dev openmpi-bin) ;;
    --distributed)
      optional+=(libopenmpi-dev openmpi-bin)
      homebrew+=(open-mpi)
      ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) die "unknown option $argument; known: --tests, --distributed, --help" ;;
  esac
done

what_is_lost() {
  case $1 in
    libdnnl-dev) echo "matrix products on the CPU go through Eigen instead of oneDNN: slower, most of all in bfloat16" ;;
    opencl-headers | ocl-icd-opencl-dev) echo "no accelerator (OpenCL) device" ;;
    libcpp-httplib-dev) echo "no HTTP server (generate --serve)" ;;
    libclblast-dev) echo "matrix products on the accelerator are slower" ;;
    libopenmpi-dev | openmpi-bin) echo "several processes on the CPU are refused, and their tests are skipped" ;;
    pocl-opencl-icd) echo "tests of the accelerator are skipped where there is no other OpenCL device" ;;
  esac
}

# A tool counts as installed wherever it comes from; a library must be Debian's.
installed() {
  case $1 in
    g++ | cmake | pkg-config) command -v "$1" >/dev/null && return ;;
    ninja-build) command -v ninja >/dev/null && return ;;
  esac
  local status
  status=$(dpkg-query -W -f='${db:Status-Status} ' "$1" 2>/dev/null) || return 1
  [[ " $status" == *" installed "* ]]
}

missing_of() {
  local package
  for package in "$@"; do
    installed "$package" || printf '%s\n' "$package"
  done
}

available() {
  local policy
  policy=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null) || return 1
  [[ $policy == *"Candidate: "[^\(]* ]]
}

install_debian() {
  local needed wanted found=() package
  mapfile -t needed < <(missing_of "${required[@]}")
  mapfile -t wanted < <(missing_of "${optional[@]}")
  if ((${#needed[@]} + ${#wanted[@]} == 0)); then
    say "all packages present"
    return
  fi
  local all=("${needed[@]}" "${wanted[@]}")
  say "missing: ${all[*]}"

  local as_root=(env DEBIAN_FRONTEND=noninteractive)
  if ((EUID != 0)); then
    if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo "${as_root[@]}")
    elif ((${#needed[@]} == 0)); then
      say "not root and no sudo: going on without the optional ${wanted[*]}"
      for package in "${wanted[@]}"; do say "without $package: $(what_is_lost "$package")"; done
      return
    else
      die "packages are missing, and this is neither root nor a user with sudo. Have an administrator run:
  apt-get update && apt-get install -y --no-install-recommends ${all[*]}"
    fi
  fi

  local lock=(-o DPkg::Lock::Timeout=300)
  say "apt-get update"
  "${as_root[@]}" apt-get "${lock[@]}" update -qq || say "apt-get update failed (no network?); trying with the package lists that are here"

  for package in "${needed[@]}"; do
    available "$package" || die "$package is not known to apt-get on this system. On Ubuntu the component 'universe' must be on
(add-apt-repository universe); without a network, packages must have been installed before."
  done
  for package in "${wanted[@]}"; do
    if available "$package"; then
      found+=("$package")
    else
      say "$package is not to be had here: $(what_is_lost "$package")"
    fi
  done
  install_now() { "${as_root[@]}" apt-get "${lock[@]}" install -y -qq --no-install-recommends "$@"; }
  if ((${#needed[@]})); then
    say "apt-get install ${needed[*]}"
    install_now "${needed[@]}" || die "apt-get could not install: ${needed[*]} (its message stands above)"
  fi
  for package in "${found[@]}"; do
    say "apt-get install $package"
    install_now "$package" || say "$package could not be installed: $(what_is_lost "$package")"
  done
  say "done"
}

install_macos() {
  if ! command -v brew >/dev/null; then
    say "Homebrew (https://brew.sh) is not here. These are needed; with it: brew install ${homebrew[*]}"
    return
  fi
  local missing=() formula
  for formula in "${homebrew[@]}"; do
    brew list --formula "$formula" >/dev/null 2>&1 || missing+=("$formula")
  done
  if ((${#missing[@]} == 0)); then
    say "all packages present"
    return
  fi
  say "brew install ${missing[*]}"
  brew install "${missing[@]}" || die "brew could not install: ${missing[*]} (its message stands above)"
}

if [[ $(uname -s) == Darwin ]]; then
  install_macos
elif command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_debian
else
  say "neither apt-get nor Homebrew here: going on with what is installed. Debian calls what is needed:"
  say "  ${required[*]}"
  say "optional: ${optional[*]}"
fi
