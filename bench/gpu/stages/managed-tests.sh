#!/usr/bin/env bash
# Every managed test that takes a device, on this one: operators, graphs, tensors, models. First with our own kernels
# alone; where NVIDIA's libraries are found, once more with them in the race.
# A rehearsal runs those of one family.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

tests=$DN_BUNDLE/app/DeepNative.Tests
[[ -x $tests ]] || fail "no bundle: $tests is not there"
[[ -f $DN_BUILD/lib/libdeepnative.so ]] || fail "the engine was not built"

filter="FullyQualifiedName~$DN_DEVICE"
((DN_REHEARSE == 0)) || filter+="&FullyQualifiedName~Operators.Softmax"
passed=0 failed=0 skipped=0 fixtures='' bad=''

# run_all NAME LIBRARIES: adds to the sums above.
run_all() {
  local folder=$DN_STAGE/$1 code=0 wrong=0 name p f s
  mkdir -p "$folder"
  echo "<RunSettings><NUnit><TestOutputXml>$folder</TestOutputXml></NUnit></RunSettings>" >"$folder/run.runsettings"
  DEEPNATIVE_CUDA_LIBS=$2 DEEPNATIVE_KERNEL_LOG=$folder/launched "$tests" --filter "$filter" \
    --settings "$folder/run.runsettings" --progress off --no-ansi || code=$?
  [[ -s $folder/DeepNative.Tests.xml ]] || { bad+="$1: ended with exit code $code and no results; " && return; }
  while read -r name p f s; do
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) wrong=$((wrong + f))
    fixtures+="${fixtures:+, }{\"name\": $(json_text "$name"), \"libraries\": \"$1\", \"passed\": $p, \"failed\": $f, \"skipped\": $s}"
    if ((f > 0)); then
      bad+="$1: $f failed in $name; "
    elif ((p > 0)) && [[ $1 == own ]]; then
      fixture_operators "$name" | grep -Fx -f <(operator_names) | sed 's/^/operator /' >>"$DN_STAGE/proven"
    fi
  done < <(nunit_fixtures "$folder/DeepNative.Tests.xml" "$DN_DEVICE")
  ((code == 0 || wrong > 0)) || { wrong=1 && bad+="$1: ended with exit code $code; "; }
  cat "$folder/launched" >>"$DN_STAGE/launched" 2>/dev/null
  # Which test launched a kernel is not known here: all passed, or none is proved.
  ((wrong > 0)) || sort -u "$folder/launched" 2>/dev/null | sed 's/^/kernel /' >>"$DN_STAGE/proven"
}

run_all own none
libraries=${DEEPNATIVE_CUDA_LIBS:-$(find_vendor_libraries)}
((DN_REHEARSE)) || [[ -z $libraries ]] || run_all vendor "$libraries"

printf '{"passed": %d, "failed": %d, "skipped": %d, "fixtures": [%s]}\n' $passed $failed $skipped "$fixtures" >"$DN_STAGE/result.json"
echo "$passed passed, $failed failed, $skipped skipped${bad:+; ${bad%; }}." >"$DN_STAGE/report.md"
((passed + failed > 0)) || bad+="no test ran; "
[[ -z $bad ]] || fail "${bad%; }"
