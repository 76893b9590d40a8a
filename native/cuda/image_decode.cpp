// Images of bytes to normalised numbers, placed, bent and recoloured at random.
#include "cuda/kernels/image_decode.h"

#include <limits>

#include "cuda/candidates.h"
#include "engine/image_augment.h"
#include "engine/optional_slots.h"

namespace dn::cuda {

namespace {

// The kernel counts an image's positions, padding included, and its blocks in 32 bits.
std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const int64_t padding = operation.attributes<dn_image_decode_attributes>().padding;
  const Shape& images = view.tensor(operation.input(0)).shape;
  const Shape& y = view.tensor(operation.output(0)).shape;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() / 4;
  const int64_t height = images[2] + 2 * padding + 2, width = images[3] + 2 * padding + 2;
  if (height > augment::kMaxSide || width > augment::kMaxSide) return augment::kSideTooLong;
  const bool fits = y[2] * y[3] <= kMost && images[0] * (y[2] * y[3] / 256 + 1) <= kMost;
  return fits ? "" : "more than 2^29 positions";
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& images = view.tensor(operation.input(0)).shape;
  const TensorDeclaration& y = view.tensor(operation.output(0));
  ImageDecodeParams params;
  params.attributes = operation.attributes<dn_image_decode_attributes>();
  params.dtype = y.dtype;
  params.count = images[0];
  params.channels = (int32_t)images[1];
  params.height = (int32_t)images[2];
  params.width = (int32_t)images[3];
  params.out_height = (int32_t)y.shape[2];
  params.out_width = (int32_t)y.shape[3];
  if (operation.has_input(2)) params.mask_dtype = view.tensor(operation.input(2)).dtype;
  KernelPlan plan;
  const OptionalSlots inputs(operation.inputs(), plan.inputs);
  const OptionalSlots outputs(operation.outputs(), plan.outputs);
  plan.outputs[0] = channels_last_slot(view, operation.output(0));
  const bool random = operation.has_input(1), masks = operation.has_input(2);
  plan.kernel = make_launcher(view, [params, inputs, outputs, random, masks](
                                        cudaStream_t stream, const Arguments& a) mutable {
    params.images = inputs.get<const uint8_t>(a.inputs, 0);
    params.masks = inputs.get<const void>(a.inputs, 2);
    params.state = random ? outputs.get<int64_t>(a.outputs, masks ? 2 : 1) : nullptr;
    params.y = a.outputs[0];
    params.mask_y = masks ? outputs.get<int32_t>(a.outputs, 1) : nullptr;
    image_decode(stream, params);
  });
  return plan;
}

const RegisterOperator image_decode_candidate({"own:image_decode", DN_OPERATOR_IMAGE_DECODE, 100,
                                               refuse, plan});

}  // namespace

}  // namespace dn::cuda
