#!/usr/bin/env bash
# Runs ours and the PyTorch peer in turn on this machine and prints the ratios.
#   benchmarks/compare.sh [--device D] [--dtype T] [--iters N] [--torch PATH/torch_step.py] [PRESET…]
# Needs python3 with torch for the peer. BUILD names the build folder (default build/release), COMPILE=0 leaves torch eager.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build/release}
peer=${TORCH_STEP:-$here/../../shared/bench/torch_step.py}
device= dtype=bfloat16 iters=20 presets=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2; shift 2 ;;
    --dtype) dtype=$2; shift 2 ;;
    --iters) iters=$2; shift 2 ;;
    --torch) peer=$2; shift 2 ;;
    -h|--help) sed -n '2,4s/^# *//p' "$0"; exit 0 ;;
    -*) echo "error: unknown option $1 (see --help)" >&2; exit 1 ;;
    *) presets+=("$1"); shift ;;
  esac
done
[ ${#presets[@]} -gt 0 ] || presets=(cpu_sudoku_mlp cpu_sudoku_att cpu_chat)
[ -f "$peer" ] || { echo "error: no PyTorch peer at $peer; pass --torch PATH" >&2; exit 1; }
[ -x "$build/bin/bench_step" ] || { echo "error: $build/bin/bench_step is not built; configure with -DTRM_BENCHMARKS=ON" >&2; exit 1; }

number() { sed -n 's/.*"ms_per_\(step\|token\)": \([0-9.]*\).*/\2/p' <<<"$1"; }
flags=(--dtype "$dtype" --iters "$iters")
[ -z "$device" ] || flags+=(--device "$device")
for preset in "${presets[@]}"; do
  case $preset in generate*) program=bench_decode; compile=() ;; *) program=bench_step; compile=(); [ "${COMPILE:-1}" = 0 ] || compile=(--compile) ;; esac
  ours=$("$build/bin/$program" "${flags[@]}" "$preset")
  echo "$ours"
  eager=$(python3 "$peer" "${flags[@]}" "$preset")
  echo "$eager"
  best=$(number "$eager")
  if [ ${#compile[@]} -gt 0 ]; then
    compiled=$(python3 "$peer" "${flags[@]}" "${compile[@]}" "$preset")
    echo "$compiled"
    best=$(printf '%s\n%s\n' "$best" "$(number "$compiled")" | sort -g | head -1)
  fi
  awk -v p="$preset" -v t="$best" -v o="$(number "$ours")" 'BEGIN { printf "%-20s torch (its best) %10.3f ms   trm.cpp %10.3f ms   %.2f times faster\n", p, t, o, t / o }'
done
