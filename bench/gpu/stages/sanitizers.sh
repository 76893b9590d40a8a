#!/usr/bin/env bash
# compute-sanitizer over the first tests of every suite of the kernel tests: memcheck and racecheck, side by side.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

readonly tests_a_suite=2
((DN_REHEARSE == 0)) || skip "no GPU: in its place ./deepnative test runs the kernels under AddressSanitizer and ThreadSanitizer"
command -v compute-sanitizer >/dev/null || PATH=$PATH:/usr/local/cuda/bin:$(dirname "$(find_nvcc)")
command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer on this machine"
tests=$DN_BUILD/bin/cuda_kernel_tests$DN_SUFFIX
[[ -x $tests ]] || fail "$tests was not built"

filter=$("$tests" --gtest_list_tests | awk -v most=$tests_a_suite '
  /^[^ ].*\./ { suite = $1; count = 0; next }
  count < most && /^  / { count++; printf "%s%s%s", separator, suite, $1; separator = ":" }')

tools=(memcheck racecheck)
for tool in "${tools[@]}"; do
  timeout -k 3 $((DN_LIMIT - 5)) compute-sanitizer --tool "$tool" --error-exitcode 86 --log-file "$DN_STAGE/$tool.log" \
    "$tests" --gtest_filter="$filter" >"$DN_STAGE/$tool.out" 2>&1 &
done
codes=()
for job in $(jobs -p); do
  code=0
  wait "$job" || code=$?
  codes+=("$code")
done

bad='' result=''
for i in 0 1; do
  tool=${tools[i]}
  errors=$(sanitizer_errors "$DN_STAGE/$tool.log")
  ran=$(grep -c '^\[       OK \]' "$DN_STAGE/$tool.out")
  result+="${result:+, }\"$tool\": {\"tests\": $ran, \"errors\": $(json_number "$errors"), \"exit_code\": ${codes[i]}}"
  echo "$tool: $errors errors in $ran tests, exit code ${codes[i]}." >>"$DN_STAGE/report.md"
  [[ $errors == 0 && ${codes[i]} == 0 ]] || bad+="$tool: $errors errors, exit code ${codes[i]}; "
done
echo "{$result}" >"$DN_STAGE/result.json"
[[ -z $bad ]] || fail "${bad%; }"
