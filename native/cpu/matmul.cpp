// Matrix products: own GEMM, raced against oneDNN's where asked for.
#include "cpu/epilogue.h"
#include "cpu/kernels/gemm.h"
#include "cpu/onednn.h"
#include "cpu/widened.h"
#include "engine/patterns.h"

namespace dn::cpu {

namespace {

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

bool is_transposed(const LayoutRef& layout) {
  return column_distance(layout) > 0;
}

// The distance of a matrix's rows, or of its columns where it is stored by columns.
int64_t leading(const Shape& shape, const LayoutRef& layout) {
  return is_transposed(layout) ? column_distance(layout) : shape[shape.rank() - 1];
}

// A weight read by x W^T and by g W is best stored as its transpose: both the forward product and
// the gradient x^T g then run along its rows. The first program that binds it decides.
LayoutRef matrix_layout(const CompileView& view, int tensor, bool prefer_transposed) {
  const TensorDeclaration& declaration = view.tensor(tensor);
  // What is cast anew in every run, or to be widened, is row-major.
  if (declaration.shape.rank() != 2 || declaration.dtype != DN_DTYPE_F32) return nullptr;
  if (view.free(tensor)) return prefer_transposed ? transposed_matrix(declaration.shape) : nullptr;
  return is_transposed(view.layout(tensor)) ? view.layout(tensor) : nullptr;
}

// What the product takes along; Identity leaves the expression to a pass of its own.
Epilogue epilogue_of(std::span<const dn_instruction> expression) {
  return is_relu(expression)            ? Epilogue::Relu
         : is_relu_gradient(expression) ? Epilogue::ReluBackward
                                        : Epilogue::Identity;
}

// Whether the product is the gradient of a parameter that is stored transposed.
bool wants_transposed(const CompileView& view, int op) {
  const int id = view.op(op).output(0);
  for (int user : view.tensor(id).consumers) {
    const Operator& optimizer = view.op(user);
    if (optimizer.kind() != DN_OPERATOR_OPTIMIZER) continue;
    const auto& attributes = optimizer.attributes<dn_optimizer_attributes>();
    const int first = attributes.rule == DN_OPTIMIZER_ADAM ? 2 : 1;
    for (int i = 0; i < attributes.count; ++i)
      if (optimizer.input(first + attributes.count + i) == id) {
        const int param = optimizer.input(first + i);
        return !view.free(param) && is_transposed(view.layout(param));
      }
  }
  return false;
}

// C = A B with own kernels. bias_gradient: a tensor for the sums over A's depth, -1: none.
KernelPlan plan_gemm(const CompileView& view, int op, int bias_gradient) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_matmul_attributes>();
  const int a_id = operation.input(0), b_id = operation.input(1), c_id = operation.output(0);
  const Sizes s = sizes_of(view, op);
  const Shape &a = view.tensor(a_id).shape, &b = view.tensor(b_id).shape;
  const LayoutRef a_layout = matrix_layout(view, a_id, false);
  const LayoutRef b_layout = matrix_layout(view, b_id, attributes.transpose_b != 0);
  const int threads = device_of(view).threads();

  GemmParams p;
  p.rows = s.rows, p.columns = s.columns, p.depth = s.depth, p.batch = s.batch;
  const bool transpose_a = (attributes.transpose_a != 0) != is_transposed(a_layout);
  const bool transpose_b = (attributes.transpose_b != 0) != is_transposed(b_layout);
  p.transpose_a = transpose_a ? Transpose::Yes : Transpose::No;
  p.transpose_b = transpose_b ? Transpose::Yes : Transpose::No;
  p.lda = leading(a, a_layout);
  p.ldb = leading(b, b_layout);
  p.ldc = s.columns;
  p.a_batch_stride = a.rank() > 2 ? s.rows * s.depth : 0;
  p.b_batch_stride = b.rank() > 2 ? s.depth * s.columns : 0;
  p.c_batch_stride = s.rows * s.columns;
  p.epilogue = epilogue_of(operation.expression());

  // A weight's gradient goes to the optimiser, in the weight's layout: C^T = B^T A^T, the same
  // product with the operands exchanged.
  LayoutRef c_layout;
  const bool sums = bias_gradient >= 0;
  const bool exchange = sums || (s.batch == 1 && !operation.has_input(2) &&
                                 operation.expression().empty() && wants_transposed(view, op));
  if (exchange) {
    c_layout = transposed_matrix(view.tensor(c_id).shape);
    std::swap(p.rows, p.columns);
    std::swap(p.lda, p.ldb);
    std::swap(p.transpose_a, p.transpose_b);
    p.transpose_a = p.transpose_a == Transpose::Yes ? Transpose::No : Transpose::Yes;
    p.transpose_b = p.transpose_b == Transpose::Yes ? Transpose::No : Transpose::Yes;
    p.ldc = is_transposed(c_layout) ? column_distance(c_layout) : s.rows;
  }

  KernelPlan plan;
  plan.inputs = {{a_id, a_layout}, {b_id, b_layout}};
  const bool bias = operation.has_input(2);
  if (bias) plan.inputs.push_back(row_major_slot(operation.input(2)));
  EpiloguePass pass;
  if (p.epilogue == Epilogue::Identity)
    pass =
        EpiloguePass(view, operation, DN_DTYPE_F32, view.tensor(c_id).shape.numel(), bias ? 3 : 2);
  for (size_t slot = 3; slot < operation.inputs().size(); ++slot)
    plan.inputs.push_back(row_major_slot(operation.input(slot)));
  plan.outputs = {{c_id, c_layout}};
  if (sums) plan.outputs.push_back(row_major_slot(bias_gradient));
  const int64_t gemm_bytes = scratch_aligned(gemm_scratch_bytes(p, threads));
  plan.scratch_bytes = gemm_bytes + pass.scratch_bytes();
  plan.kernel = make_kernel([=](const Arguments& arguments) mutable {
    p.a = in(arguments, exchange ? 1 : 0);
    p.b = in(arguments, exchange ? 0 : 1);
    p.bias = bias ? in(arguments, 2) : nullptr;
    p.c = out(arguments, 0);
    if (sums) p.b_sums = out(arguments, 1);
    if (p.epilogue == Epilogue::ReluBackward) p.activation = in(arguments, bias ? 3 : 2);
    p.scratch = gemm_bytes > 0 ? arguments.scratch : nullptr;
    gemm(p, threads);
    pass.run(arguments, static_cast<char*>(arguments.scratch) + gemm_bytes);
  });
  return plan;
}

KernelPlan plan_own(const CompileView& view, int op) {
  return plan_gemm(view, op, -1);
}

// The gradients of a linear layer's weight and bias in one kernel: g^T x and the sums of g over the
// batch.
class LinearGradient final : public Candidate {
 public:
  std::string name() const override { return "own:gemm_bias_gradient"; }
  int kind() const override { return DN_OPERATOR_MATMUL; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    reason = refuse_other_than_float32(view, first);
    if (!reason.empty()) return {};
    if (const std::optional<int> bias = bias_gradient_of(view, first)) return {first, *bias};
    reason = "not the gradient of a weight whose bias has one too";
    return {};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return plan_gemm(view, operators[0], view.op(operators[1]).output(0));
  }
};

KernelPlan plan_widened(const CompileView& view, int op) {
  return widened(view, plan_gemm(view, op, -1));
}

std::string refuse_widened(const CompileView& view, int op) {
  return view.tensor(view.op(op).input(0)).dtype == DN_DTYPE_F32 ? "needs no conversion" : "";
}

std::string refuse_batches(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  for (int id : operation.inputs())
    if (id >= 0 && view.tensor(id).shape.numel() == 0) return "an input is empty";
  const OperatorView o = view.view(op);
  if (o.input_shape(0).rank() != o.input_shape(1).rank()) return "one side has no batch";
  return {};
}

std::string refuse_onednn(const CompileView& view, int op) {
  if (const std::string reason = refuse_other_than_float32(view, op); !reason.empty())
    return reason;
  if (!view.op(op).expression().empty())
    return "has an epilogue, which the own product takes along";
  return refuse_batches(view, op);
}

std::string refuse_bfloat16(const CompileView& view, int op) {
  const DType dtype = view.tensor(view.op(op).input(0)).dtype;
  if (dtype != DN_DTYPE_BF16) return text("needs bfloat16, not ", name_of(dtype));
  if (!onednn::has_bfloat16()) return "needs AVX-512 for bfloat16";
  return refuse_batches(view, op);
}

dnnl::memory::desc matrix(const TensorDeclaration& tensor, const LayoutRef& layout,
                          bool transpose) {
  const Shape& shape = tensor.shape;
  dnnl::memory::dims dims = dnnl_dims(shape), strides(dims.size(), 1);
  for (int axis = (int)dims.size() - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * dims[axis + 1];
  const size_t last = dims.size() - 1;
  if (is_transposed(layout)) {
    strides[last] = column_distance(layout);
    strides[last - 1] = 1;
  }
  if (transpose) {
    std::swap(dims[last], dims[last - 1]);
    std::swap(strides[last], strides[last - 1]);
  }
  return {dims, dnnl_type(tensor.dtype), strides};
}

KernelPlan plan_onednn(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_matmul_attributes>();
  const int a_id = operation.input(0), b_id = operation.input(1), c_id = operation.output(0);
  const TensorDeclaration& c = view.tensor(c_id);
  const LayoutRef a_layout = matrix_layout(view, a_id, false);
  const LayoutRef b_layout = matrix_layout(view, b_id, attributes.transpose_b != 0);
  CpuDevice& device = device_of(view);
  const ThreadScope scope(device.threads());
  const bool bias = operation.has_input(2);
  const auto a_desc = matrix(view.tensor(a_id), a_layout, attributes.transpose_a != 0);
  const auto b_desc = matrix(view.tensor(b_id), b_layout, attributes.transpose_b != 0);
  const auto c_desc = matrix(c, nullptr, false);
  dnnl::memory::dims bias_dims(c.shape.rank(), 1);
  bias_dims.back() = c.shape[c.shape.rank() - 1];
  const auto bias_desc = row_major(
      bias ? dnnl_type(view.tensor(operation.input(2)).dtype) : dnnl::memory::data_type::f32,
      bias_dims);
  const auto desc = onednn::checked("matmul", [&] {
    return onednn::matmul(device.engine(), a_desc, b_desc, bias ? &bias_desc : nullptr, c_desc);
  });
  KernelPlan plan;
  plan.inputs = {{a_id, a_layout}, {b_id, b_layout}};
  if (bias) plan.inputs.push_back(row_major_slot(operation.input(2)));
  plan.outputs = {row_major_slot(c_id)};
  // Not oneDNN's own relu: that does not keep NaN.
  const EpiloguePass pass(view, operation, c.dtype, c.shape.numel(), bias ? 3 : 2);
  for (int i = 0; i < pass.input_count(); ++i)
    plan.inputs.push_back(row_major_slot(operation.input(3 + i)));
  const int64_t own_bytes = scratch_aligned((int64_t)desc.scratchpad_desc().get_size());
  plan.scratch_bytes = own_bytes + pass.scratch_bytes();
  const auto memory = [&](const dnnl::memory::desc& d) {
    return dnnl::memory(d, device.engine(), nullptr);
  };
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, memory(a_desc)},
      {DNNL_ARG_WEIGHTS, memory(b_desc)},
      {DNNL_ARG_DST, memory(c_desc)},
      {DNNL_ARG_SCRATCHPAD, memory(desc.scratchpad_desc())}};
  if (bias) arguments.emplace(DNNL_ARG_BIAS, memory(bias_desc));
  plan.kernel = make_kernel([&device, arguments, bias, pass, own_bytes,
                             product = dnnl::matmul(desc)](const Arguments& a) mutable {
    arguments.at(DNNL_ARG_SRC).set_data_handle(a.inputs[0]);
    arguments.at(DNNL_ARG_WEIGHTS).set_data_handle(a.inputs[1]);
    if (bias) arguments.at(DNNL_ARG_BIAS).set_data_handle(a.inputs[2]);
    arguments.at(DNNL_ARG_DST).set_data_handle(a.outputs[0]);
    arguments.at(DNNL_ARG_SCRATCHPAD).set_data_handle(a.scratch);
    DenormalScope::cover_workers(device.threads());
    product.execute(device.stream(), arguments);
    pass.run(a, static_cast<char*>(a.scratch) + own_bytes);
  });
  return plan;
}

const RegisterOperator own({"own:gemm", DN_OPERATOR_MATMUL, 10, refuse_other_than_float32,
                            plan_own});
const RegisterCandidate linear_gradient(std::make_unique<LinearGradient>());
const RegisterOperator with_onednn({"onednn:matmul", DN_OPERATOR_MATMUL, 100, refuse_onednn,
                                    plan_onednn});

const RegisterOperator bfloat16({"onednn:matmul_bfloat16", DN_OPERATOR_MATMUL, 20, refuse_bfloat16,
                                 plan_onednn});
const RegisterOperator widened_gemm({"own:gemm_widened", DN_OPERATOR_MATMUL, 200, refuse_widened,
                                     plan_widened});

}  // namespace

}  // namespace dn::cpu
