#!/usr/bin/env bash
# Trains the MNIST net, 10 epochs, with three seeds: seconds and test error. The error is a test, the time is not.
# A rehearsal does three steps of batch 8 on random numbers: the whole set would take the simulator hours.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

tool=$DN_BUNDLE/app/deepnative-cli
[[ -x $tool ]] || fail "no bundle: $tool is not there"
[[ -f $DN_BUILD/lib/libdeepnative.so ]] || fail "the engine was not built"
readonly most_error=0.011 target_seconds=0.5

if ((DN_REHEARSE)); then
  runs=(1)
  measure() { "$tool" bench mnistnet --batch 8 --steps 3 --warmup 0 --seed "$1" --device "$DN_DEVICE" --json "$2"; }
else
  runs=(1 2 3)
  measure() {
    "$tool" train mnistnet --epochs 10 --seed "$1" --device "$DN_DEVICE" --json "$2" --no-progress --name "seed-$1" \
      --checkpoint-every 10
  }
fi

cd "$DN_STAGE" || exit 1
result='' bad=''
{
  echo "| seed | s | test error |"
  echo "|---|---|---|"
} >report.md
for seed in "${runs[@]}"; do
  DEEPNATIVE_KERNEL_LOG=$DN_STAGE/launched measure "$seed" "$DN_STAGE/seed-$seed.json" || { bad+="seed $seed ended with exit code $?; " && continue; }
  result+="${result:+,
}$(<"seed-$seed.json")"
  error=$(json_get "seed-$seed.json" test_error)
  loss=$(json_get "seed-$seed.json" train_loss)
  ((DN_REHEARSE)) || echo "| $seed | $(json_get "seed-$seed.json" seconds) | $error |" >>report.md
  [[ -n $loss ]] || bad+="seed $seed has no finite loss; "
  ((DN_REHEARSE)) || awk -v e="$error" -v most=$most_error 'BEGIN { exit !(e != "" && e <= most) }' ||
    bad+="seed $seed: test error ${error:-unknown}, at most $most_error; "
done
((DN_REHEARSE)) && echo "A rehearsal measures neither." >>report.md
printf '\nAsked for: test error at most %s, %s s.\n' $most_error $target_seconds >>report.md
echo "{\"most_test_error\": $most_error, \"target_seconds\": $target_seconds, \"runs\": [$result]}" >result.json
[[ -z $bad ]] || fail "${bad%; }"
{
  echo "model mnistnet"
  sort -u launched 2>/dev/null | sed 's/^/kernel /'
} >proven
