#!/usr/bin/env bash
# find_toolkit.sh CASE: what cmake/CudaToolkit.cmake says about toolkits of other versions, which are stand-ins.
set -euo pipefail
root=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$root/cmake" cmake
unset CUDACXX CUDA_PATH CUDAHOSTCXX DEEPNATIVE_CUDA

# toolkit VERSION GCC CODE...: an nvcc of that version, which takes compilers up to GCC and knows these codes.
toolkit() {
  mkdir -p cuda/{bin,include/crt,lib64}
  touch cuda/include/cuda_runtime.h
  ar rc cuda/lib64/libcudart_static.a
  echo "#error -- unsupported GNU version! gcc versions later than $2 are not supported!" >cuda/include/crt/host_config.h
  cat >cuda/bin/nvcc <<STAND_IN
#!/usr/bin/env bash
echo "\$*" >>"$folder/calls"
case \$* in
  --version) echo 'Cuda compilation tools, release $1, V$1.99' ;;
  --list-gpu-code) printf '%s\n' ${*:3} ;;
  *-c*) echo 'int x;' | g++ -x c++ -fPIC -c - -o "\${@: -1}" ;;
esac
STAND_IN
  chmod +x cuda/bin/nvcc
  export CUDA_PATH=$folder/cuda
}

# says TEXT SETTING...: the module's one line has the text.
says() {
  local output
  # No other toolkit than the stand-in.
  output=$(PATH=$folder/bin:/usr/bin:/bin XDG_CACHE_HOME=$folder cmake -DCMAKE_CXX_COMPILER=/usr/bin/g++ \
    -DCMAKE_CXX_COMPILER_ID=GNU -DCMAKE_CXX_COMPILER_VERSION=12.2.0 "${@:2}" -P cmake/CudaToolkit.cmake 2>&1) || true
  [[ $(grep -c CUDA <<<"$output") == 1 && $output == *"$1"* ]] || {
    printf 'expected one line with "%s", got:\n%s\n' "$1" "$output"
    exit 1
  }
}

# The next ones look for toolkits in /usr/local and /usr/bin as well.
if [[ $1 != cuda* && $1 != off ]] && compgen -G '/usr/local/cuda*/bin/nvcc' /usr/bin/nvcc >/dev/null; then
  printf 'find_toolkit.sh: Skipped\nthis machine has a toolkit of its own\n'
  exit 77
fi
none='no CUDA toolkit: libdeepnative_cuda is not built; '
case $1 in
  none) says "$none./deepnative setup cuda fetches one" ;;
  too_old) toolkit 11.2 10 sm_80 && says "${none}$folder/cuda/bin/nvcc is CUDA 11.2, 11.8 to 13.x can be used" ;;
  too_new) toolkit 14.0 20 sm_80 && says "${none}$folder/cuda/bin/nvcc is CUDA 14.0" ;;
  host_too_new) toolkit 11.8 9 sm_80 && says "${none}CUDA 11.8 needs g++-9 or older" ;;
  incomplete) toolkit 12.4 13 sm_80 && rm -r cuda/lib64 && says 'comes without cuda_runtime.h or libcudart_static.a' ;;
  broken)
    toolkit 12.4 13 sm_80
    sed -i 's/  \*-c\*).*/  *-c*) exit 1 ;;/' cuda/bin/nvcc
    says "$none$folder/cuda/bin/nvcc cannot compile or link a kernel"
    ;;
  required) says 'no CUDA toolkit' -DDN_CUDA=ON ;;
  cuda11)
    toolkit 11.8 12 sm_80 sm_90
    says "CUDA 11.8: $folder/cuda/bin/nvcc with /usr/bin/g++, for 80, 90, PTX 80"
    grep -q -- '-gencode=arch=compute_90,code=sm_90 ' calls
    ;;
  cuda13)
    toolkit 13.0 15 sm_80 sm_90 sm_100
    says "CUDA 13.0: $folder/cuda/bin/nvcc with /usr/bin/g++, for 80, 90a, 100, PTX 80"
    grep -q -- '-gencode=arch=compute_100,code=sm_100 -gencode=arch=compute_80,code=compute_80' calls
    ;;
  cuda_one_gpu)
    toolkit 12.4 13 sm_80 sm_90
    says "for 90a" -DDN_CUDA_ARCHITECTURES=90a
    ! grep -q 'code=compute' calls
    ;;
  off)
    toolkit 12.4 13 sm_80
    [[ -z $(cmake -DDN_CUDA=OFF -P cmake/CudaToolkit.cmake 2>&1) ]]
    [[ -z $(DEEPNATIVE_CUDA=off cmake -P cmake/CudaToolkit.cmake 2>&1) && ! -e calls ]]
    ;;
  *) echo "no such case: $1" && exit 1 ;;
esac
