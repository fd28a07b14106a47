# Sourced by quickstart.sh --puzzle: from nothing to solved boards.
# shellcheck shell=bash disable=SC2154
dataset=data/my-sudoku
run=checkpoints/quickstart/sudoku
boards=examples/sudoku_6x6.txt  # not among those that are trained on

step "4/6 make Sudoku boards of 6 x 6 into $dataset"
"$bin/build_dataset" sudoku --size 6 --generate 20000 --test 500 --output-dir "$dataset" --force

step "5/6 train cfg_sudoku_small into $run"
rm -rf "$run"
"$bin/pretrain" --config-name cfg_sudoku_small ${device[@]+"${device[@]}"} "data_paths=[$dataset]" \
  project_name=quickstart run_name=sudoku

step "6/6 solve the boards of $boards"
count=0
right=0
while read -r board; do
  grid=$(fold -w 6 <<<"$board")
  printf '\nboard:\n%s\nsolved:\n' "$grid"
  said=$("$bin/generate" ${device[@]+"${device[@]}"} --checkpoint "$run" --puzzle "$grid" 2>&1 >&3)
  verdict=$(grep -i 'rules' <<<"$said" || true)
  printf '%s\n' "$verdict"
  count=$((count + 1))
  [[ $verdict != *keeps* ]] || right=$((right + 1))
done 3>&1 <"$boards"

printf '\nDataset, training and answers took %s (all steps: %s).\n' "$(elapsed "$built")" "$(elapsed)"
((right == count)) || fail "$((count - right)) of $count boards are not solved; the accuracy that training ended with stands above"
cat <<NEXT

What to do next:
  your own board   $bin/generate --checkpoint $run --puzzle $boards
  9 x 9, on a GPU  $bin/build_dataset sudoku --generate 1000 --test 1000 --min-difficulty 20 --output-dir data/sudoku
                   $bin/pretrain --config-name cfg_sudoku 'data_paths=[data/sudoku]'
  mazes and ARC    docs/puzzles.md
NEXT
