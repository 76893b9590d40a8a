#!/usr/bin/env bash
# style.sh CHECK [ROOT]: one rule for the source text, over the tree ROOT; prints each place that breaks it and fails.
# `style.sh planted` breaks every rule once in a tree of its own and fails if a rule does not notice.
# A check that cannot be made here prints "style.sh: Skipped", then the reason, and exits with 77.
set -eu  # not pipefail: grep finding nothing is the good case
export LC_ALL=C
check=$1
cd "${2:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..}"

skip() { printf 'style.sh: Skipped\n%s\n' "$*" && exit 77; }

# files FOLDER... -- PATTERN...: source files below the folders whose names match a pattern.
files() {
  local folders=() names=()
  while [[ $1 != -- ]]; do
    [[ ! -e $1 ]] || folders+=("$1")
    shift
  done
  shift
  for name; do names+=(-o -name "$name"); done
  ((${#folders[@]} == 0)) || find "${folders[@]}" \( -name bin -o -name obj -o -name build -o -name .git \) -prune -o \
    -type f \( "${names[@]:1}" \) -print | sort
}
native=(native tests/native bench/kernels bench/gpu)
cpp=('*.cpp' '*.h' '*.cu' '*.cuh')

# refuse REASON: the standard input lists what breaks the rule.
refuse() {
  local found
  found=$(cat)
  [[ -n $found ]] || return 0
  printf '%s\n%s\n' "$found" "$1"
  return 1
}

launch_door() { # every launch is checked, named and recorded in one place
  files "${native[@]}" -- "${cpp[@]}" | grep -vE '/kernels/(device|launch)\.cuh$' | xargs -r grep -Hn '<<<' |
    refuse 'Kernels are launched through launch() of kernels/launch.cuh, not by <<< >>>.'
}

portability() { # kernels are one text for nvcc and the simulator
  files native/cuda tests/native -- "${cpp[@]}" | grep -v '/kernels/device\.cuh$' |
    xargs -r grep -HnE '#.*\b(DN_SIMT|__CUDA_ARCH__|__CUDACC__)\b|\b(__asm__|asm)( +volatile)? *\(' |
    refuse 'Only kernels/device.cuh knows which compiler reads it, and has inline PTX.'
}

kernel_headers() { # what a kernel computes is its name and one line; on which data and at which cost needs saying
  local file field
  for file in $(files native/cuda/kernels -- '*.cu' '*.cuh' | xargs -r grep -lw '__global__'); do
    for field in Tensors Grid Cost Floor; do
      grep -qE "^// $field +[^ ]" "$file" || echo "$file: no line '// $field ...'"
    done
  done | refuse 'A file of kernels says, in comments: Tensors, Grid, Cost, Floor.'
}

file_length() { # nobody reads longer ones; the C interface is one header by design
  files native tests bench managed interop cmake .ci -- "${cpp[@]}" '*.cs' '*.sh' '*.cmake' |
    grep -vE '/Generated/|^native/include/deepnative\.h$' |
    xargs -r wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }' |
    refuse 'Files over 600 lines are split.'
}

registry_names() { # mirrors are the reader's own business
  find . -maxdepth 1 -type f | cat - <(files .ci bench cmake interop managed native tests -- '*') |
    xargs -r grep -HnIE 'https?://[^ "/]*(debian|ubuntu|nuget|pypi|pythonhosted|npmjs|crates|docker)[^ "/]*' |
    refuse 'No host name of a package registry or mirror belongs into the repository.'
}

format() {
  local version
  version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
  # Versions differ in what they call well formatted.
  [[ $version == 14 ]] || skip "clang-format 14 is needed, ${version:-none} is here"
  files native/cuda native/hostsim native/engine tests/native -- "${cpp[@]}" |
    xargs -r clang-format --dry-run --ferror-limit=1 2>&1 | grep warning: | refuse 'clang-format -i puts this right.'
}

plant() {
  mkdir -p "$(dirname "$1")"
  cat >"$1"
}

planted() {
  local tree script missed=0
  script=$(readlink -f "${BASH_SOURCE[0]}")
  tree=$(mktemp -d)
  trap "rm -rf '$tree'" EXIT
  cp .clang-format "$tree"
  cd "$tree"
  unnoticed() { # CHECK WHAT: the check must fail, and name the file
    local output
    output=$("$script" "$1" "$tree" 2>&1) && echo "$1 does not notice $2" && missed=1
    [[ $output == *"planted"* || $output == *Skipped* ]] || { echo "$1 names no file: $output" && missed=1; }
    rm -rf "${tree:?}"/*
  }
  plant native/cuda/planted.cpp <<<'void f() { kernel<<<1, 1>>>(); }'
  unnoticed launch_door 'a launch'
  plant native/cuda/kernels/planted.cu <<<'#if DN_SIMT'
  unnoticed portability 'a condition on the compiler'
  plant native/cuda/kernels/planted.cuh <<<'  asm volatile("membar.gl;");'
  unnoticed portability 'inline PTX'
  printf '// Tensors x | y\n// Grid one thread.\n// Cost 8 bytes.\n// Floor\n__global__ void f() {}\n' |
    plant native/cuda/kernels/planted.cuh
  unnoticed kernel_headers 'a missing field'
  seq 601 | plant managed/planted.cs
  unnoticed file_length '601 lines'
  plant cmake/planted.txt <<<"http:/""/debian.test/pool"
  unnoticed registry_names 'the name of a mirror'
  plant native/engine/planted.cpp <<<'int  f ( ) {return 1 ;}'
  unnoticed format 'bad layout'
  return $missed
}

"$check"
