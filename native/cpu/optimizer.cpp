// Multi-tensor parameter updates, in whatever layout the parameters have.
#include "cpu/kernels/optimizer.h"

#include <bit>

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

// Elements in memory, the padding of a layout included: zeros there stay zeros.
int64_t physical_numel(const CompileView& view, const Slot& slot) {
  return slot.layout ? slot.layout->bytes() / (int64_t)sizeof(float)
                     : view.tensor(slot.tensor).shape.numel();
}

// The elements of a bfloat16 or float16 gradient as floats.
void widen(DType dtype, const void* data, int64_t count, float* floats, int threads) {
  const auto* bits = static_cast<const uint16_t*>(data);
  parallel(threads, count, count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      floats[i] = dtype == DN_DTYPE_BF16 ? std::bit_cast<float>((uint32_t)bits[i] << 16)
                                         : (float)std::bit_cast<_Float16>(bits[i]);
  });
}

struct Update {
  dn_optimizer_attributes attributes;
  std::vector<OptimizerTensor> tensors;
  std::vector<DType> gradient_types;
  int threads;

  void operator()(const Arguments& a) {
    float* scratch = static_cast<float*>(a.scratch);
    const bool adam = attributes.rule == DN_OPTIMIZER_ADAM;
    const int count = attributes.count, first = adam ? 2 : 1;
    const int states = adam ? 2 : attributes.momentum > 0 ? 1 : 0;
    for (int i = 0; i < count; ++i) {
      OptimizerTensor& tensor = tensors[i];
      tensor.param = out(a, i);
      tensor.grad = in(a, first + count + i);
      if (gradient_types[i] != DN_DTYPE_F32) {
        widen(gradient_types[i], tensor.grad, tensor.numel, scratch, threads);
        tensor.grad = scratch;
        scratch += tensor.numel;
      }
      if (states > 0) tensor.state0 = out(a, count + i);
      if (states > 1) tensor.state1 = out(a, 2 * count + i);
    }
    if (adam) {
      int64_t* step = static_cast<int64_t*>(a.outputs[3 * count]);
      ++*step;
      adam_update({tensors.data(), count, in(a, 0), step, attributes.beta1, attributes.beta2,
                   attributes.epsilon, attributes.weight_decay,
                   attributes.decoupled_weight_decay ? WeightDecay::Decoupled : WeightDecay::L2},
                  threads);
    } else {
      sgd_update({tensors.data(), count, in(a, 0), attributes.momentum, attributes.weight_decay,
                  attributes.nesterov != 0},
                 threads);
    }
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_optimizer_attributes>();
  const int count = attributes.count;
  const int first = attributes.rule == DN_OPTIMIZER_ADAM ? 2 : 1;
  KernelPlan plan;
  Update update{attributes, std::vector<OptimizerTensor>(count), {}, device_of(view).threads()};
  for (int i = 0; i < count; ++i)
    update.gradient_types.push_back(view.tensor(operation.input(first + count + i)).dtype);
  for (size_t slot = 0; slot < operation.inputs().size(); ++slot) {
    // Gradients and states take the layout of their parameter; layouts are of float32 elements.
    LayoutRef layout;
    if ((int)slot >= first && update.gradient_types[(slot - first) % count] == DN_DTYPE_F32) {
      const int param = operation.input(first + (slot - first) % count);
      layout = view.free(param) ? nullptr : view.layout(param);
    }
    plan.inputs.push_back({operation.input(slot), layout});
  }
  for (size_t slot = 0; slot < operation.outputs().size(); ++slot) {
    const auto same = std::ranges::find(plan.inputs, operation.output(slot), &Slot::tensor);
    plan.outputs.push_back(*same);
  }
  for (int i = 0; i < count; ++i) {
    update.tensors[i].numel = physical_numel(view, plan.inputs[first + i]);
    if (update.gradient_types[i] != DN_DTYPE_F32)
      plan.scratch_bytes += update.tensors[i].numel * (int64_t)sizeof(float);
  }
  plan.kernel = make_kernel(std::move(update));
  return plan;
}

const RegisterOperator optimizer({"own:optimizer", DN_OPERATOR_OPTIMIZER, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
