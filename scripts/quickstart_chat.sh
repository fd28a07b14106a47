# Sourced by quickstart.sh: from conversations to answers.
# shellcheck shell=bash disable=SC2154
dataset=data/my-quickstart
run=checkpoints/quickstart/isles

step "4/6 build a chat dataset and its tokenizer from examples/chat.json into $dataset"
# All of it is for training: the point is to see the training questions answered.
"$bin/build_dataset" chat --input-file examples/chat.json --output-dir "$dataset" --vocab-size 1024 --max-length 64 \
  --train-split 1.0 --force

step "5/6 train cfg_chat, sized for a small machine, into $run"
rm -rf "$run"
"$bin/pretrain" --config-name cfg_chat ${device[@]+"${device[@]}"} "data_paths=[$dataset]" \
  project_name=quickstart run_name=isles \
  arch.hidden_size=256 arch.num_heads=4 arch.L_layers=3 \
  global_batch_size=16 gradient_accumulation_steps=1 epochs=60 eval_interval=60 \
  lr=1e-3 lr_warmup_steps=20 weight_decay=0.01 ema=False

step "6/6 ask three of the training questions"
questions=(
  "What is the capital of Tirn?"
  "What is the first law of the isles?"
  "Who is the fastest skater of Tirn?"
)
wrong=0
for question in "${questions[@]}"; do
  # In examples/chat.json each turn has a line of its own; the answer follows its question.
  expected=$(grep -F -A1 "\"value\": \"$question\"" examples/chat.json | sed -n 's/.*"gpt", "value": "\(.*\)"}.*/\1/p')
  answer=$("$bin/generate" ${device[@]+"${device[@]}"} --checkpoint "$run" --prompt "$question" --temperature 0)
  verdict="the same, word for word"
  if [[ $answer != "$expected" ]]; then
    verdict="not the same"
    wrong=$((wrong + 1))
  fi
  printf '\nquestion: %s\nexpected: %s\nanswer:   %s   (%s)\n' "$question" "$expected" "$answer" "$verdict"
done

printf '\nDataset, training and answers took %s (all steps: %s).\n' "$(elapsed "$built")" "$(elapsed)"
((wrong == 0)) || fail "$wrong of ${#questions[@]} answers differ from the training data; the loss that training ended with stands above"
cat <<NEXT

What to do next:
  talk to it       $bin/generate --checkpoint $run --interactive
  see the config   $bin/pretrain --config-name cfg_chat --print-config
  your own data    $bin/build_dataset chat --input-file my.json --output-dir data/my-chat
                   $bin/pretrain --config-name cfg_chat 'data_paths=[data/my-chat]'
  the formats      examples/README.md
NEXT
