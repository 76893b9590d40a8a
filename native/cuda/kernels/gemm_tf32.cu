// Products of float32 rounded to TF32, on tensor cores (gemm_kernel.cuh).
#include "cuda/kernels/gemm_kernel.cuh"

namespace dn::cuda {

namespace {

using Tile128x128 = GemmShape<float, 128, 128, 16, 2, 2, 4, 1>;
using Tile64x64 = GemmShape<float, 64, 64, 16, 2, 2, 4, 2>;

constexpr GemmVariant kVariants[] = {
    gemm_variant<Tile128x128, 4, GemmMmaTf32Of>(GemmTile::Tile128x128, "gemm_tf32_128x128"),
    gemm_variant<Tile64x64, 4, GemmMmaTf32Of>(GemmTile::Tile64x64, "gemm_tf32_64x64"),
    gemm_variant<Tile64x64, 1, GemmMmaTf32Of>(GemmTile::Tile64x64, "gemm_tf32_64x64_scalar")};

}  // namespace

GemmVariants gemm_variants_tf32() {
  return {kVariants, (int)(sizeof(kVariants) / sizeof(kVariants[0]))};
}

}  // namespace dn::cuda
