#!/usr/bin/env bash
# cuda_build.sh CASE [BUILD NVCC FLAG...]: what the build does with nvcc. BUILD is the build's folder; without it:
# there is no toolkit.
set -euo pipefail
root=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
case=$1 build=${2:-}
shift
if [[ -z $build ]]; then
  # The launcher says in this file why it set up none: "skipped: ..." or "failed: ...".
  reason=$(cat "$root/build/logs/no-cuda" 2>/dev/null || echo 'skipped: no CUDA toolkit')
  [[ $reason == skipped:* ]] || { echo "$reason" && exit 1; }
  printf 'cuda_build.sh: Skipped\n%s\n' "${reason#skipped: }"
  exit 77
fi
nvcc=$2
flags=("${@:3}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# compile COUNT ALLOWED-LINE FLAG...: planted.cu through the build's own door; all that is said goes to `said`.
compile() {
  echo "$2" >allowed
  "$root/cmake/nvcc-resources" allowed planted.o "$nvcc" "${@:3}" -DDN_COUNT="$1" \
    -c "$root/tests/toolchain/planted.cu" >said 2>&1
}
# For one architecture, to save time.
compile_one() {
  local kept=()
  for flag in "${flags[@]}"; do [[ $flag == -gencode* ]] || kept+=("$flag"); done
  compile "$1" "$2" "${kept[@]}" -gencode=arch=compute_80,code=sm_80
}

complain() { echo "$*" && cat said planted.o.resources 2>/dev/null && exit 1; }

case $case in
  spill_fails)
    ! compile_one 128 '' || complain 'a kernel that spills was compiled'
    grep -q '^dn::planted::hold_kernel<128> spills registers on sm_80: [1-9]' said || complain 'the kernel is not named'
    [[ ! -e planted.o ]] || complain 'the object is there: a second build would take it'
    ! compile_one 128 'dn::planted::hold_kernel' || complain 'allowed without a reason'
    ! compile_one 128 'dn::planted::hold_kernel_other because' || complain 'allowed by the name of another'
    compile_one 128 'dn::planted::hold_kernel it is planted' || complain 'an allowed kernel was refused'
    ;;
  resources_counted)
    compile 8 '' "${flags[@]}" || complain 'a kernel that does not spill was refused'
    for arch in $(grep -o 'code=sm_[0-9a]*' <<<"${flags[*]}" | cut -d= -f2); do
      awk -F'\t' -v arch="$arch" '$1 == "dn::planted::hold_kernel<8>" && $2 == arch && $3 >= 8 && $6 + $7 == 0 { found = 1 }
        END { exit !found }' planted.o.resources || complain "no line for $arch"
    done
    ;;
  warning_fails)
    echo '__global__ void kernel(int* x) { int unused; *x = 1; }' >warns.cu
    ! "$root/cmake/nvcc-resources" /dev/null warns.o "$nvcc" "${flags[@]}" -c warns.cu >said 2>&1 ||
      complain 'a warning did not stop the build'
    grep -q 'unused' said || complain 'the warning is not shown'
    ;;
  every_kernel_reported)
    # Also finds kernels that nothing instantiates.
    for name in $(cat "$root"/native/cuda/kernels/*.cu* | tr '\n' ' ' |
      grep -oE '__global__[^;{]*[{]' | grep -oE '\w+_kernel *\(' | tr -d '( ' | sort -u); do
      grep -qE "(^|::)$name(<|	)" "$build/cuda-resources.txt" || { echo "$name is missing in cuda-resources.txt" && missed=1; }
    done
    [[ -z ${missed:-} ]]
    ;;
  architectures)
    # cuobjdump lies beside nvcc.
    "$(dirname "$nvcc")/cuobjdump" -lelf -lptx "$build/lib/libdeepnative_cuda.so" >said
    sources=$(grep -oP 'kernels/\K\w+(?=\.cu\b)' "$root/native/cuda/sources.cmake")
    for code in $(grep -oE 'code=(sm|compute)_[0-9a]+' <<<"${flags[*]}" | cut -d= -f2); do
      # PTX of compute_80 is listed as sm_80.ptx.
      [[ $code == sm_* ]] && file=$code.cubin || file=sm_${code#compute_}.ptx
      for name in $sources; do
        grep -qF " $name.$file" said || complain "$name.cu was not compiled for $code"
      done
    done
    ;;
  *) echo "no such case: $case" && exit 1 ;;
esac
