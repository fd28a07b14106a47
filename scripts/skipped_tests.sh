#!/usr/bin/env bash
# Counts the tests that a run of ctest has skipped, with their reasons: a green run says what it has not looked at.
#   scripts/skipped_tests.sh build/release/Testing/Temporary/LastTest.log
set -euo pipefail
log=${1:?the LastTest.log of a run of ctest}
# GoogleTest writes "file:line: Skipped", the reason, an empty line, "[  SKIPPED ] name"; cmake/FilteredTest.cmake "skipped: reason".
awk '
  function count(reason) {
    sub(/: "[^"]*"$/, "", reason)  # the file that is absent, of many
    ++of[reason == "" ? "no reason given" : reason]
    ++all
  }
  /^skipped: / { count(substr($0, 10)); next }
  /^[^ ]*:[0-9]+: Skipped$/ { reading = 1; reason = ""; next }
  /^\[  SKIPPED \] .* \([0-9]+ ms\)$/ { count(reason); reading = 0; reason = ""; next }
  reading && $0 != "" { reason = reason (reason == "" ? "" : " ") $0 }
  END {
    printf "skipped: %d %s\n", all, all == 1 ? "test" : "tests"
    for (reason in of) printf "%7d  %s\n", of[reason], reason | "sort -rn"
  }' "$log"
