#!/usr/bin/env bash
# Installs what is missing, builds everything (preset release, into build/release) and runs the test suite.
#   ./test.sh [--no-install] [ctest options…]     for example: ./test.sh -R tokenizer
# --no-install, or TRM_NO_INSTALL=1, leaves packages alone. JOBS=N: compile with N jobs.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
source scripts/setup.sh

while (($#)); do
  case $1 in
    --no-install) TRM_NO_INSTALL=1 ;;
    -h | --help)
      sed -n '2,4s/^# \{0,1\}//p' "$(basename "$0")"
      exit 0
      ;;
    *) break ;;
  esac
  shift
done

step "1/4 packages"
install_packages --tests
step "2/4 configure into build/release"
configure
step "3/4 build everything, tests included"
build all
built=$(date +%s)
step "4/4 run the tests"
export CTEST_OUTPUT_ON_FAILURE=1
code=0
ctest --preset release -j2 "$@" || code=$?
echo
scripts/skipped_tests.sh build/release/Testing/Temporary/LastTest.log || true
echo "tests took $(elapsed "$built"), all steps $(elapsed)"
((code == 0)) || fail "tests failed (ctest's exit code $code); their output stands above"
