#!/usr/bin/env bash
# Kills a run of pretrain on the cpu at random moments, and makes its disk fail in every way that can be made here. After each, the newest
# whole checkpoint loads, and the run that goes on from it ends with the same bits as one that was never stopped.
#   tests/resume/campaign.sh [--build DIR] [--kills N] [--faults N]
# --kills N    SIGKILLs (default 100), most of them in the moments in which a checkpoint is written
# --faults N   at most so many calls of each kind that fail, spread over all of them (default: every one)
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$source_dir/build/release kills=100 faults=1000000
while (($#)); do
  case $1 in
    --build) build=$(realpath "$2"); shift ;;
    --kills) kills=$2; shift ;;
    --faults) faults=$2; shift ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done
pretrain=$build/bin/pretrain shim=$build/tests/libtrm_fault_shim.so compare=$build/tests/same_run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export TRM_DEVICE=cpu OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
RANDOM=${SEED:-1}

# Text that can be learned, and a model so small that a step takes a millisecond.
for ((i = 0; i < 400; ++i)); do printf 'line %d says that %d follows %d. ' "$i" "$((i + 1))" "$i"; done >text.txt
"$build/bin/build_dataset" text --input-file text.txt --output-dir data --characters --max-length 16 >/dev/null
steps=60
run() {  # run FOLDER [arguments]: to the end, resuming what there is
  "$pretrain" --config-path "$source_dir/config" -cn cfg_chat_fast 'data_paths=[data]' arch.hidden_size=32 arch.num_heads=2 arch.L_layers=1 \
    arch.expansion=1 arch.forward_dtype=float32 global_batch_size=4 gradient_accumulation_steps=2 epochs=100 eval_interval=1 \
    checkpoint_interval=3 keep_last_n_checkpoints=4 max_steps=$steps resume=auto checkpoint_path="$1" "${@:2}"
}
fail() {
  printf 'FAILED: %s\n' "$1"
  tail -5 log || true
  exit 1
}
same() {  # same FOLDER WHAT
  "$compare" whole "$1/step_$steps.h5" >>log 2>&1 || fail "$2: the last checkpoint is not that of the unbroken run"
}

run whole >log 2>&1 || fail "the unbroken run"
echo "unbroken run: $steps steps, $(find whole -name 'step_*.h5' | wc -l) checkpoints kept"

killed=0 writing=0 resumed=0
while ((killed < kills)); do
  rm -rf run
  # Kill until it has come to its end.
  while true; do
    run run >log 2>&1 &
    process=$!
    if ((RANDOM % 4)); then
      # Wait for the temporary file of a checkpoint, then up to 5 ms.
      for ((i = 0; i < 400; ++i)); do
        compgen -G 'run/.trm_save_*' >/dev/null && break
        kill -0 $process 2>/dev/null || break
        sleep 0.002
      done
      sleep "0.00$((RANDOM % 6))"
    else
      sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    fi
    compgen -G 'run/.trm_save_*' >/dev/null && now_writing=1 || now_writing=0
    if ! kill -9 $process 2>/dev/null; then
      wait $process || fail "a run that was not killed"
      break
    fi
    wait $process 2>/dev/null && break || true
    ((++killed, writing += now_writing))
    newest=$(find run -name 'step_*.h5' 2>/dev/null | sed 's/.*step_\([0-9]*\).h5/\1/' | sort -n | tail -1)
    if [[ -n $newest ]]; then
      "$compare" --loads "run/step_$newest.h5" >>log 2>&1 || fail "kill $killed: step_$newest.h5 is not whole"
      ((++resumed))
    fi
    ((killed < kills)) || break
  done
  run run >log 2>&1 || fail "going on after $killed kills"
  same run "after $killed kills"
  [[ -z $(find run -name '.trm_save_*') ]] || fail "a temporary file was left"
done
echo "kills: $killed, $writing of them while a checkpoint was being written, $resumed with a checkpoint to go on from: all went on to the same bits"

# One kind of call after the other fails, at every place where the run makes it.
for kind in write:28 write:5 write1:28 write1:5 fsync:5 rename:5 rename:28 open:28; do
  name=${kind%%:*} code=${kind##*:}
  rm -rf run
  mkdir run
  LD_PRELOAD=$shim TRM_FAULT=$name:0 TRM_FAULT_FOLDER=$work/run TRM_FAULT_COUNT=$work/count run run max_steps=6 >log 2>&1 || fail "counting $kind"
  count=$(cat count) tried=0 ended=0
  stride=$(((count + faults - 1) / faults))
  for ((n = 1; n <= count; n += stride)); do
    rm -rf run
    mkdir run
    ((++tried))
    if LD_PRELOAD=$shim TRM_FAULT=$name:$n:$code TRM_FAULT_FOLDER=$work/run run run max_steps=6 >log 2>&1; then
      :
    else
      status=$?
      ((status == 1)) || fail "$kind at call $n: exit status $status"
      grep -q '^error: ' log || fail "$kind at call $n: nothing was said"
      ((++ended))
    fi
    for file in run/step_*.h5; do
      [[ ! -e $file ]] || "$compare" --loads "$file" >>log 2>&1 || fail "$kind at call $n: $file is not whole"
    done
    run run >log 2>&1 || fail "$kind at call $n: going on"
    same run "$kind at call $n"
  done
  echo "$name fails with errno $code: $tried of $count calls; $ended ended with an error, the others went on; all later to the same bits"
done

# A page of a checkpoint that never reached the disk.
rm -rf run
run run max_steps=6 >log 2>&1
cp run/step_6.h5 whole.h5
size=$(stat -c %s whole.h5) torn=0
for ((at = 0; at < size; at += 4096)); do
  cp whole.h5 run/step_6.h5
  dd if=/dev/zero of=run/step_6.h5 bs=4096 count=1 seek=$((at / 4096)) conv=notrunc status=none
  if ! cmp -s whole.h5 run/step_6.h5; then
    if "$compare" --loads run/step_6.h5 >>log 2>&1; then fail "page $((at / 4096)) torn: it was not noticed"; fi
    ((++torn))
  fi
done
run run >log 2>&1 || fail "going on beside a torn checkpoint"
same run "a torn checkpoint"
echo "torn pages: all $torn of $((size / 4096 + 1)) that differ were noticed; the one before was gone on from"

# The clock jumps back a year.
rm -rf run
LD_PRELOAD=$shim TRM_FAULT=clock:50 run run >log 2>&1 || fail "a clock that jumps"
same run "a clock that jumps"
echo "clock: a year back, the same bits"

# The run's folder goes away.
rm -rf run
run run max_steps=100000 epochs=100000 checkpoint_interval=50 eval_interval=100000 >log 2>&1 &
process=$!
for ((i = 0; i < 500; ++i)); do
  compgen -G 'run/step_*.h5' >/dev/null && break
  sleep 0.02
done
rm -rf run
sleep 0.5
kill -TERM $process 2>/dev/null || true
status=0
wait $process || status=$?
((status != 0)) || fail "a folder that was removed: exit status 0"
grep -q 'error: ' log || fail "a folder that was removed: nothing was said"
echo "folder removed: said, exit status $status"

# A file system that becomes read-only: only root can do that.
if ((EUID == 0)) && mkdir -p small && mount -t tmpfs -o size=8m tmpfs small 2>/dev/null; then
  run small/run max_steps=100000 epochs=100000 checkpoint_interval=50 eval_interval=100000 >log 2>&1 &
  process=$!
  for ((i = 0; i < 500; ++i)); do
    compgen -G 'small/run/step_*.h5' >/dev/null && break
    sleep 0.02
  done
  mount -o remount,ro small 2>/dev/null || mount -o remount,ro,force small 2>/dev/null || true
  sleep 0.5
  kill -TERM $process 2>/dev/null || true
  wait $process || true
  for file in small/run/step_*.h5; do "$compare" --loads "$file" >>log 2>&1 || fail "a read-only disk: $file is not whole"; done
  umount -l small
  echo "read-only: older checkpoints are whole"
else
  echo "read-only remount: not tried (it needs root and mount)"
fi
echo "campaign passed"
