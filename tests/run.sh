# shellcheck shell=bash
# The part of ./deepnative that runs the built tests and adds up their results.
passed=0 failed=0 skipped=0 only=all filter=

# Sets `only` (all, native or managed) and `filter`.
parse_test_arguments() {
  while (($#)); do
    case $1 in
      --native | --managed) only=${1#--} ;;
      --filter)
        filter=${2:-}
        [[ -n $filter ]] || { say "--filter takes a part of a test's name" && exit 2; }
        shift
        ;;
      *) say "usage: ./deepnative test [--native | --managed] [--filter NAME]" && exit 2 ;;
    esac
    shift
  done
}

# count RUNNER EXIT_CODE RESULTS PASS FAIL SKIP: adds up the lines of the XML file RESULTS that match each pattern.
count() {
  local p f s
  p=$(grep -cE "$4" "$3") f=$(grep -cE "$5" "$3") s=$(grep -cE "$6" "$3") || true
  # A runner that crashed, or that found nothing to run, has failed whatever it counted.
  if (($2 != 0 && f == 0)) || { ((p + f + s == 0)) && [[ -z $filter ]]; }; then
    echo "$1: ended with exit code $2 after $((p + s)) tests" && f=1
  fi
  echo "$1: $p passed, $f failed, $s skipped"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# run_native PRESET [OPTION...]: the GoogleTest cases that CTest knows.
run_native() {
  local results=$root/$logs/native-$1.xml log=$logs/ctest-$1.log code=0
  : >"$results"
  # ThreadSanitizer would let each of several hundred processes sleep for a second before it ends.
  TSAN_OPTIONS=atexit_sleep_ms=0 ctest --test-dir "build/$1" "${@:2}" -R "${filter:-.}" --output-on-failure --output-junit "$results" >"$log" 2>&1 || code=$?
  ((code == 0)) || grep -vE "   Passed  |^ +Start +[0-9]+:" "$log"
  # GoogleTest writes "file:line: Skipped", then the reason.
  awk -F'"' '
    /<testcase / { name = $2 }
    skip { print "skipped: " name ": " $0 }
    { skip = /: Skipped$/ }' "$results"
  count "native ($1)" $code "$results" \
    '<testcase .*status="run"' '<testcase .*status="fail"' '<testcase .*status="(notrun|disabled)"'
}

run_managed() {
  local results=$root/$logs/managed.trx log=$logs/dotnet-test.log code=0
  : >"$results"
  dotnet test tests/managed -c Release --no-build ${filter:+--filter "FullyQualifiedName~$filter"} \
    --logger "trx;LogFileName=$results" >"$log" 2>&1 || code=$?
  ((code == 0)) || cat "$log"
  awk '
    /<UnitTestResult / { name = "" }
    /<UnitTestResult .*outcome="NotExecuted"/ { name = $0; gsub(/.*testName="|".*/, "", name) }
    name && /<Message>/ { gsub(/.*<Message>|<\/Message>.*/, ""); print "skipped: " name ": " $0 }' "$results"
  count managed $code "$results" '<UnitTestResult .*outcome="Passed"' \
    '<UnitTestResult .*outcome="(Failed|Error|Timeout|Aborted)"' '<UnitTestResult .*outcome="NotExecuted"'
}

# The tests of scripts print a line each: "passed NAME", "failed NAME" or "skipped NAME: REASON".
run_scripts() {
  local results=$root/$logs/scripts.txt log=$logs/scripts.log code=0
  tests/gpu/tests.sh "$filter" >"$results" 2>"$log" || code=$?
  ((code == 0)) || { grep '^failed ' "$results" && cat "$log"; }
  sed -n 's/^skipped /skipped: /p' "$results"
  count scripts $code "$results" '^passed ' '^failed ' '^skipped '
}

# Ends with the line "N passed, N failed, N skipped"; fails when a test failed.
run_tests() {
  if [[ $only != managed ]]; then
    run_native release
    run_native asan
    run_native tsan --parallel "$jobs"  # only the kernels, which share nothing
  fi
  [[ $only == native ]] || run_managed
  [[ $only != all ]] || run_scripts
  ((passed + failed + skipped > 0)) || { say "no test has a name that contains '$filter'" && failed=1; }
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}
