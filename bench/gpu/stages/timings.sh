#!/usr/bin/env bash
# Every kernel against its floor on this GPU, and against cuBLAS and cuDNN where they are found.
set -uo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

program=$DN_BUILD/bin/cuda_kernels_bench$DN_SUFFIX
[[ -x $program ]] || fail "$program was not built"

options=(--json "$DN_STAGE/result.json" --markdown "$DN_STAGE/report.md" --seconds $((DN_LIMIT - 8)))
((DN_REHEARSE == 0)) || options+=(--tiny)
DEEPNATIVE_CUDA_LIBS=${DEEPNATIVE_CUDA_LIBS:-$(find_vendor_libraries)} \
  DEEPNATIVE_KERNEL_LOG=$DN_STAGE/launched "$program" "${options[@]}"
code=$?
missing=$(sort -u "$DN_STAGE/launched" 2>/dev/null | comm -13 - <(kernel_names) | tr '\n' ' ')
((DN_REHEARSE)) || [[ -z $missing ]] || printf '\nKernels that no case launched: %s\n' "${missing% }" >>"$DN_STAGE/report.md"
((code == 0)) || fail "the timing program ended with exit code $code"
