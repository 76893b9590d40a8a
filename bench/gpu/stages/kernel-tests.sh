#!/usr/bin/env bash
# The native kernel tests, a process for each test suite, so that one that ends the process ends itself alone.
# A rehearsal runs the first test of each suite.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

tests=$DN_BUILD/bin/cuda_kernel_tests$DN_SUFFIX
[[ -x $tests ]] || fail "$tests was not built"

passed=0 failed=0 skipped=0 suites='' rows='' bad=''
while read -r suite first; do
  filter="$suite.*"
  ((DN_REHEARSE == 0)) || filter=$suite.$first
  xml=$DN_STAGE/${suite//\//_}.xml code=0
  DEEPNATIVE_KERNEL_LOG=$DN_STAGE/launched.tmp "$tests" --gtest_filter="$filter" --gtest_output="xml:$xml" || code=$?
  read -r p f s < <([[ -s $xml ]] && gtest_counts "$xml" || echo 0 0 0)
  # A process that ended early has failed whatever it counted.
  ((code == 0 || f > 0)) || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if ((f == 0 && p > 0)); then
    cat "$DN_STAGE/launched.tmp" >>"$DN_STAGE/launched" 2>/dev/null
  elif ((f > 0)); then
    bad+="${bad:+, }$suite"
    rows+="| $suite | $p | $f | $s |"$'\n'
  fi
  rm -f "$DN_STAGE/launched.tmp"
  suites+="${suites:+, }{\"name\": $(json_text "$suite"), \"passed\": $p, \"failed\": $f, \"skipped\": $s}"
done < <("$tests" --gtest_list_tests | awk '
  /^[^ ].*\./ { suite = $1; sub(/\.$/, "", suite); next }
  suite && /^  / { print suite, $1; suite = "" }')

# A kernel has proved itself when a suite that launched it passed.
sort -u "$DN_STAGE/launched" 2>/dev/null | sed 's/^/kernel /' >"$DN_STAGE/proven"
printf '{"passed": %d, "failed": %d, "skipped": %d, "suites": [%s]}\n' $passed $failed $skipped "$suites" >"$DN_STAGE/result.json"
{
  echo "$passed passed, $failed failed, $skipped skipped; $(wc -l <"$DN_STAGE/proven") kernels launched."
  [[ -z $rows ]] || printf '\n| failed suite | passed | failed | skipped |\n|---|---|---|---|\n%s' "$rows"
} >"$DN_STAGE/report.md"
((passed + failed > 0)) || fail "no test ran"
((failed == 0)) || fail "$failed failed in $bad"
