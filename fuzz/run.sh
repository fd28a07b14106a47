#!/usr/bin/env bash
# Fuzzes every target for a while (libFuzzer, under address and undefined-behaviour sanitizers), one after the other.
#   fuzz/run.sh [seconds]      seconds each, default 900; needs clang
#   fuzz/run.sh 60 npy yaml    these only
#   MINIMISE=1 fuzz/run.sh …   also makes the corpus of each target as small as its coverage allows, in place
# What is found lies in build/fuzz/found/<target>: put it into fuzz/corpus/<target> with the mend, so that ctest replays it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-900}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
  for file in fuzz/corpus/*/; do targets+=("$(basename "$file")"); done
fi
command -v clang++ >/dev/null || { echo "error: clang++ is needed for libFuzzer" >&2; exit 1; }
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target "${targets[@]/#/fuzz_}"
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/cmake/leaks.supp:print_suppressions=0
status=0
for target in "${targets[@]}"; do
  work=build/fuzz/work/$target found=build/fuzz/found/$target
  mkdir -p "$work" "$found"
  echo "== $target, $seconds s"
  build/fuzz/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/" "$work" fuzz/corpus/"$target" 2>build/fuzz/"$target".log || status=1
  grep -E 'stat::number_of_executed_units|stat::peak_rss_mb|SUMMARY|does not hold' build/fuzz/"$target".log || true
  if [[ -n ${MINIMISE:-} ]]; then
    small=$(mktemp -d)
    build/fuzz/fuzz/fuzz_"$target" -merge=1 "$small" fuzz/corpus/"$target" "$work" >/dev/null 2>&1
    rm -rf "fuzz/corpus/$target" && mv "$small" "fuzz/corpus/$target" && chmod 755 "fuzz/corpus/$target"
  fi
done
exit $status
