#include "cuda/convolution_view.h"

namespace dn::cuda {

namespace {

constexpr int64_t kMaxSize = (int64_t{1} << 31) - 1;

// The tensors of a convolution by their part in it, whichever of them is computed.
struct Parts {
  int input, weight, output;
};

Parts parts_of(const Operator& op) {
  switch (op.attributes<dn_convolution_attributes>().direction) {
    case DN_BACKWARD_DATA:
      return {op.output(0), op.input(1), op.input(0)};
    case DN_BACKWARD_WEIGHT:
      return {op.input(0), op.output(0), op.input(1)};
    default:
      return {op.input(0), op.input(1), op.output(0)};
  }
}

}  // namespace

Convolution convolution_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_convolution_attributes>();
  const Parts parts = parts_of(operation);
  const Shape &x = view.tensor(parts.input).shape, &w = view.tensor(parts.weight).shape,
              &y = view.tensor(parts.output).shape;
  Convolution c;
  c.batch = (int32_t)x[0];
  c.channels = (int32_t)x[1], c.out_channels = (int32_t)w[0];
  c.groups = attributes.groups;
  for (int i = 0; i < attributes.spatial_rank; ++i)
    c.axis[3 - attributes.spatial_rank + i] = {(int32_t)x[2 + i],
                                               (int32_t)w[2 + i],
                                               (int32_t)y[2 + i],
                                               (int32_t)attributes.stride[i],
                                               (int32_t)attributes.dilation[i],
                                               (int32_t)attributes.padding_begin[i]};
  c.dtype = view.tensor(operation.input(0)).dtype;
  c.float32 = view.allow_tf32() ? GemmFloat32::Tf32 : GemmFloat32::Exact;
  return c;
}

std::string refuse_convolution(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_convolution_attributes>();
  const Parts parts = parts_of(operation);
  for (int id : {parts.input, parts.weight, parts.output})
    if (view.tensor(id).shape.numel() / std::max<int64_t>(view.tensor(id).shape[1], 1) > kMaxSize)
      return "a tensor has 2^31 positions or more";
  for (int i = 0; i < attributes.spatial_rank; ++i)
    if (std::max({attributes.stride[i],
                  attributes.dilation[i] * view.tensor(parts.weight).shape[2 + i],
                  attributes.padding_begin[i]}) > kMaxSize / 4)
      return "the kernel spans 2^29 positions or more";
  if (!epilogue_of(operation)) return "has an expression too long for kernels";
  return {};
}

ForwardSlots forward_slots(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  ForwardSlots slots;
  slots.epilogue = *epilogue_of(operation);
  slots.bias = operation.has_input(2);
  slots.inputs = {channels_last_slot(view, operation.input(0)),
                  channels_last_slot(view, operation.input(1))};
  if (slots.bias) slots.inputs.push_back(row_major_slot(operation.input(2)));
  slots.first_input = slots.inputs.size();
  for (const int input : slots.epilogue.inputs)
    slots.inputs.push_back(channels_last_slot(view, input));
  return slots;
}

}  // namespace dn::cuda
