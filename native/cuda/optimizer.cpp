// Multi-tensor parameter updates, in whatever layout the parameters have.
#include "cuda/kernels/optimizer.h"

#include <algorithm>

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

struct Update {
  dn_optimizer_attributes attributes;
  std::vector<OptimizerTensor> tensors;  // but for their addresses

  void operator()(cudaStream_t stream, const Arguments& a) {
    const bool adam = attributes.rule == DN_OPTIMIZER_ADAM;
    const int count = attributes.count, first = adam ? 2 : 1;
    const int states = adam ? 2 : attributes.momentum > 0 ? 1 : 0;
    for (int i = 0; i < count; ++i) {
      OptimizerTensor& tensor = tensors[i];
      tensor.param = out(a, i);
      tensor.grad = a.inputs[first + count + i];
      if (states > 0) tensor.state0 = out(a, count + i);
      if (states > 1) tensor.state1 = out(a, 2 * count + i);
    }
    if (adam) {
      AdamParams p;
      p.tensors = tensors.data();
      p.tensor_count = count;
      p.learning_rate = in(a, 0);
      p.step = out<int64_t>(a, 3 * count);
      p.factors = static_cast<float*>(a.scratch);
      p.beta1 = attributes.beta1;
      p.beta2 = attributes.beta2;
      p.epsilon = attributes.epsilon;
      p.weight_decay = attributes.weight_decay;
      p.decoupled_weight_decay = attributes.decoupled_weight_decay != 0;
      adam_update(stream, p);
    } else {
      sgd_update(stream, {tensors.data(), count, in(a, 0), attributes.momentum,
                          attributes.weight_decay, attributes.nesterov != 0});
    }
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_optimizer_attributes>();
  const int count = attributes.count;
  const int first = attributes.rule == DN_OPTIMIZER_ADAM ? 2 : 1;
  KernelPlan plan;
  Update update{attributes, std::vector<OptimizerTensor>(count)};
  for (size_t slot = 0; slot < operation.inputs().size(); ++slot) {
    const int tensor = operation.input(slot);
    if ((int)slot < first) {
      plan.inputs.push_back(row_major_slot(tensor));
      continue;
    }
    // Gradients and states take the layout of their parameter.
    const Slot param = present_slot(view, operation.input(first + (slot - first) % count));
    plan.inputs.push_back(param.layout ? channels_last_slot(view, tensor) : row_major_slot(tensor));
  }
  for (size_t slot = 0; slot < operation.outputs().size(); ++slot)
    plan.outputs.push_back(*std::ranges::find(plan.inputs, operation.output(slot), &Slot::tensor));
  for (int i = 0; i < count; ++i) {
    const TensorDeclaration& grad = view.tensor(operation.input(first + count + i));
    update.tensors[i].numel = grad.shape.numel();
    update.tensors[i].grad_dtype = grad.dtype;
  }
  if (attributes.rule == DN_OPTIMIZER_ADAM) plan.scratch_bytes = kAdamFactors * sizeof(float);
  plan.kernel = make_launcher(view, std::move(update));
  return plan;
}

const RegisterOperator optimizer({"own:optimizer", DN_OPERATOR_OPTIMIZER, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
