#!/usr/bin/env bash
# From a fresh checkout to a model that answers: installs what is missing, builds the programs into build/release, makes a
# chat dataset from examples/chat.json, trains cfg_chat on it (sized for two CPU cores) and asks three of its questions.
#   ./quickstart.sh [--puzzle] [--device cpu|accelerator|cuda|cuda:N] [--no-install]
# --puzzle: makes Sudoku boards of 6 x 6 instead, trains cfg_sudoku_small on them and solves three new ones.
# --device: where to train and answer; otherwise the programs choose. --no-install, or TRM_NO_INSTALL=1, leaves packages
# alone. JOBS=N: compile with N jobs. Run again, it rebuilds data/my-quickstart and checkpoints/quickstart/isles afresh.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
source scripts/setup.sh

device=()
what=chat
while (($#)); do
  case $1 in
    --device)
      (($# > 1)) || fail "--device needs a value: cpu, accelerator, cuda or cuda:N"
      device=(--device "$2")
      shift
      ;;
    --device=*) device=(--device "${1#*=}") ;;
    --no-install) TRM_NO_INSTALL=1 ;;
    --puzzle) what=puzzle ;;
    -h | --help)
      sed -n '2,7s/^# \{0,1\}//p' "$(basename "$0")"
      exit 0
      ;;
    *) fail "unknown option $1; known: --puzzle, --device X, --no-install, --help" ;;
  esac
  shift
done

bin=build/release/bin
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}  # beside other work twice as fast, alone 6 % slower

step "1/6 packages"
# shellcheck disable=SC2119
install_packages
step "2/6 configure into build/release"
configure
step "3/6 build the programs and the devices they can use"
build programs
built=$(date +%s)

# shellcheck source=/dev/null
source "scripts/quickstart_$what.sh"
