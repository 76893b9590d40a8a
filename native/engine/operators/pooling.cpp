#include "engine/operator_rule.h"

namespace dn {

namespace {

constexpr int64_t kMaxTapU8 = 256;

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_pooling_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  const bool max = attributes.mode == DN_POOLING_MAX;
  const bool take = attributes.mode == DN_POOLING_TAP;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(attributes.mode >= DN_POOLING_MAX && attributes.mode <= DN_POOLING_TAP, "mode is ",
               attributes.mode, ", expected 1 to 4");
  view.require(forward || !take,
               "mode 4, tap, has no backward direction: it is that of mode 1, max");
  if (forward)
    view.check_counts(take ? 2 : 1, take ? 2 : 1, 1, max ? 2 : 1);
  else
    view.check_counts(max ? 2 : 1, max ? 2 : 1, 1, 1);
  const int spatial = attributes.spatial_rank;
  view.require(spatial >= 1 && spatial <= DN_MAX_SPATIAL_RANK, "spatial_rank is ", spatial,
               ", expected 1 to ", DN_MAX_SPATIAL_RANK);

  const TensorDeclaration& large = forward ? view.input(0) : view.output(0);
  const TensorDeclaration& small = forward ? view.output(0) : view.input(0);
  view.expect_float("the input", view.input(0));
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_rank("the input", large, spatial + 2, spatial + 2);
  int64_t dims[DN_MAX_RANK] = {large.shape[0], large.shape[1]};
  int64_t window = 1;
  for (int i = 0; i < spatial; ++i) {
    const int64_t kernel = attributes.kernel[i], stride = attributes.stride[i];
    const int64_t begin = attributes.padding_begin[i], end = attributes.padding_end[i];
    view.require(kernel >= 1 && stride >= 1, "kernel is ", kernel, " and stride ", stride,
                 ", expected at least 1");
    view.require(begin >= 0 && end >= 0 && begin < kernel && end < kernel, "padding is ", begin,
                 " and ", end, ", expected 0 to kernel - 1 = ", kernel - 1);
    const int64_t padded = large.shape[2 + i] + begin + end;
    if (padded < kernel)
      view.mismatch("the window is ", kernel, ", but the padded input has ", padded,
                    " along spatial axis ", i, ": ", large.shape);
    dims[2 + i] = (padded - kernel) / stride + 1;
    view.require((dims[2 + i] - 1) * stride - begin < large.shape[2 + i],
                 "the last window lies wholly in the padding along spatial axis ", i);
    window *= kernel;
  }
  const Shape expected(spatial + 2, dims);
  view.expect_shape(forward ? "the output" : "grad_output", small, expected);
  const bool tap_is_input = take || (max && !forward);
  if (!tap_is_input && !(max && view.op().has_output(1))) return;
  const TensorDeclaration& tap = tap_is_input ? view.input(1) : view.output(1);
  view.expect_shape("tap", tap, expected);
  view.expect_dtype("tap", tap, window <= kMaxTapU8 ? DN_DTYPE_U8 : DN_DTYPE_I32);
}

int64_t operations(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_pooling_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  int64_t window = 1;
  for (int i = 0; i < attributes.spatial_rank && attributes.mode != DN_POOLING_TAP; ++i)
    window *= attributes.kernel[i];
  return window * (forward ? view.output_shape(0) : view.input_shape(0)).numel();
}

const RegisterRule rule({DN_OPERATOR_POOLING, "Pooling", sizeof(dn_pooling_attributes), nullptr,
                         check, operations});

}  // namespace

}  // namespace dn
