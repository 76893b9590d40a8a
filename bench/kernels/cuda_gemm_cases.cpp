// Matrix products: layers of fully connected nets in their three directions, and large ones.
#include "cuda/kernels/gemm.h"
#include "cuda_cases.h"
#include "cuda_vendor.h"

namespace dn::bench {

namespace {

using cuda::GemmDepth;
using cuda::vendor::Transpose;

// c (rows, columns) = a (rows, depth) b (depth, columns); `b_stored` (columns, depth): as weights are.
struct Size {
  int32_t rows, columns, depth;
  Transpose a, b;  // Yes: stored (depth, rows); stored (columns, depth)
};

}  // namespace

Run own_gemm(Memory& memory, cuda::Gemm gemm, int64_t a_count, int64_t b_count, int64_t c_count,
             int multiprocessors) {
  const auto dtype = dn_dtype(gemm.dtype);
  gemm.a.data = memory.random(dtype, a_count);
  gemm.b.data = memory.random(dtype, b_count);
  gemm.c = memory.empty(c_count * bytes_of(dn_dtype(gemm.c_dtype)));
  const cuda::GemmPlan plan = cuda::plan_gemm(gemm, multiprocessors);
  void* workspace = memory.empty(cuda::gemm_workspace_bytes(gemm, plan));
  return [=](cudaStream_t stream) { cuda::gemm(stream, gemm, plan, workspace); };
}

Case product_case(int32_t rows, int32_t columns, int32_t depth, Transpose transpose_a,
                  Transpose transpose_b, Unit unit, int multiprocessors) {
  const dn_dtype dtype = dtype_of(unit);
  cuda::Gemm gemm;
  gemm.rows = rows, gemm.columns = columns, gemm.depth = depth;
  gemm.dtype = gemm.c_dtype = dtype;
  gemm.float32 = unit == Unit::Tf32 ? cuda::GemmFloat32::Tf32 : cuda::GemmFloat32::Exact;
  const auto operand = [&](GemmDepth& along, bool depth_inside, int32_t lines) {
    along = depth_inside ? GemmDepth::AlongChannels : GemmDepth::AlongPositions;
    return depth_inside ? cuda::gemm_matrix(nullptr, lines, depth, depth)
                        : cuda::gemm_matrix(nullptr, depth, lines, lines);
  };
  gemm.a = operand(gemm.a_depth, transpose_a == Transpose::No, rows);
  gemm.b = operand(gemm.b_depth, transpose_b == Transpose::Yes, columns);
  gemm.c_pixel_stride = columns;
  const int64_t a = int64_t{rows} * depth, b = int64_t{columns} * depth;
  const int64_t c = int64_t{rows} * columns;
  Case result{
      .kernel = "gemm",
      .shape = join(rows, "x", columns, "x", depth,
                    transpose_a == Transpose::Yes   ? "TN"
                    : transpose_b == Transpose::Yes ? "NT"
                                                    : "NN",
                    unit == Unit::Tf32 ? "tf32" : ""),
      .dtype = dtype,
      .bytes = double((a + b + c) * bytes_of(dtype)),
      .operations = 2.0 * double(c) * depth,
      .unit = unit,
      .make = [=](Memory& memory) { return own_gemm(memory, gemm, a, b, c, multiprocessors); }};
  cuda::vendor::Product product;
  product.rows = rows, product.columns = columns, product.depth = depth;
  product.transpose_a = transpose_a, product.transpose_b = transpose_b;
  product.input_type = product.output_type = dtype;
  product.tf32 = unit == Unit::Tf32 ? cuda::vendor::Tf32::Allowed : cuda::vendor::Tf32::Refused;
  if (find_cublas() && cuda::vendor::refuse_product(product).empty()) {
    result.vendor = "cuBLAS " + find_cublas()->version();
    result.make_vendor = [=](Memory& memory) { return cublas_product(memory, product); };
  }
  return result;
}

void gemm_cases(Suite& suite) {
  const auto add = [&](int32_t rows, int32_t columns, int32_t depth, Unit unit, Transpose a,
                       Transpose b) {
    if (suite.tiny()) rows = rows % 29 + 33, columns = columns % 31 + 10, depth = depth % 37 + 24;
    suite.add(product_case(rows, columns, depth, a, b, unit, suite.multiprocessors()));
  };
  // Forward, gradient of the input, gradient of the weight of one layer.
  const auto layer = [&](int32_t batch, int32_t out, int32_t in, Unit unit) {
    add(batch, out, in, unit, Transpose::No, Transpose::Yes);
    add(batch, in, out, unit, Transpose::No, Transpose::No);
    add(out, in, batch, unit, Transpose::Yes, Transpose::No);
  };
  layer(100, 200, 256, Unit::F32);  // MNIST net
  layer(100, 10, 200, Unit::F32);
  layer(100, 300, 784, Unit::F32);      // LeNet-300
  layer(256, 1000, 2048, Unit::Bf16);   // ResNet-50
  layer(256, 4096, 25088, Unit::Bf16);  // VGG16
  for (const Unit unit : {Unit::Bf16, Unit::F16, Unit::Tf32, Unit::F32})
    add(4096, 4096, 4096, unit, Transpose::No, Transpose::Yes);
  add(8192, 8192, 8192, Unit::Bf16, Transpose::No, Transpose::Yes);
}

}  // namespace dn::bench
