#include <cmath>

#include "engine/operator_rule.h"

namespace dn {

namespace {

void check_attributes(const OperatorView& view, const dn_image_decode_attributes& attributes,
                      const Shape& images) {
  view.require(attributes.padding >= 0, "padding is ", attributes.padding, ", expected 0 or more");
  view.require(
      attributes.padding_mode == DN_PADDING_ZERO || attributes.padding_mode == DN_PADDING_REFLECT,
      "padding_mode is ", attributes.padding_mode, ", expected 1 or 2");
  view.require(attributes.padding_mode == DN_PADDING_ZERO || attributes.padding == 0 ||
                   (attributes.padding < images[2] && attributes.padding < images[3]),
               "padding is ", attributes.padding, ", to reflect it must be less than the image ",
               images[2], " x ", images[3]);
  view.require(attributes.flip_probability >= 0 && attributes.flip_probability <= 1,
               "flip_probability is ", attributes.flip_probability, ", expected 0 to 1");
  for (int64_t channel = 0; channel < images[1]; ++channel)
    view.require(
        std::isfinite(attributes.mean[channel]) && std::isfinite(attributes.scale[channel]),
        "mean and scale of channel ", channel, " are ", attributes.mean[channel], " and ",
        attributes.scale[channel], ", expected finite numbers");
}

void check(const OperatorView& view) {
  view.check_counts(1, 2, 1, 2);
  view.expect_rank("images", view.input(0), 4, 4);
  view.expect_dtype("images", view.input(0), DN_DTYPE_U8);
  view.expect_rank("the output", view.output(0), 4, 4);
  const Shape& images = view.input_shape(0);
  const Shape& y = view.output_shape(0);
  view.require(images[1] >= 1 && images[1] <= DN_MAX_IMAGE_CHANNELS, "images is ", images,
               ", expected 1 to ", DN_MAX_IMAGE_CHANNELS, " channels");
  const auto& attributes = view.op().attributes<dn_image_decode_attributes>();
  check_attributes(view, attributes, images);
  const DType dtype = view.output(0).dtype;
  if (dtype != DN_DTYPE_F32 && dtype != DN_DTYPE_F16 && dtype != DN_DTYPE_BF16)
    view.mismatch("the output is ", name_of(dtype), ", expected float32, float16 or bfloat16");
  view.expect_shape("the output", view.output(0), {images[0], images[1], y[2], y[3]});
  if (y[2] > images[2] + 2 * attributes.padding || y[3] > images[3] + 2 * attributes.padding)
    view.mismatch("the output ", y, " is larger than images ", images, " with padding ",
                  attributes.padding);
  if (!view.op().has_input(1)) {
    view.require(!view.op().has_output(1), "output 1 is a state, but there is no input 1");
    view.require(attributes.flip_probability == 0, "flip_probability is ",
                 attributes.flip_probability, ", but there is no state");
    return;
  }
  view.expect_dtype("state", view.input(1), DN_DTYPE_I64);
  view.expect_shape("state", view.input(1), {2});
  view.require(view.op().output(1) == view.op().input(1), "output 1 must be the state of input 1");
}

const RegisterRule rule({DN_OPERATOR_IMAGE_DECODE, "ImageDecode",
                         sizeof(dn_image_decode_attributes), nullptr, check, nullptr});

}  // namespace

}  // namespace dn
