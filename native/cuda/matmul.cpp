// Matrix products by the engine's own kernels.
#include "cuda/epilogue.h"
#include "cuda/kernels/column_sum.h"
#include "engine/patterns.h"

namespace dn::cuda {

namespace {

constexpr int64_t kMaxSize = (int64_t{1} << 31) - 1;

struct Sizes {
  int64_t rows, columns, depth, batch;
};

Sizes sizes_of(const CompileView& view, int op) {
  const OperatorView o = view.view(op);
  const auto& attributes = o.op().attributes<dn_matmul_attributes>();
  const Shape &a = o.input_shape(0), &c = o.output_shape(0);
  const int rank = c.rank();
  Sizes s{c[rank - 2], c[rank - 1], a[a.rank() - (attributes.transpose_a ? 2 : 1)], 1};
  for (int axis = 0; axis < rank - 2; ++axis) s.batch *= c[axis];
  // One B for all: the batch is more rows.
  if (o.input_shape(1).rank() == 2 && !attributes.transpose_a) {
    s.rows *= s.batch;
    s.batch = 1;
  }
  return s;
}

Gemm product_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_matmul_attributes>();
  const Sizes s = sizes_of(view, op);
  const auto operand = [&](int slot, int64_t lines, int64_t length) {
    const bool batched = view.tensor(operation.input((size_t)slot)).shape.rank() > 2;
    return gemm_matrix(nullptr, lines, length, length, batched && s.batch > 1 ? lines * length : 0);
  };
  Gemm g;
  g.rows = (int32_t)s.rows, g.columns = (int32_t)s.columns, g.depth = (int32_t)s.depth;
  g.batch = (int32_t)s.batch;
  g.dtype = view.tensor(operation.input(0)).dtype;
  g.float32 = view.allow_tf32() ? GemmFloat32::Tf32 : GemmFloat32::Exact;
  g.a_depth = attributes.transpose_a ? GemmDepth::AlongPositions : GemmDepth::AlongChannels;
  g.b_depth = attributes.transpose_b ? GemmDepth::AlongChannels : GemmDepth::AlongPositions;
  g.a = attributes.transpose_a ? operand(0, s.depth, s.rows) : operand(0, s.rows, s.depth);
  g.b = attributes.transpose_b ? operand(1, s.columns, s.depth) : operand(1, s.depth, s.columns);
  g.c_dtype = view.tensor(operation.output(0)).dtype;
  g.c_pixel_stride = s.columns;
  g.c_batch_stride = s.rows * s.columns;
  if (operation.has_input(2)) g.bias_dtype = view.tensor(operation.input(2)).dtype;
  return g;
}

std::string refuse(const CompileView& view, int op) {
  const Sizes s = sizes_of(view, op);
  if (std::max({s.rows, s.columns, s.depth, s.batch}) > kMaxSize) return "a size is 2^31 or more";
  if (!epilogue_of(view.op(op))) return "has an expression too long for kernels";
  return {};
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  Gemm g = product_of(view, op);
  const EpiloguePlan epilogue = *epilogue_of(operation);
  g.epilogue = epilogue.kind;
  g.program = epilogue.program.get();
  const GemmPlan how = plan_gemm(g, device_of(view).limits().multiprocessors);

  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0)), row_major_slot(operation.input(1))};
  const bool bias = operation.has_input(2);
  if (bias) plan.inputs.push_back(row_major_slot(operation.input(2)));
  const size_t first_input = plan.inputs.size();
  for (const int input : epilogue.inputs) plan.inputs.push_back(row_major_slot(input));
  plan.outputs = {row_major_slot(operation.output(0))};
  plan.scratch_bytes = gemm_workspace_bytes(g, how);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    g.a.data = a.inputs[0], g.b.data = a.inputs[1], g.c = a.outputs[0];
    if (bias) g.bias = a.inputs[2];
    epilogue.fill(g, a, first_input);
    gemm(stream, g, how, a.scratch);
  });
  return plan;
}

// The gradients of a linear layer's weight and bias: g^T x, and the sums of g over the batch while
// it is in the cache.
class LinearGradient final : public Candidate {
 public:
  std::string name() const override { return "own:gemm_bias_gradient"; }
  int kind() const override { return DN_OPERATOR_MATMUL; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    reason = refuse(view, first);
    if (!reason.empty()) return {};
    if (const std::optional<int> bias = bias_gradient_of(view, first)) return {first, *bias};
    reason = "not the gradient of a weight whose bias has one too";
    return {};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    const int product = operators[0], bias = view.op(operators[1]).output(0);
    const TensorDeclaration& x = view.tensor(view.op(product).input(0));
    KernelPlan plan = cuda::plan(view, product);
    plan.outputs.push_back(row_major_slot(bias));
    ColumnSum sum;
    sum.rows = x.shape[0], sum.columns = x.shape[1];
    sum.x_dtype = x.dtype;
    sum.y_dtype = view.tensor(bias).dtype;
    // Both use the scratch memory, one after the other.
    plan.scratch_bytes =
        std::max(plan.scratch_bytes, column_sum_workspace_bytes(sum.rows, sum.columns));
    plan.kernel = make_launcher(view, [sum, gemm = std::shared_ptr<Kernel>(std::move(plan.kernel))](
                                          cudaStream_t stream, const Arguments& a) mutable {
      gemm->run(a);
      sum.x = a.inputs[0], sum.y = a.outputs[1];
      column_sum(stream, sum, a.scratch);
    });
    return plan;
  }
};

const RegisterOperator own({"own:gemm", DN_OPERATOR_MATMUL, 10, refuse, plan});
const RegisterCandidate linear_gradient(std::make_unique<LinearGradient>());

}  // namespace

}  // namespace dn::cuda
