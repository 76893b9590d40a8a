// gemm: plans and launches matrix products; gemm_reduce adds the parts of a split one.
#include "cuda/kernels/gemm_kernel.cuh"

namespace dn::cuda {

namespace {

// ---- gemm_reduce: C = epilogue(sum of parts + bias).
// Tensors   partial (splits, batch, rows, columns) float32 | C as in gemm.h.
// Grid      x: one thread = 4 columns of one row, block 256; y: batch.
// Cost      bytes = 4 splits rows columns batch + C; added in ascending order of parts.
// Floor     bytes / bandwidth; the parts are small and were just written: second-level cache.
// Deterministic: yes.
constexpr int kReduceBlock = 256;

__global__ void __launch_bounds__(kReduceBlock)
    gemm_reduce_kernel(const __grid_constant__ GemmParams p, const FastDivider quads) {
  const uint32_t i = blockIdx.x * kReduceBlock + threadIdx.x;
  const int row = (int)quads.divide(i);
  const int column = (int)(i - (uint32_t)row * quads.divisor) * 4;
  const int batch = (int)blockIdx.y;
  if (row >= p.rows) return;
  float value[4] = {};
  gemm_add_parts(p, batch, row, column, value);
  gemm_finish(p.out, p.columns, batch, row, column, value);
}

// ---- Plans.

GemmVariants variants_of(const Gemm& g) {
  switch (g.dtype) {
    case DN_DTYPE_BF16:
      return gemm_variants_bf16();
    case DN_DTYPE_F16:
      return gemm_variants_f16();
    default:
      return g.float32 == GemmFloat32::Tf32 ? gemm_variants_tf32() : gemm_variants_f32();
  }
}

bool vectors_fit(const GemmOperand& operand, int element_bytes) {
  const int64_t count = 16 / element_bytes;
  return aligned_to(operand.data, 16) && operand.offset % count == 0 &&
         operand.channels % count == 0 && operand.pixel_stride % count == 0 &&
         operand.batch_stride % count == 0;
}

GemmLauncher launcher_of(const GemmVariant& variant, const Gemm& g) {
  return variant
      .launch[g.a_depth == GemmDepth::AlongPositions][g.b_depth == GemmDepth::AlongPositions];
}

const GemmVariant& variant_of(const Gemm& g, const GemmPlan& plan) {
  const GemmVariants variants = variants_of(g);
  for (int i = 0; i < variants.count; ++i) {
    const GemmVariant& v = variants.first[i];
    if (v.tile == plan.tile && v.vectors == plan.vectors && launcher_of(v, g)) return v;
  }
  return variants.first[variants.count - 1];
}

int32_t steps_of(const Gemm& g, const GemmVariant& variant) {
  return (int32_t)divide_up(g.depth, variant.depth);
}

// ---- From descriptions to parameters.

GemmMap map_of(const GemmOperand& operand) {
  GemmMap map;
  map.outer_pitch = operand.outer_pitch;
  for (int i = 0; i < 3; ++i) {
    const GemmAxis& axis = operand.axis[i];
    map.size[i] = FastDivider(axis.positions > 1 ? axis.positions : 1);
    map.stride[i] = axis.stride;
    map.origin[i] = axis.origin;
    map.pitch[i] = axis.pitch;
  }
  return map;
}

void advance(const void*& data, int64_t elements, int dtype) {
  if (data) data = static_cast<const char*>(data) + elements * (dtype == DN_DTYPE_F32 ? 4 : 2);
}

GemmOperandParams params_of(const GemmOperand& operand, int dtype) {
  GemmOperandParams p;
  p.data = operand.data;
  advance(p.data, operand.offset, dtype);
  p.batch_stride = operand.batch_stride;
  p.pixel_stride = (int32_t)operand.pixel_stride;
  p.map = map_of(operand);
  p.positions = (int32_t)operand.positions();
  p.channels = operand.channels > 1 ? operand.channels : 1;
  for (int i = 0; i < 3; ++i) {
    // No taps at all are none along the first axis.
    const bool none = operand.taps() == 0 || operand.channels == 0;
    p.taps[i] = none ? (i == 0 ? 0 : 1) : operand.axis[i].taps;
    p.step[i] = operand.axis[i].step;
    p.extent[i] = operand.axis[i].extent;
  }
  return p;
}

GemmOutputParams output_of(const Gemm& g) {
  GemmOutputParams out;
  out.data = g.c;
  out.pixel_stride = g.c_pixel_stride;
  out.batch_stride = g.c_batch_stride;
  out.dtype = g.c_dtype;
  out.scattered = g.scattered;
  out.map = map_of(g.map);
  const int64_t bytes = 4 * (g.c_dtype == DN_DTYPE_F32 ? 4 : 2);
  out.vectors = g.columns % 4 == 0 && g.c_pixel_stride % 4 == 0 && g.c_batch_stride % 4 == 0 &&
                aligned_to(g.c, bytes) && aligned_to(g.input[0], bytes);
  out.epilogue = g.epilogue;
  out.input = g.input[0];
  out.bias = g.bias;
  out.bias_batch_stride = g.bias_batch_stride;
  out.bias_dtype = g.bias_dtype;
  return out;
}

}  // namespace

GemmPlan plan_gemm(const Gemm& g, int multiprocessors) {
  // Microseconds do not matter, only ratios: the time of a block is its steps, each the larger of
  // its arithmetic and its loads, plus a start and an end. Small tiles load more for each product.
  constexpr double kOverheadSteps = 8;
  const int bytes = g.dtype == DN_DTYPE_F32 ? 4 : 2;
  const bool vectors = vectors_fit(g.a, bytes) && vectors_fit(g.b, bytes);
  const GemmVariants variants = variants_of(g);
  GemmPlan best;
  double best_time = -1;
  for (int i = 0; i < variants.count; ++i) {
    const GemmVariant& v = variants.first[i];
    if (!launcher_of(v, g)) continue;
    const bool last = i + 1 == variants.count;
    if (v.vectors ? !vectors : !(last && best_time < 0)) continue;
    const double tiles = (double)divide_up(g.rows, v.rows) * divide_up(g.columns, v.columns) *
                         (g.batch > 1 ? g.batch : 1);
    const int32_t steps = steps_of(g, v);
    const double step_time =
        (double)v.rows * v.columns * v.depth + 48.0 * (v.rows + v.columns) * v.depth;
    for (int32_t splits = 1; splits <= 64; splits = splits < 4 ? splits + 1 : splits * 3 / 2) {
      // A part should be worth its start; the parts of C are written and read once more.
      if (splits > 1 && steps / splits < 4) break;
      const double waves = (double)divide_up((int64_t)(tiles * splits), multiprocessors);
      const double part = (double)divide_up(steps, splits) + kOverheadSteps;
      const double parts_of_c =
          splits > 1 ? 64.0 * (splits + 1) * g.rows * g.columns * g.batch / multiprocessors : 0;
      const double time =
          waves * part * step_time + parts_of_c + (splits > 1 ? kOverheadSteps * step_time : 0);
      if (best_time >= 0 && time >= best_time) continue;
      best_time = time;
      best = {v.tile, splits, v.vectors};
    }
  }
  return best;
}

int64_t gemm_workspace_bytes(const Gemm& g, const GemmPlan& plan) {
  if (plan.splits <= 1 && g.epilogue != GemmEpilogue::Program) return 0;
  return 4 * (int64_t)(plan.splits > 1 ? plan.splits : 1) * g.batch * g.rows * g.columns;
}

void gemm(cudaStream_t stream, const Gemm& g, const GemmPlan& plan, void* workspace) {
  constexpr int32_t kMaxGridZ = 65535;
  if (g.rows == 0 || g.columns == 0) return;
  const GemmVariant& variant = variant_of(g, plan);
  GemmParams p;
  p.a = params_of(g.a, g.dtype);
  p.b = params_of(g.b, g.dtype);
  p.rows = g.rows, p.columns = g.columns;
  p.row_tiles = (int32_t)divide_up(g.rows, variant.rows);
  p.column_tiles = (int32_t)divide_up(g.columns, variant.columns);
  p.steps = steps_of(g, variant);
  p.steps_per_split = (int32_t)divide_up(p.steps, plan.splits > 1 ? plan.splits : 1);
  p.out = output_of(g);
  // Parts that would be empty are left out.
  p.splits = p.steps_per_split > 0 ? (int32_t)divide_up(p.steps, p.steps_per_split) : 1;
  const bool program = g.epilogue == GemmEpilogue::Program;
  p.partial = p.splits > 1 || program ? static_cast<float*>(workspace) : nullptr;
  GemmExpression expression;
  if (program) expression.program = *g.program;
  for (int i = 0; i < kMaxGemmInputs; ++i) expression.input[i] = g.input[i];
  for (int32_t first = 0; first < g.batch; first += kMaxGridZ) {
    p.batch = g.batch - first < kMaxGridZ ? g.batch - first : kMaxGridZ;
    launcher_of(variant, g)(stream, variant.name, p);
    if (program) {
      launch_gemm_expression(stream, p, expression);
    } else if (p.splits > 1) {
      const int64_t quads = divide_up(g.columns, 4);
      launch(stream, "gemm_reduce", gemm_reduce_kernel,
             dim3(blocks_for(quads * g.rows, kReduceBlock), (unsigned)p.batch), dim3(kReduceBlock),
             0, p, FastDivider(quads));
    }
    advance(p.a.data, kMaxGridZ * g.a.batch_stride, g.dtype);
    advance(p.b.data, kMaxGridZ * g.b.batch_stride, g.dtype);
    const void* c = p.out.data;
    advance(c, kMaxGridZ * g.c_batch_stride, g.c_dtype);
    p.out.data = const_cast<void*>(c);
    advance(p.out.input, kMaxGridZ * g.c_batch_stride, g.c_dtype);
    for (const void*& input : expression.input)
      advance(input, kMaxGridZ * g.c_batch_stride, g.c_dtype);
    advance(p.out.bias, kMaxGridZ * g.bias_batch_stride, g.bias_dtype);
  }
}

}  // namespace dn::cuda
