#!/usr/bin/env bash
# Tests of bench/gpu: its shell functions on files written here, then the whole of it in a rehearsal.
#   tests/gpu/tests.sh [PART_OF_A_NAME]
# shellcheck disable=SC2317 # tests are called by their names
# Prints "passed NAME", "failed NAME" or "skipped NAME: REASON" for each; what a failed one printed goes to standard error.
set -uo pipefail

DN_ROOT=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
export DN_ROOT
cd "$DN_ROOT" || exit 1
source bench/gpu/common.sh
filter=${1:-} failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# equal ACTUAL EXPECTED
equal() {
  [[ $1 == "$2" ]] || { printf 'is:     %s\nshould: %s\n' "$1" "$2" && return 1; }
}

# run_test NAME: the function of that name, in a process of its own.
run_test() {
  [[ gpu/$1 == *"$filter"* ]] || return 0
  # Not as a condition: that would switch off -e.
  (set -e && "$1") >"$work/output" 2>&1
  case $? in
    0) echo "passed gpu/$1" ;;
    77) echo "skipped gpu/$1: $(tail -n 1 "$work/output")" ;;
    *)
      echo "failed gpu/$1"
      sed 's/^/  /' "$work/output" >&2
      failures=1
      ;;
  esac
}

# ---- the text of the scripts ----

the_scripts_please_shellcheck() {
  command -v shellcheck >/dev/null || { echo "no shellcheck here" && exit 77; }
  # SC1091: sourced by a path that is known when the script runs.
  shellcheck -e SC1091,SC2016 bench/gpu/run bench/gpu/pack bench/gpu/proven bench/gpu/common.sh bench/gpu/stages/*.sh tests/gpu/tests.sh
}

# ---- shell functions ----

json_text_escapes_what_json_does_not_allow() {
  equal "$(json_text $'a "b" \\ c\nd\te\x01f')" '"a \"b\" \\ c\nd\te f"'
}

json_number_lets_only_numbers_through() {
  local text
  for text in 0 12 -3.5 1e9 6.02E+23; do equal "$(json_number "$text")" "$text"; done
  for text in '' '[N/A]' 012 1.2.3 .5 '7 W' NaN; do equal "$(json_number "$text")" null; done
}

json_get_finds_numbers_and_strings() {
  printf '{"a": null, "gpu": "NVIDIA H200", "seconds":0.25,\n "seed" : 7, "yes": true}' >"$work/x.json"
  equal "$(json_get "$work/x.json" gpu)" 'NVIDIA H200'
  equal "$(json_get "$work/x.json" seconds)" 0.25
  equal "$(json_get "$work/x.json" seed)" 7
  equal "$(json_get "$work/x.json" yes)" true
  equal "$(json_get "$work/x.json" a)" ''
  equal "$(json_get "$work/x.json" nothing)" ''
}

gtest_counts_tell_passed_failed_and_skipped() {
  cat >"$work/gtest.xml" <<'END'
<testsuites tests="4" failures="1">
  <testsuite name="Softmax" tests="4">
    <testcase name="One" status="run" result="completed" time="0.1" classname="Softmax" />
    <testcase name="Two" status="run" result="completed" time="0.1" classname="Softmax">
      <failure message="a" type=""></failure>
      <failure message="b" type=""></failure>
    </testcase>
    <testcase name="Three" status="run" result="skipped" time="0" classname="Softmax">
      <skipped message="no"><![CDATA[no]]></skipped>
    </testcase>
    <testcase name="Four" status="notrun" result="suppressed" time="0" classname="Softmax" />
  </testsuite>
</testsuites>
END
  equal "$(gtest_counts "$work/gtest.xml")" '1 1 2'
}

nunit_fixtures_count_the_cases_of_the_device() {
  cat >"$work/nunit.xml" <<'END'
<test-case id="1" name="A(&quot;cuda:0&quot;,relu)" fullname="DeepNative.Tests.Operators.PointwiseTests.A(&quot;cuda:0&quot;,relu)" methodname="A" classname="DeepNative.Tests.Operators.OperatorTests`1" result="Passed" />
<test-case id="2" name="A(&quot;cuda:0&quot;,a.b)" fullname="DeepNative.Tests.Operators.PointwiseTests.A(&quot;cuda:0&quot;,a.b)" methodname="A" classname="DeepNative.Tests.Operators.OperatorTests`1" result="Failed" label="Error" />
<test-case id="3" name="A(&quot;cpu&quot;,tanh)" fullname="DeepNative.Tests.Operators.PointwiseTests.A(&quot;cpu&quot;,tanh)" methodname="A" classname="DeepNative.Tests.Operators.OperatorTests`1" result="Passed" />
<test-case id="4" name="B(&quot;cuda:0&quot;)" fullname="DeepNative.Tests.Core.TensorTests.B(&quot;cuda:0&quot;)" methodname="B" classname="DeepNative.Tests.Core.TensorTests" result="Skipped" />
<test-case id="6" name="D(True)" fullname="DeepNative.Tests.Training.ResumeTests(&quot;cuda:0&quot;).D(True)" methodname="D" classname="DeepNative.Tests.Training.ResumeTests" result="Passed" />
<test-case id="5" name="C" fullname="DeepNative.Tests.Core.ShapeTests.C" methodname="C" classname="DeepNative.Tests.Core.ShapeTests" result="Passed" />
END
  equal "$(nunit_fixtures "$work/nunit.xml" cuda:0)" $'PointwiseTests 1 1 0\nResumeTests 1 0 0\nTensorTests 0 0 1'
}

fixtures_stand_for_operators() {
  equal "$(fixture_operators MatMulTests)" matmul
  equal "$(fixture_operators BatchNormTests)" batch_norm
  equal "$(fixture_operators SoftmaxTests | tr '\n' ' ')" 'softmax softmax_cross_entropy '
}

sanitizer_summaries_are_added_up() {
  printf '========= Invalid __global__ write\n========= ERROR SUMMARY: 2 errors\n========= ERROR SUMMARY: 1 error\n' >"$work/log"
  equal "$(sanitizer_errors "$work/log")" 3
  echo '========= RACECHECK SUMMARY: 4 hazards displayed (4 errors, 0 warnings)' >"$work/log"
  equal "$(sanitizer_errors "$work/log")" 4
  echo '========= Error: the target application ended' >"$work/log"
  equal "$(sanitizer_errors "$work/log")" '?'
}

names_of_the_sources_are_found() {
  kernel_names | grep -x copy
  operator_names | grep -x softmax_cross_entropy
  model_names | grep -x mnistnet
}

# ---- the list of what has run ----

proven_keeps_what_ran_and_lists_the_rest() {
  local file=$work/PROVEN.md
  printf 'kernel copy\nmodel mnistnet\nkernel no_such_kernel\n' | bench/gpu/proven --file "$file" --gpu 'NVIDIA X1' --date 2026-01-02 --commit abc
  grep -Fx '| kernel | copy | NVIDIA X1 | 2026-01-02 | abc |' "$file"
  grep -Fx '| model | mnistnet | NVIDIA X1 | 2026-01-02 | abc |' "$file"
  equal "$(grep -c no_such_kernel "$file")" 0
  grep -E '^- [0-9]+ of [0-9]+ models: .*lenet300' "$file"
  # The same again changes nothing; a later run on this GPU takes the row's place, another GPU gets its own.
  cp "$file" "$work/before"
  bench/gpu/proven --file "$file" </dev/null
  cmp "$file" "$work/before"
  echo 'kernel copy' | bench/gpu/proven --file "$file" --gpu 'NVIDIA X1' --date 2026-02-03 --commit def
  echo 'kernel copy' | bench/gpu/proven --file "$file" --gpu 'NVIDIA Y' --date 2026-02-04 --commit def
  equal "$(grep -c '^| kernel | copy |' "$file")" 2
  grep -Fx '| kernel | copy | NVIDIA X1 | 2026-02-03 | def |' "$file"
  grep -F '| model | mnistnet | NVIDIA X1 | 2026-01-02 | abc |' "$file"
}

# ---- options ----

run_refuses_what_it_does_not_know() {
  local code
  for options in --fast '--only no-such-stage' '--time-limit soon' --bundle; do
    code=0
    # shellcheck disable=SC2086 # several words
    bench/gpu/run $options || code=$?
    equal "$code" 2
  done
}

# ---- stages ----

# A tree of its own with the real scripts and stages that are written here.
make_tree() {
  mkdir -p "$work/tree/bench" "$work/tree/native" "$work/tree/tests"
  cp -r bench/gpu "$work/tree/bench/"
  cp -r native/include "$work/tree/native/"
  cp tests/models.json "$work/tree/tests/"
  for stage in "$work"/tree/bench/gpu/stages/*.sh; do echo 'exit 0' >"$stage"; done
}

stages_end_as_they_should_and_the_rest_goes_on() {
  local stages=$work/tree/bench/gpu/stages code=0
  make_tree
  echo 'echo "{\"a\": 1}" >"$DN_STAGE/result.json"; echo words >"$DN_STAGE/report.md"' >"$stages/environment.sh"
  echo 'sleep 30' >"$stages/build.sh"
  echo 'kill -9 $$' >"$stages/kernel-tests.sh"
  echo 'source "$DN_ROOT/bench/gpu/common.sh"; fail "one \"reason\""' >"$stages/managed-tests.sh"
  echo 'source "$DN_ROOT/bench/gpu/common.sh"; skip "no such thing here"' >"$stages/train.sh"
  echo 'echo "model mnistnet" >"$DN_STAGE/proven"' >"$stages/timings.sh"
  sed -i 's/ build:[0-9]* / build:1 /' "$work/tree/bench/gpu/run"
  "$work/tree/bench/gpu/run" --rehearse --skip models --bundle "$work/none" --out "$work/out" || code=$?
  equal "$code" 1
  cd "$work/out"
  equal "$(sed -nE 's/.*"name": "([a-z-]+)", "status": "([a-z]+)".*"reason": ("([^"\\]|\\.)*").*/\1 \2 \3/p' rehearsal-*.json)" \
    'environment passed ""
build failed "stopped after 3 s"
kernel-tests failed "killed by signal 9, or stopped after 240 s"
managed-tests failed "one \"reason\""
train skipped "no such thing here"
timings passed ""
sanitizers passed ""
models skipped "not asked for"'
  grep -F '"result": {"a": 1}' rehearsal-*.json
  grep -x words rehearsal-*.md
  grep -F '| model | mnistnet | rehearsal |' PROVEN.md
  tar -t -z -f logs.tar.gz | grep -x stages/build/
}

no_stage_starts_without_time() {
  make_tree
  # The report's own time is kept free.
  "$work/tree/bench/gpu/run" --rehearse --bundle "$work/none" --time-limit 10 --out "$work/out"
  equal "$(grep -c '"status": "skipped".*"reason": "no time left of the 10 s for everything"' "$work"/out/rehearsal-*.json)" 8
}

# ---- the rehearsal ----

the_bundle_is_small_enough() {
  local code=0
  bench/gpu/pack --quick --output "$work/bundle.tar.xz" || code=$?
  # A rehearsal needs no data set: no network is no reason to leave it out.
  ((code != 5)) || { code=0 && bench/gpu/pack --quick --without-data --output "$work/bundle.tar.xz" || code=$?; }
  equal "$code" 0
  [[ $(stat -c %s "$work/bundle.tar.xz") -lt $((45 * 1024 * 1024)) ]]
}

# What a rehearsal must leave alone.
kept() { find bench -type f \( -path "bench/results/*" -o -name PROVEN.md \) -exec sha256sum {} + | sort; }

the_rehearsal_passes_and_writes_its_files() {
  local before json stage
  before=$(kept)
  bench/gpu/run --rehearse --bundle "$work/bundle.tar.xz" --out "$work/out"
  json=$(echo "$work"/out/rehearsal-*.json)
  for stage in environment build kernel-tests managed-tests train timings models; do
    grep -F "{\"name\": \"$stage\", \"status\": \"passed\"" "$json" >/dev/null
  done
  grep -F '{"name": "sanitizers", "status": "skipped"' "$json" >/dev/null
  grep -F '| kernel |' "$work/out/PROVEN.md" >/dev/null
  # Whatever was launched must be a name that is found in the sources.
  tar -x -z -f "$work/out/logs.tar.gz" -C "$work"
  equal "$(sort -u "$work"/stages/*/launched | comm -23 - <({ kernel_names && kernel_names_in tests/native/cuda_kernels; } | sort -u))" ''
  equal "$(kept)" "$before"
}

# shellcheck disable=SC2013 # names have no spaces
for name in $(sed -nE 's/^([a-z][a-z_]+)\(\) \{$/\1/p' "${BASH_SOURCE[0]}" | grep -vxE 'equal|run_test|make_tree|kept'); do run_test "$name"; done
exit $failures
