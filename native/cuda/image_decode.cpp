// Images of bytes to normalised numbers, cropped and mirrored.
#include "cuda/kernels/image_decode.h"

#include <limits>

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

// The kernel counts an image's positions, padding included, and its blocks in 32 bits.
std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const int64_t padding = operation.attributes<dn_image_decode_attributes>().padding;
  const Shape& images = view.tensor(operation.input(0)).shape;
  const Shape& y = view.tensor(operation.output(0)).shape;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() / 4;
  const bool fits = images[2] + 2 * padding <= kMost && images[3] + 2 * padding <= kMost &&
                    y[2] * y[3] <= kMost && images[0] * (y[2] * y[3] / 256 + 1) <= kMost;
  return fits ? "" : "more than 2^29 positions";
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_image_decode_attributes>();
  const Shape& images = view.tensor(operation.input(0)).shape;
  const TensorDeclaration& y = view.tensor(operation.output(0));
  const bool random = operation.has_input(1);
  ImageDecodeParams params;
  params.dtype = y.dtype;
  params.count = images[0];
  params.channels = (int32_t)images[1];
  params.height = (int32_t)images[2];
  params.width = (int32_t)images[3];
  params.out_height = (int32_t)y.shape[2];
  params.out_width = (int32_t)y.shape[3];
  params.padding = attributes.padding;
  params.padding_mode = (dn_padding_mode)attributes.padding_mode;
  params.flip_probability = attributes.flip_probability;
  params.stream = attributes.stream;
  for (int channel = 0; channel < params.channels; ++channel) {
    params.mean[channel] = attributes.mean[channel];
    params.scale[channel] = attributes.scale[channel];
  }
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  if (random) {
    plan.inputs.push_back(row_major_slot(operation.input(1)));
    plan.outputs.push_back(row_major_slot(operation.output(1)));
  }
  plan.kernel =
      make_launcher(view, [params, random](cudaStream_t stream, const Arguments& a) mutable {
        params.images = in<uint8_t>(a, 0);
        params.state = random ? out<int64_t>(a, 1) : nullptr;
        params.y = a.outputs[0];
        image_decode(stream, params);
      });
  return plan;
}

const RegisterOperator image_decode_candidate({"own:image_decode", DN_OPERATOR_IMAGE_DECODE, 100,
                                               refuse, plan});

}  // namespace

}  // namespace dn::cuda
