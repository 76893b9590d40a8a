// Products of bfloat16 on tensor cores (gemm_kernel.cuh).
#include "cuda/kernels/gemm_kernel.cuh"

namespace dn::cuda {

namespace {

using Tile128x128 = GemmShape<__nv_bfloat16, 128, 128, 32, 2, 2, 4, 2>;
using Tile128x64 = GemmShape<__nv_bfloat16, 128, 64, 32, 2, 2, 4, 2>;
using Tile64x64 = GemmShape<__nv_bfloat16, 64, 64, 32, 2, 2, 4, 3>;

constexpr GemmVariant kVariants[] = {
    gemm_variant<Tile128x128, 8, GemmMma16Of>(GemmTile::Tile128x128, "gemm_bf16_128x128"),
    gemm_variant<Tile128x64, 8, GemmMma16Of>(GemmTile::Tile128x64, "gemm_bf16_128x64"),
    gemm_variant<Tile64x64, 8, GemmMma16Of>(GemmTile::Tile64x64, "gemm_bf16_64x64"),
    gemm_variant<Tile64x64, 1, GemmMma16Of>(GemmTile::Tile64x64, "gemm_bf16_64x64_scalar")};

}  // namespace

GemmVariants gemm_variants_bf16() {
  return {kVariants, (int)(sizeof(kVariants) / sizeof(kVariants[0]))};
}

}  // namespace dn::cuda
