#include <cmath>

#include "engine/image_augment.h"
#include "engine/operator_rule.h"

namespace dn {

namespace {

void require_within(const OperatorView& view, const char* name, float value, float most) {
  view.require(value >= 0 && value <= most, name, " is ", value, ", expected 0 to ", most);
}

void check_normalization(const OperatorView& view, const dn_image_decode_attributes& attributes,
                         int64_t channels) {
  for (int64_t channel = 0; channel < channels; ++channel)
    view.require(
        std::isfinite(attributes.mean[channel]) && std::isfinite(attributes.scale[channel]),
        "mean and scale of channel ", channel, " are ", attributes.mean[channel], " and ",
        attributes.scale[channel], ", expected finite numbers");
}

void check_elastic(const OperatorView& view, const dn_image_decode_attributes& a, const Shape& y) {
  require_within(view, "elastic", a.elastic, 1e6f);
  if (a.elastic == 0) return;
  view.require(a.elastic_pitch > 0 && std::isfinite(a.elastic_pitch), "elastic_pitch is ",
               a.elastic_pitch, ", expected above 0");
  const int64_t rows = augment::elastic_nodes(y[2], a.elastic_pitch);
  const int64_t columns = augment::elastic_nodes(y[3], a.elastic_pitch);
  view.require(rows * columns <= augment::kMostNodes, "elastic_pitch is ", a.elastic_pitch,
               ", which makes ", rows, " x ", columns, " nodes over the output ", y,
               ", expected at most ", augment::kMostNodes);
}

void check_colors(const OperatorView& view, const dn_image_decode_attributes& a, int64_t channels) {
  require_within(view, "brightness", a.brightness, 1);
  require_within(view, "contrast", a.contrast, 1);
  require_within(view, "saturation", a.saturation, 1);
  require_within(view, "hue", a.hue, 0.5f);
  bool lit = false;
  for (float number : a.lighting) {
    view.require(std::isfinite(number), "lighting holds ", number, ", expected finite numbers");
    lit = lit || number != 0;
  }
  view.require(channels == 3 || (a.saturation == 0 && a.hue == 0 && !lit),
               "saturation, hue and lighting need 3 channels, images have ", channels);
}

void check_attributes(const OperatorView& view, const dn_image_decode_attributes& attributes,
                      const Shape& images, const Shape& y) {
  view.require(attributes.padding >= 0, "padding is ", attributes.padding, ", expected 0 or more");
  view.require(
      attributes.padding_mode == DN_PADDING_ZERO || attributes.padding_mode == DN_PADDING_REFLECT,
      "padding_mode is ", attributes.padding_mode, ", expected 1 or 2");
  view.require(attributes.padding_mode == DN_PADDING_ZERO || attributes.padding == 0 ||
                   (attributes.padding < images[2] && attributes.padding < images[3]),
               "padding is ", attributes.padding, ", to reflect it must be less than the image ",
               images[2], " x ", images[3]);
  require_within(view, "flip_probability", attributes.flip_probability, 1);
  require_within(view, "vertical_flip_probability", attributes.vertical_flip_probability, 1);
  require_within(view, "shift", attributes.shift, 1);
  require_within(view, "rotation", attributes.rotation, 0.5f);
  require_within(view, "log_zoom", attributes.log_zoom, 2);
  require_within(view, "shear", attributes.shear, 0.24f);
  view.require(attributes.cutout >= 0, "cutout is ", attributes.cutout, ", expected 0 or more");
  check_elastic(view, attributes, y);
  check_colors(view, attributes, images[1]);
  check_normalization(view, attributes, images[1]);
}

// Without a state nothing may vary.
void check_still(const OperatorView& view) {
  const auto& a = view.op().attributes<dn_image_decode_attributes>();
  const int state = view.op().has_input(2) ? 2 : 1;
  view.require(!view.op().has_output(state), "output ", state,
               " is a state, but there is no input 1");
  view.require(a.flip_probability == 0, "flip_probability is ", a.flip_probability,
               ", but there is no state");
  const augment::Settings settings = augment::settings_of(a, true, 1, 1, 1, 1, 1);
  view.require(
      a.vertical_flip_probability == 0 && a.cutout == 0 && !settings.samples && !settings.colors,
      "geometry, colours and cutout are random, but there is no state");
}

void check_masks(const OperatorView& view, const Shape& images, const Shape& y) {
  if (!view.op().has_input(2)) {
    view.require(!view.op().has_output(2), "output 2 needs masks, but there is no input 2");
    return;
  }
  const TensorDeclaration& masks = view.input(2);
  if (masks.dtype != DN_DTYPE_U8 && masks.dtype != DN_DTYPE_I32)
    view.mismatch("masks is ", name_of(masks.dtype), ", expected uint8 or int32");
  if (masks.shape.rank() == 4)
    view.expect_shape("masks", masks, {images[0], 1, images[2], images[3]});
  else
    view.expect_shape("masks", masks, {images[0], images[2], images[3]});
  view.expect_dtype("mask windows", view.output(1), DN_DTYPE_I32);
  view.expect_shape("mask windows", view.output(1), {images[0], y[2], y[3]});
}

void check(const OperatorView& view) {
  view.check_counts(1, 3, 1, 3);
  view.expect_rank("images", view.input(0), 4, 4);
  view.expect_dtype("images", view.input(0), DN_DTYPE_U8);
  view.expect_rank("the output", view.output(0), 4, 4);
  const Shape& images = view.input_shape(0);
  const Shape& y = view.output_shape(0);
  view.require(images[1] >= 1 && images[1] <= DN_MAX_IMAGE_CHANNELS, "images is ", images,
               ", expected 1 to ", DN_MAX_IMAGE_CHANNELS, " channels");
  const auto& attributes = view.op().attributes<dn_image_decode_attributes>();
  check_attributes(view, attributes, images, y);
  const DType dtype = view.output(0).dtype;
  if (dtype != DN_DTYPE_F32 && dtype != DN_DTYPE_F16 && dtype != DN_DTYPE_BF16)
    view.mismatch("the output is ", name_of(dtype), ", expected float32, float16 or bfloat16");
  view.expect_shape("the output", view.output(0), {images[0], images[1], y[2], y[3]});
  if (y[2] > images[2] + 2 * attributes.padding || y[3] > images[3] + 2 * attributes.padding)
    view.mismatch("the output ", y, " is larger than images ", images, " with padding ",
                  attributes.padding);
  check_masks(view, images, y);
  if (!view.op().has_input(1)) return check_still(view);
  view.expect_dtype("state", view.input(1), DN_DTYPE_I64);
  view.expect_shape("state", view.input(1), {2});
  const int state = view.op().has_input(2) ? 2 : 1;
  view.require(view.op().output(state) == view.op().input(1), "output ", state,
               " must be the state of input 1");
}

const RegisterRule rule({DN_OPERATOR_IMAGE_DECODE, "ImageDecode",
                         sizeof(dn_image_decode_attributes), nullptr, check, nullptr});

}  // namespace

}  // namespace dn
