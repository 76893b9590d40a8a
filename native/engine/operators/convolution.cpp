#include "engine/operator_rule.h"

namespace dn {

namespace {

constexpr int kFirstEpilogueInput = 3;
constexpr int kMaxEpilogueInputs = 16;

void adopt(Operator& op) {
  op.adopt_expression(&dn_convolution_attributes::epilogue);
}

// The three tensors of a convolution, whichever of them is computed.
struct Roles {
  const TensorDeclaration& input;
  const TensorDeclaration& weight;
  const TensorDeclaration& output;
};

Roles roles_of(const OperatorView& view) {
  switch (view.op().attributes<dn_convolution_attributes>().direction) {
    case DN_BACKWARD_DATA:
      return {view.output(0), view.input(1), view.input(0)};
    case DN_BACKWARD_WEIGHT:
      return {view.input(0), view.output(0), view.input(1)};
    default:
      return {view.input(0), view.input(1), view.output(0)};
  }
}

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_convolution_attributes>();
  view.require(attributes.direction >= DN_FORWARD && attributes.direction <= DN_BACKWARD_WEIGHT,
               "direction is ", attributes.direction, ", expected 1 to 3");
  const bool forward = attributes.direction == DN_FORWARD;
  const bool weight_gradient = attributes.direction == DN_BACKWARD_WEIGHT;
  view.check_counts(2, forward ? kFirstEpilogueInput + kMaxEpilogueInputs : 2, 1,
                    weight_gradient ? 2 : 1);
  const DType dtype = view.input(0).dtype;
  view.expect_float(forward || weight_gradient ? "the input" : "grad_output", view.input(0));
  view.expect_dtype(weight_gradient ? "grad_output" : "weight", view.input(1), dtype);
  if (weight_gradient) {
    view.expect_dtype_or_float32("grad_weight", view.output(0), dtype);
    if (view.op().has_output(1)) view.expect_dtype_or_float32("grad_bias", view.output(1), dtype);
  } else {
    view.expect_dtype(forward ? "the output" : "grad_input", view.output(0), dtype);
  }
  if (forward && view.op().has_input(2)) view.expect_dtype_or_float32("bias", view.input(2), dtype);
  for (int slot = kFirstEpilogueInput; forward && slot < (int)view.op().inputs().size(); ++slot)
    view.expect_dtype("an epilogue input", view.input(slot), dtype);
  const int spatial = attributes.spatial_rank;
  view.require(spatial >= 1 && spatial <= DN_MAX_SPATIAL_RANK, "spatial_rank is ", spatial,
               ", expected 1 to ", DN_MAX_SPATIAL_RANK);
  const int64_t groups = attributes.groups;
  view.require(groups >= 1, "groups is ", groups, ", expected at least 1");

  const Roles roles = roles_of(view);
  view.expect_rank("the input", roles.input, spatial + 2, spatial + 2);
  view.expect_rank("weight", roles.weight, spatial + 2, spatial + 2);
  view.expect_rank("the output", roles.output, spatial + 2, spatial + 2);
  const Shape &x = roles.input.shape, &w = roles.weight.shape, &y = roles.output.shape;
  const int64_t channels = x[1], out_channels = w[0];
  if (channels % groups != 0 || out_channels % groups != 0)
    view.mismatch("groups ", groups, " does not divide ", channels, " input and ", out_channels,
                  " output channels");
  if (w[1] != channels / groups)
    view.mismatch("the input ", x, " has ", channels, " channels in ", groups,
                  " groups, but weight is ", w, ", for ", w[1] * groups, " channels");

  int64_t dims[DN_MAX_RANK] = {x[0], out_channels};
  for (int i = 0; i < spatial; ++i) {
    view.require(attributes.stride[i] >= 1, "stride is ", attributes.stride[i],
                 ", expected at least 1");
    view.require(attributes.dilation[i] >= 1, "dilation is ", attributes.dilation[i],
                 ", expected at least 1");
    view.require(attributes.padding_begin[i] >= 0 && attributes.padding_end[i] >= 0,
                 "padding is negative");
    view.require(w[2 + i] >= 1, "weight is ", w, ", with an empty kernel");
    const int64_t span = (w[2 + i] - 1) * attributes.dilation[i] + 1;
    const int64_t padded = x[2 + i] + attributes.padding_begin[i] + attributes.padding_end[i];
    if (padded < span)
      view.mismatch("the kernel spans ", span, ", but the padded input has ", padded,
                    " along spatial axis ", i, ": input ", x, ", weight ", w);
    dims[2 + i] = (padded - span) / attributes.stride[i] + 1;
  }
  const Shape expected(spatial + 2, dims);
  if (!(y == expected))
    view.mismatch(forward ? "the output" : "grad_output", " is ", y, ", expected ", expected,
                  " for input ", x, " and weight ", w);
  if (forward && view.op().has_input(2)) view.expect_shape("bias", view.input(2), {out_channels});
  if (weight_gradient && view.op().has_output(1))
    view.expect_shape("grad_bias", view.output(1), {out_channels});
  if (forward) {
    for (int slot = kFirstEpilogueInput; slot < (int)view.op().inputs().size(); ++slot)
      view.expect_shape("an epilogue input", view.input(slot), y);
  }
  view.require(forward || view.op().expression().empty(),
               "only the forward direction has an epilogue");
  if (!view.op().expression().empty())
    check_expression(view, 1 + std::max(0, (int)view.op().inputs().size() - kFirstEpilogueInput),
                     1);
}

int64_t operations(const OperatorView& view) {
  const Roles roles = roles_of(view);
  const Shape& weight = roles.weight.shape;
  return 2 * roles.output.shape.numel() * (weight.numel() / std::max<int64_t>(weight[0], 1));
}

const RegisterRule rule({DN_OPERATOR_CONVOLUTION, "Convolution", sizeof(dn_convolution_attributes),
                         adopt, check, operations});

}  // namespace

}  // namespace dn
