// Convolutions by cuDNN, one candidate a direction.
#include "cuda/vendor/candidates.h"
#include "cuda/vendor/epilogue_pass.h"

namespace dn::cuda::vendor {

namespace {

constexpr int64_t kMaxWorkspaceBytes = 256 << 20;
constexpr int kBias = 2;  // the input's slot, forward

// The three tensors of a convolution in one direction, by id.
struct Roles {
  Roles(const Operator& op)
      : direction(op.attributes<dn_convolution_attributes>().direction),
        input(direction == DN_BACKWARD_DATA ? op.output(0) : op.input(0)),
        weight(direction == DN_BACKWARD_WEIGHT ? op.output(0) : op.input(1)),
        output(direction == DN_FORWARD         ? op.output(0)
               : direction == DN_BACKWARD_DATA ? op.input(0)
                                               : op.input(1)) {}
  int direction, input, weight, output;
};

ConvolutionProblem problem_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Roles roles(operation);
  return {view.tensor(roles.input).shape,  view.tensor(roles.weight).shape,
          view.tensor(roles.output).shape, operation.attributes<dn_convolution_attributes>(),
          view.tensor(roles.input).dtype,  view.allow_tf32() ? Tf32::Allowed : Tf32::Refused};
}

class CudnnCandidate final : public VendorCandidate<Cudnn> {
 public:
  CudnnCandidate(const char* name, int direction)
      : VendorCandidate(name, DN_OPERATOR_CONVOLUTION, &Libraries::cudnn), direction_(direction) {}

 protected:
  std::string refuse(const CompileView& view, int op) const override {
    const Operator& operation = view.op(op);
    if (Roles(operation).direction != direction_) return "is for another direction";
    if (const std::string reason = EpiloguePass::refuse(view, op); !reason.empty()) return reason;
    const ConvolutionProblem problem = problem_of(view, op);
    for (const auto* ids : {&operation.inputs(), &operation.outputs()})
      for (const int id : *ids)
        if (id >= 0 && view.tensor(id).dtype != problem.type) return "the tensors' types differ";
    return refuse_convolution(problem);
  }

  void try_out(const CompileView& view, int op, Cudnn& library) const override {
    CudnnConvolution(library, problem_of(view, op), kMaxWorkspaceBytes);
  }

  KernelPlan plan(const CompileView& view, int op, Cudnn& library) const override {
    const Operator& operation = view.op(op);
    const auto convolution =
        std::make_shared<CudnnConvolution>(library, problem_of(view, op), kMaxWorkspaceBytes);
    const bool bias = direction_ == DN_FORWARD && operation.has_input(kBias);
    const bool grad_bias = direction_ == DN_BACKWARD_WEIGHT && operation.has_output(1);
    KernelPlan plan;
    plan.inputs = {channels_last_slot(view, operation.input(0)),
                   channels_last_slot(view, operation.input(1))};
    if (bias) plan.inputs.push_back(row_major_slot(operation.input(kBias)));
    for (size_t slot = kFirstEpilogueInput; slot < operation.inputs().size(); ++slot)
      plan.inputs.push_back(channels_last_slot(view, operation.input(slot)));
    plan.outputs = {channels_last_slot(view, operation.output(0))};
    if (grad_bias) plan.outputs.push_back(row_major_slot(operation.output(1)));
    plan.scratch_bytes = padded_workspace(convolution->workspace_bytes());
    plan.kernel = make_launcher(
        view, [convolution, bias, grad_bias, pass = EpiloguePass(view, op, bias ? 3 : 2)](
                  cudaStream_t stream, const Arguments& a) {
          convolution->run(stream, a.inputs[0], a.inputs[1], a.outputs[0],
                           aligned_workspace(a.scratch));
          if (bias) convolution->add_bias(stream, a.inputs[2], a.outputs[0]);
          pass.run(stream, a);
          if (grad_bias) convolution->sum_bias(stream, a.inputs[1], a.outputs[1]);
        });
    return plan;
  }

 private:
  int direction_;
};

const RegisterCandidate forward(std::make_unique<CudnnCandidate>("cudnn:convolution_forward",
                                                                 DN_FORWARD));
const RegisterCandidate backward_data(
    std::make_unique<CudnnCandidate>("cudnn:convolution_backward_data", DN_BACKWARD_DATA));
const RegisterCandidate backward_weight(
    std::make_unique<CudnnCandidate>("cudnn:convolution_backward_weight", DN_BACKWARD_WEIGHT));

}  // namespace

}  // namespace dn::cuda::vendor
