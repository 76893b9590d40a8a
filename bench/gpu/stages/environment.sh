#!/usr/bin/env bash
# What this machine is: GPU, driver, compilers, PyTorch. Reads only; no setting of the GPU is changed.
set -euo pipefail
source "$DN_ROOT/bench/gpu/common.sh"

first_line() { "$@" 2>/dev/null | head -n 1 || true; }

cxx=$(first_line "${CXX:-g++}" --version)
nvcc=$("$(find_nvcc)" --version 2>/dev/null | sed -n 's/.*, V//p' || true)
cmake=$(first_line cmake --version | sed 's/cmake version //')
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
torch=$(python3 -c 'import torch; print(torch.__version__)' 2>/dev/null || true)
sanitizer=$(compute-sanitizer --version 2>/dev/null | grep -oE '[0-9]+\.[0-9.]+' | head -n 1 || true)

gpu='' driver='' memory='' capability='' clocks=(null null null null) power=null
if command -v nvidia-smi >/dev/null; then
  IFS=, read -r gpu driver memory capability "clocks[0]" "clocks[1]" "clocks[2]" "clocks[3]" power < <(
    nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.limit \
      --format=csv,noheader,nounits | sed 's/, */,/g')
fi

{
  printf '{"gpu": %s, "driver": %s, "memory_mib": %s, "compute_capability": %s,\n' \
    "$(json_text "$gpu")" "$(json_text "$driver")" "$(json_number "$memory")" "$(json_text "$capability")"
  printf ' "clocks_mhz": {"sm": %s, "memory": %s, "sm_most": %s, "memory_most": %s}, "power_limit_w": %s,\n' \
    "$(json_number "${clocks[0]}")" "$(json_number "${clocks[1]}")" "$(json_number "${clocks[2]}")" \
    "$(json_number "${clocks[3]}")" "$(json_number "$power")"
  printf ' "nvcc": %s, "cxx": %s, "cmake": %s, "pytorch": %s, "compute_sanitizer": %s,\n' \
    "$(json_text "$nvcc")" "$(json_text "$cxx")" "$(json_text "$cmake")" "$(json_text "$torch")" "$(json_text "$sanitizer")"
  printf ' "cpu": %s, "cores": %d, "kernel": %s}\n' "$(json_text "$cpu")" "$(nproc)" "$(json_text "$(uname -sr)")"
} >"$DN_STAGE/result.json"

{
  echo "${gpu:-no GPU}${driver:+, driver $driver}${capability:+, compute capability $capability}${memory:+, $memory MiB};" \
    "clocks as found: SM ${clocks[0]} of ${clocks[2]} MHz, memory ${clocks[1]} of ${clocks[3]} MHz; power limit $power W."
  echo "nvcc ${nvcc:-not found}; $cxx; CMake $cmake; PyTorch ${torch:-not found}; compute-sanitizer ${sanitizer:-not found}."
  echo "$cpu, $(nproc) cores, $(uname -sr)."
} >"$DN_STAGE/report.md"

((DN_REHEARSE)) || [[ -n $gpu ]] || fail "nvidia-smi shows no GPU"
