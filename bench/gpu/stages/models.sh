#!/usr/bin/env bash
# Training steps of the nets of bench/peers/nets.py against the PyTorch found here, in the same run: ours, the peer in
# each of its settings, ours again. The first of the list matter most, should time run out.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

tool=$DN_BUNDLE/app/deepnative-cli
[[ -x $tool ]] || fail "no bundle: $tool is not there"
[[ -f $DN_BUILD/lib/libdeepnative.so ]] || fail "the engine was not built"
DEEPNATIVE_CUDA_LIBS=${DEEPNATIVE_CUDA_LIBS:-$(find_vendor_libraries)}
export DEEPNATIVE_CUDA_LIBS
cd "$DN_STAGE" || exit 1

if ((DN_REHEARSE)); then
  # One small model, and no peer: a simulated GPU has none.
  models=(lenet300) steps=(--steps 2 --warmup 0 --batch 4) peer="no peer in a rehearsal: PyTorch cannot use the simulated GPU"
else
  models=(mnistnet resnet50 resnet9-cifar vgg-d googlenet resnet18 alexnet lenet300 resnet20-cifar lstm512)
  steps=() peer=''
  python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null || peer="python3 has no PyTorch that can use the GPU"
fi
precisions=(f32)
! "$tool" bench --help | grep -q bf16 || precisions+=(bf16)
# The seconds of one model: its part, but no less than our runs and a peer that compiles need.
readonly limit=$((DN_LIMIT - 10)) least=60
each=$((limit / ${#models[@]}))
((each >= least)) || each=$least

# ours MODEL PRECISION FILE
ours() {
  local most=$((limit - SECONDS))
  ((most > 0)) || return 124
  DEEPNATIVE_KERNEL_LOG=$DN_STAGE/launched timeout -k 2 $((most < 60 ? most : 60)) "$tool" bench "$1" --device "$DN_DEVICE" \
    --precision "$2" "${steps[@]}" --json "$3"
}

# After every model: a stage that is stopped leaves what it has.
write_result() {
  echo "{\"peer_missing\": $(json_text "$peer"), \"models\": [$result], \"left_out\": [$left_out]}" >result.json
}

result='' left_out='' bad=''
{
  ((DN_REHEARSE)) || echo "Training steps on one random batch in the GPU's memory, images/s. Time of compilation in brackets, not counted."
  echo
  echo "| model | batch | precision | ours | peer's setting | peer | ratio |"
  echo "|---|---|---|---|---|---|---|"
} >report.md
for model in "${models[@]}"; do
  if [[ -n $result ]] && ((SECONDS + each > limit)); then
    left_out+="${left_out:+, }$(json_text "$model")"
    continue
  fi
  entry='' done=1 began=$SECONDS
  for precision in "${precisions[@]}"; do
    if ! ours "$model" "$precision" "$model-$precision-1.json" || [[ -z $(json_get "$model-$precision-1.json" train_loss) ]]; then
      done=0 bad+="$model in $precision; "
    fi
  done
  batch=$(json_get "$model-f32-1.json" batch 2>/dev/null)
  : >"$model-peer.jsonl"
  if [[ -z $peer ]]; then
    # Our second runs take as long as the first.
    left=$((each - 2 * (SECONDS - began)))
    ((left >= 15)) || left=15
    timeout -k 5 "$left" python3 "$DN_ROOT/bench/peers/gpu_steps.py" "$model" --batch "${batch:-100}" --limit $((left - 5)) \
      --data "$DN_BUNDLE/data/mnist" >"$model-peer.jsonl" || echo "the peer of $model ended with exit code $?"
  fi
  for precision in "${precisions[@]}"; do
    [[ -s $model-$precision-1.json ]] || continue
    ours "$model" "$precision" "$model-$precision-2.json" || continue
    entry+="${entry:+,
}$(<"$model-$precision-1.json"),
$(<"$model-$precision-2.json")"
    rate=$(awk -v a="$(json_get "$model-$precision-1.json" images_per_second)" \
      -v b="$(json_get "$model-$precision-2.json" images_per_second)" 'BEGIN { printf "%.0f", (a + b) / 2 }')
    ((DN_REHEARSE)) && rate=-
    any=0
    while IFS= read -r line; do
      echo "$line" >line.json
      [[ $(json_get line.json command) == bench && $(json_get line.json precision) == "$precision" ]] || continue
      any=1
      theirs=$(json_get line.json images_per_second)
      compile=$(json_get line.json compile_seconds)
      echo "| $model | $batch | $precision | $rate | $(json_get line.json setting) |" \
        "${theirs:-$(json_get line.json error)}${compile:+ ($compile s)} |" \
        "$(awk -v a="$rate" -v b="$theirs" 'BEGIN { if (b > 0) printf "%.2f", a / b; else print "-" }') |" >>report.md
    done <"$model-peer.jsonl"
    ((any)) || echo "| $model | $batch | $precision | $rate | - | - | - |" >>report.md
  done
  # Nothing here compares numbers, so no kernel has proved itself by it.
  ((done == 0)) || echo "model $model" >>proven
  result+="${result:+,
}{\"model\": \"$model\", \"ours\": [$entry], \"peer\": [$(paste -sd, "$model-peer.jsonl")]}"
  write_result
done
write_result
[[ -z $left_out ]] || printf '\nLeft out, for want of time: %s.\n' "${left_out//\"/}" >>report.md
[[ -z $peer ]] || printf '\n%s.\n' "$peer" >>report.md
while IFS= read -r line; do
  echo "$line" >line.json
  [[ $(json_get line.json command) == train ]] || continue
  printf '\nThe peer trains %s, %s epochs, setting %s: %s s, test error %s. %s\n' "$(json_get line.json model)" \
    "$(json_get line.json epochs)" "$(json_get line.json setting)" "$(json_get line.json seconds)" \
    "$(json_get line.json test_error)" "$(json_get line.json error)" >>report.md
done < <(cat ./*-peer.jsonl)
[[ -z $bad ]] || fail "failed: ${bad%; }"
