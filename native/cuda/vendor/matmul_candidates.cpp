// Matrix products by cuBLAS and, with a bias, cuBLASLt.
#include "cuda/vendor/candidates.h"
#include "cuda/vendor/epilogue_pass.h"

namespace dn::cuda::vendor {

namespace {

constexpr int kBias = 2;  // the input's slot

// What NVIDIA recommends for Hopper, and enough for the others.
constexpr int64_t kWorkspaceBytes = 32 << 20;

Product product_of(const CompileView& view, int op) {
  const OperatorView o = view.view(op);
  const auto& attributes = o.op().attributes<dn_matmul_attributes>();
  const Shape &a = o.input_shape(0), &b = o.input_shape(1), &c = o.output_shape(0);
  const int rank = c.rank();
  Product p;
  p.rows = c[rank - 2];
  p.columns = c[rank - 1];
  p.depth = a[a.rank() - (attributes.transpose_a ? 2 : 1)];
  for (int axis = 0; axis < rank - 2; ++axis) p.batch *= c[axis];
  p.transpose_a = attributes.transpose_a ? Transpose::Yes : Transpose::No;
  p.transpose_b = attributes.transpose_b ? Transpose::Yes : Transpose::No;
  p.a_stride = a.rank() > 2 ? p.rows * p.depth : 0;
  p.b_stride = b.rank() > 2 ? p.depth * p.columns : 0;
  p.c_stride = p.rows * p.columns;
  p.input_type = o.input(0).dtype;
  p.output_type = o.output(0).dtype;
  p.tf32 = view.allow_tf32() ? Tf32::Allowed : Tf32::Refused;
  if (p.b_stride == 0 && p.transpose_a == Transpose::No) {  // one tall product
    p.rows *= p.batch;
    p.batch = 1;
  }
  return p;
}

std::string refuse_matmul(const CompileView& view, int op) {
  if (const std::string reason = EpiloguePass::refuse(view, op); !reason.empty()) return reason;
  const OperatorView o = view.view(op);
  if (o.input(0).dtype != o.input(1).dtype) return "the inputs' types differ";
  return refuse_product(product_of(view, op));
}

KernelPlan plan_slots(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0)), row_major_slot(operation.input(1))};
  if (operation.has_input(kBias)) plan.inputs.push_back(row_major_slot(operation.input(kBias)));
  for (size_t slot = kFirstEpilogueInput; slot < operation.inputs().size(); ++slot)
    plan.inputs.push_back(row_major_slot(operation.input(slot)));
  plan.outputs = {row_major_slot(operation.output(0))};
  return plan;
}

// The libraries' own ReLU is not known to keep NaN.
EpiloguePass pass_of(const CompileView& view, int op) {
  return EpiloguePass(view, op, view.op(op).has_input(kBias) ? 3 : 2);
}

class CublasGemm final : public VendorCandidate<Cublas> {
 public:
  CublasGemm() : VendorCandidate("cublas:gemm", DN_OPERATOR_MATMUL, &Libraries::cublas) {}

 protected:
  std::string refuse(const CompileView& view, int op) const override {
    return view.op(op).has_input(kBias) ? "has a bias" : refuse_matmul(view, op);
  }
  KernelPlan plan(const CompileView& view, int op, Cublas& library) const override {
    KernelPlan plan = plan_slots(view, op);
    plan.scratch_bytes = padded_workspace(kWorkspaceBytes);
    plan.kernel =
        make_launcher(view, [&library, p = product_of(view, op), pass = pass_of(view, op)](
                                cudaStream_t stream, const Arguments& a) {
          library.multiply(stream, p, a.inputs[0], a.inputs[1], a.outputs[0],
                           aligned_workspace(a.scratch), kWorkspaceBytes);
          pass.run(stream, a);
        });
    return plan;
  }
};

class CublasLtMatMul final : public VendorCandidate<CublasLt> {
 public:
  CublasLtMatMul()
      : VendorCandidate("cublaslt:matmul", DN_OPERATOR_MATMUL, &Libraries::cublas_lt) {}

 protected:
  std::string refuse(const CompileView& view, int op) const override {
    const OperatorView o = view.view(op);
    if (o.op().has_input(kBias) && o.input(kBias).dtype != o.output(0).dtype)
      return "the bias's type is not the output's";
    return refuse_matmul(view, op);
  }
  void try_out(const CompileView& view, int op, CublasLt& library) const override {
    LtProduct(library, product_of(view, op), bias_of(view, op), kWorkspaceBytes);
  }
  KernelPlan plan(const CompileView& view, int op, CublasLt& library) const override {
    KernelPlan plan = plan_slots(view, op);
    const auto product = std::make_shared<LtProduct>(library, product_of(view, op),
                                                     bias_of(view, op), kWorkspaceBytes);
    plan.scratch_bytes = padded_workspace(product->workspace_bytes());
    const bool bias = view.op(op).has_input(kBias);
    plan.kernel = make_launcher(
        view, [product, bias, pass = pass_of(view, op)](cudaStream_t stream, const Arguments& a) {
          product->run(stream, a.inputs[0], a.inputs[1], bias ? a.inputs[2] : nullptr, a.outputs[0],
                       aligned_workspace(a.scratch));
          pass.run(stream, a);
        });
    return plan;
  }

 private:
  static Bias bias_of(const CompileView& view, int op) {
    return view.op(op).has_input(kBias) ? Bias::PerColumn : Bias::None;
  }
};

const RegisterCandidate gemm(std::make_unique<CublasGemm>());
const RegisterCandidate matmul(std::make_unique<CublasLtMatMul>());

}  // namespace

}  // namespace dn::cuda::vendor
