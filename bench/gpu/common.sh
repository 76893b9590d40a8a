# shellcheck shell=bash
# What bench/gpu/run, its stages and its tests share: messages, JSON and Markdown without other tools.

say() { echo "gpu: $*" >&2; }

# skip REASON: ends a stage that cannot run here; the report says why.
skip() {
  echo "$*" >"$DN_STAGE/reason"
  exit 77
}

# fail REASON: ends a stage; the report says why.
fail() {
  echo "$*" >"$DN_STAGE/reason"
  exit 1
}

# ---- JSON ----

# json_text STRING: the string in quotes.
json_text() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[$'\x01'-$'\x1f']/ }
  printf '"%s"' "$text"
}

# json_number TEXT: the text if it is a number, else null.
json_number() {
  if [[ $1 =~ ^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$ ]]; then
    printf '%s' "$1"
  else
    printf null
  fi
}

# json_get FILE KEY: the value of the first "KEY": in the file, of a number or a string without escapes;
# empty for null and for what is not there.
json_get() {
  sed -nE 's/.*"'"$2"'" *: *("([^"]*)"|(-?[0-9][-+.0-9eE]*|true|false)).*/\2\3/p' "$1" | head -n 1
}

# ---- test results ----

# gtest_counts XML: "passed failed skipped" of GoogleTest's XML output.
gtest_counts() {
  awk '
    /<testcase / {
      cases++
      if (/status="notrun"/ || /result="(skipped|suppressed)"/) skipped++
    }
    /<testcase [^>]*[^\/]>$/ { open = 1 }
    open && /<failure/ { failed++; open = 0 }
    /<\/testcase>/ { open = 0 }
    END { printf "%d %d %d\n", cases - failed - skipped, failed, skipped }' "$1"
}

# nunit_fixtures XML DEVICE: a line for each fixture that ran on the device: "name passed failed skipped".
# A case is of the device when its name has it in quotes among the arguments.
nunit_fixtures() {
  awk -v device="&quot;$2&quot;" '
    /<test-case / {
      if (!index($0, device)) next
      # The class that the test is of, which may have arguments itself; classname is of the one that declares it.
      method = fixture = $0
      sub(/.* methodname="/, "", method)
      sub(/".*/, "", method)
      sub(/.* fullname="/, "", fixture)
      sub(/["(].*/, "", fixture)
      if (fixture ~ "\\." method "$") fixture = substr(fixture, 1, length(fixture) - length(method) - 1)
      sub(/.*\./, "", fixture)
      seen[fixture]
      if (/ result="Passed"/) passed[fixture]++
      else if (/ result="Failed"/) failed[fixture]++
      else skipped[fixture]++
    }
    END { for (name in seen) print name, passed[name] + 0, failed[name] + 0, skipped[name] + 0 }' "$1" | sort
}

# sanitizer_errors LOG: the number that compute-sanitizer's summaries add up to; "?" without a summary.
sanitizer_errors() {
  awk '
    /========= ERROR SUMMARY: [0-9]+ error/ { found = 1; errors += $4 }
    /========= RACECHECK SUMMARY: [0-9]+ hazard/ { found = 1; errors += $4 }
    END { print found ? errors + 0 : "?" }' "$1"
}

# ---- what the sources hold, for the list of what has run ----

# kernel_names: the names that the device's kernels are launched under.
kernel_names() { kernel_names_in native/cuda/kernels; }

# kernel_names_in FOLDER
kernel_names_in() {
  { cat "$DN_ROOT/$1"/*.cu "$DN_ROOT/$1"/*.cuh 2>/dev/null || true; } | tr '\n' ' ' |
    { grep -oE '\b(launch[a-z_]*(<[^<>()]*>)? ?\( *[a-z_.>-]+|gemm_variant<[^<>]*>\([A-Za-z0-9:]+), *([A-Za-z0-9_.]+ \? "[a-z0-9_]+" : )?"[a-z0-9_]+"' || true; } |
    { grep -oE '"[a-z0-9_]+"' || true; } | tr -d '"' | sort -u
}

# operator_names: the kinds of the C ABI, in lower case.
operator_names() {
  sed -nE 's/^ *DN_OPERATOR_([A-Z0-9_]+) *=.*/\1/p' "$DN_ROOT/native/include/deepnative.h" | tr '[:upper:]' '[:lower:]' | sort -u
}

# model_names: those of the model registry.
model_names() {
  sed -nE 's/^ *"([a-z0-9_-]+)": \{.*/\1/p' "$DN_ROOT/tests/models.json"
}

# fixture_operators FIXTURE: the operator kinds that a fixture of tests/managed/Operators proves.
fixture_operators() {
  local name=${1%Tests}
  name=${name//MatMul/Matmul}
  # BatchNorm -> batch_norm
  sed -E 's/([a-z0-9])([A-Z])/\1_\2/g' <<<"$name" | tr '[:upper:]' '[:lower:]'
  [[ $name != Softmax ]] || echo softmax_cross_entropy
}

# sources_hash: of all that is compiled on a GPU machine; tells whether two trees are the same there.
sources_hash() {
  (cd "$DN_ROOT" && find CMakeLists.txt cmake native tests/native bench/kernels -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
}

# ---- what a GPU machine has ----

# find_nvcc: its path; empty when there is none.
find_nvcc() {
  local file
  for file in "${CUDACXX:-}" "$(command -v nvcc)" "${CUDA_PATH:-}/bin/nvcc" /usr/local/cuda/bin/nvcc /usr/local/cuda-*/bin/nvcc; do
    [[ ! -x $file || -d $file ]] || { echo "$file" && return; }
  done
}

# find_vendor_libraries: the folders of cuBLAS, cuDNN and NVRTC that came with PyTorch, separated by colons.
find_vendor_libraries() {
  python3 - 2>/dev/null <<'END' || true
import glob, site, sys
folders = [f for p in sys.path + site.getsitepackages() for f in glob.glob(p + "/nvidia/*/lib")]
print(":".join(dict.fromkeys(folders)))
END
}
