#!/usr/bin/env bash
# Builds the engine, the device's library, the kernel tests and the timing program for the GPU at hand alone.
set -euo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)

# The source that the bundle brings is built where the machine has no GoogleTest of its own, and in a rehearsal.
googletest() {
  local build=$DN_ROOT/build/gpu/googletest source=$DN_ROOT/build/gpu/googletest-source
  [[ -d $DN_BUNDLE/googletest ]] || fail "no GoogleTest: neither installed nor in the bundle"
  # Where a later run finds it built: CMake binds a build to the place of its source.
  mkdir -p "$source" && cp -a "$DN_BUNDLE/googletest/." "$source/"
  cmake "${generator[@]}" -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_GMOCK=OFF \
    -DCMAKE_INSTALL_PREFIX="$build/installed" -DCMAKE_INSTALL_LIBDIR=lib
  cmake --build "$build" --parallel "$(nproc)" --target install
}

targets=(deepnative)
if ((DN_REHEARSE)); then
  # What ./deepnative test has built is used as it is.
  [[ -f $DN_BUILD/CMakeCache.txt ]] || fail "no $DN_BUILD: run ./deepnative test first"
  configure=()
  targets+=(deepnative_hostsim cuda_kernel_tests cuda_kernels_bench)
  # With a toolkit the programs for a GPU are compiled, which tells whether they can be.
  [[ $(cmake --build "$DN_BUILD" --target help) != *cuda_kernel_tests_gpu* ]] ||
    targets+=(deepnative_cuda cuda_kernel_tests_gpu cuda_kernels_bench_gpu)
else
  capability=$(json_get "$DN_WORK/stages/environment/result.json" compute_capability)
  architecture=${capability/./}
  [[ -n $architecture ]] || fail "the GPU's compute capability is not known"
  [[ $architecture != 90 ]] || architecture=90a
  nvcc=$(find_nvcc)
  [[ -n $nvcc ]] || fail "no nvcc: neither on the PATH nor in /usr/local/cuda"
  # Without oneDNN there is no CPU device: what compares with it is left out.
  cpu=OFF
  ! echo '#include <dnnl.h>' | "${CXX:-g++}" -E -x c++ - >/dev/null 2>&1 || cpu=ON
  configure=("${generator[@]}" -S "$DN_ROOT" -B "$DN_BUILD" -DCMAKE_BUILD_TYPE=Release -DDN_TESTS=ON
    -DDN_STRICT=OFF
    "-DDN_CPU=$cpu" -DDN_HOSTSIM=OFF -DDN_CUDA=ON "-DDN_CUDA_ARCHITECTURES=$architecture"
    "-DCMAKE_CUDA_COMPILER=$nvcc" "-DCMAKE_PREFIX_PATH=$DN_ROOT/build/gpu/googletest/installed")
  targets+=(deepnative_cuda cuda_kernel_tests_gpu cuda_kernels_bench_gpu)
  [[ $cpu == OFF ]] || targets+=(deepnative_cpu)
fi

installed() { echo '#include <gtest/gtest.h>' | "${CXX:-g++}" -x c++ - -shared -fPIC -lgtest_main -lgtest -o /dev/null 2>/dev/null; }
if ((DN_REHEARSE)) || ! installed; then googletest; fi
((${#configure[@]} == 0)) || cmake "${configure[@]}"
cmake --build "$DN_BUILD" --parallel "$(nproc)" --target "${targets[@]}"

printf '{"architecture": %s, "cpu_device": %s}\n' "$(json_text "${architecture:-simulated}")" \
  "$([[ ${cpu:-ON} == ON ]] && echo true || echo false)" >"$DN_STAGE/result.json"
