#!/usr/bin/env bash
# Every managed test that takes a device, on this one: operators, graphs, tensors, models.
# A rehearsal runs those of one family.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

tests=$DN_BUNDLE/app/DeepNative.Tests
[[ -x $tests ]] || fail "no bundle: $tests is not there"
[[ -f $DN_BUILD/lib/libdeepnative.so ]] || fail "the engine was not built"

filter="FullyQualifiedName~$DN_DEVICE"
((DN_REHEARSE == 0)) || filter+="&FullyQualifiedName~Operators.Softmax"
echo "<RunSettings><NUnit><TestOutputXml>$DN_STAGE</TestOutputXml></NUnit></RunSettings>" >"$DN_STAGE/run.runsettings"
DEEPNATIVE_KERNEL_LOG=$DN_STAGE/launched "$tests" --filter "$filter" --settings "$DN_STAGE/run.runsettings" \
  --progress off --no-ansi
code=$?
xml=$DN_STAGE/DeepNative.Tests.xml
[[ -s $xml ]] || fail "the tests ended with exit code $code and no results"

passed=0 failed=0 skipped=0 fixtures='' bad=''
while read -r name p f s; do
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  fixtures+="${fixtures:+, }{\"name\": $(json_text "$name"), \"passed\": $p, \"failed\": $f, \"skipped\": $s}"
  if ((f > 0)); then
    bad+="${bad:+, }$name"
  elif ((p > 0)); then
    fixture_operators "$name" | grep -Fx -f <(operator_names) | sed 's/^/operator /' >>"$DN_STAGE/proven"
  fi
done < <(nunit_fixtures "$xml" "$DN_DEVICE")

# Which test launched a kernel is not known here: all passed, or none is proved.
((failed > 0 || code != 0)) || sort -u "$DN_STAGE/launched" 2>/dev/null | sed 's/^/kernel /' >>"$DN_STAGE/proven"
printf '{"passed": %d, "failed": %d, "skipped": %d, "fixtures": [%s]}\n' $passed $failed $skipped "$fixtures" >"$DN_STAGE/result.json"
echo "$passed passed, $failed failed, $skipped skipped${bad:+; failed in $bad}." >"$DN_STAGE/report.md"
((passed + failed > 0)) || fail "no test ran"
((failed == 0)) || fail "$failed failed in $bad"
((code == 0)) || fail "the tests ended with exit code $code"
