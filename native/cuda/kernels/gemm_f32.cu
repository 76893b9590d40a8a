// Products of float32 by multiply-adds outside the tensor cores (gemm_kernel.cuh).
#include "cuda/kernels/gemm_kernel.cuh"

namespace dn::cuda {

namespace {

using Tile128x128 = GemmShape<float, 128, 128, 16, 4, 2, 3, 1>;
using Tile64x64 = GemmShape<float, 64, 64, 16, 2, 2, 4, 3>;

constexpr GemmVariant kVariants[] = {
    gemm_variant<Tile128x128, 4, GemmFmaOf>(GemmTile::Tile128x128, "gemm_f32_128x128"),
    gemm_variant<Tile64x64, 4, GemmFmaOf>(GemmTile::Tile64x64, "gemm_f32_64x64"),
    gemm_variant<Tile64x64, 1, GemmFmaOf>(GemmTile::Tile64x64, "gemm_f32_64x64_scalar")};

}  // namespace

GemmVariants gemm_variants_f32() {
  return {kVariants, (int)(sizeof(kVariants) / sizeof(kVariants[0]))};
}

}  // namespace dn::cuda
