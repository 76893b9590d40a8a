// Max and average pooling, alone and with the relu that follows the maximum, or its gradient before
// the pooling's.
#include "cuda/kernels/pooling.h"

#include <algorithm>
#include <limits>

#include "cuda/channel_layout.h"
#include "engine/patterns.h"

namespace dn::cuda {

namespace {

const dn_pooling_attributes& attributes_of(const Operator& op) {
  return op.attributes<dn_pooling_attributes>();
}

PoolingGeometry geometry_of(const dn_pooling_attributes& attributes, const TensorDeclaration& large,
                            const Shape& small, const LayoutRef& layout) {
  PoolingGeometry g{};
  g.dtype = large.dtype;
  // Row-major is the same where there is nothing to arrange, in both shapes.
  const bool single = positions_of(large.shape) == 1 && positions_of(small) == 1;
  g.channels_last = layout || large.shape[1] == 1 || single;
  g.mode = attributes.mode;
  g.batch = large.shape[0];
  g.channels = (int32_t)large.shape[1];
  const int unused = 3 - attributes.spatial_rank;
  int64_t window = 1;
  for (int i = 0; i < 3; ++i) {
    const int axis = i - unused;
    g.in[i] = axis < 0 ? 1 : (int32_t)large.shape[2 + axis];
    g.out[i] = axis < 0 ? 1 : (int32_t)small[2 + axis];
    g.kernel[i] = axis < 0 ? 1 : (int32_t)attributes.kernel[axis];
    g.stride[i] = axis < 0 ? 1 : (int32_t)attributes.stride[axis];
    g.begin[i] = axis < 0 ? 0 : (int32_t)attributes.padding_begin[axis];
    window *= g.kernel[i];
  }
  g.tap_dtype = window <= 256 ? DN_DTYPE_U8 : DN_DTYPE_I32;
  return g;
}

std::string refuse(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = attributes_of(op);
  for (const Shape* shape : {&view.tensor(op.input(0)).shape, &view.tensor(op.output(0)).shape}) {
    if (shape->numel() / std::max<int64_t>((*shape)[0], 1) > kMaxPoolingSample)
      return "a sample has more than 2^31 elements";
  }
  int64_t window = 1;
  for (int i = 0; i < attributes.spatial_rank; ++i) {
    window *= attributes.kernel[i];
    if (attributes.stride[i] > kMaxPoolingSample || window > kMaxPoolingSample)
      return "the window or its stride is above 2^31";
  }
  return {};
}

KernelPlan plan_forward(const CompileView& view, int index, const std::optional<ReluAfter>& after) {
  const Operator& op = view.op(index);
  const int x = op.input(0), y = after ? after->output : op.output(0);
  const LayoutRef layout = working_layout(view, x);
  const PoolingGeometry g =
      geometry_of(attributes_of(op), view.tensor(x), view.tensor(y).shape, layout);
  const bool tap = op.has_output(1);
  KernelPlan plan;
  plan.inputs = {{x, layout}};
  plan.outputs = {slot_like(view, y, layout)};
  if (tap) plan.outputs.push_back(slot_like(view, op.output(1), layout));
  plan.kernel =
      make_launcher(view, [=, relu = after.has_value()](cudaStream_t stream, const Arguments& a) {
        pooling_forward(stream, {g, a.inputs[0], a.outputs[0], tap ? a.outputs[1] : nullptr, relu});
      });
  return plan;
}

KernelPlan plan_backward(const CompileView& view, int index,
                         const std::optional<ReluGradientOf>& before) {
  const Operator& op = view.op(index);
  const int dy = before ? before->gradient : op.input(0), dx = op.output(0);
  const Shape& large = view.tensor(dx).shape;
  // The forward pass has left the taps in its own arrangement; that of dy, which is no larger, is
  // changed to it. One position of y has no arrangement: dx then comes channels last.
  const LayoutRef layout = positions_of(view.tensor(dy).shape) == 1
                               ? channels_last(large, view.tensor(dx).dtype)
                               : working_layout(view, op.has_input(1) ? op.input(1) : dy);
  const PoolingGeometry g =
      geometry_of(attributes_of(op), view.tensor(dx), view.tensor(dy).shape, layout);
  const bool tap = op.has_input(1), relu = before.has_value();
  KernelPlan plan;
  plan.inputs = {slot_like(view, dy, layout)};
  if (tap) plan.inputs.push_back(slot_like(view, op.input(1), layout));
  if (relu) plan.inputs.push_back(slot_like(view, before->y, layout));
  plan.outputs = {slot_like(view, dx, layout)};
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    pooling_backward(stream, {g, a.inputs[0], tap ? a.inputs[1] : nullptr,
                              relu ? a.inputs[2] : nullptr, a.outputs[0]});
  });
  return plan;
}

KernelPlan plan_tap(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const int x = op.input(0), tap = op.input(1), y = op.output(0);
  // As in backward: the forward pass has arranged the taps.
  const LayoutRef layout = positions_of(view.tensor(tap).shape) == 1 ? working_layout(view, x)
                                                                     : working_layout(view, tap);
  const PoolingGeometry g =
      geometry_of(attributes_of(op), view.tensor(x), view.tensor(y).shape, layout);
  KernelPlan plan;
  plan.inputs = {slot_like(view, x, layout), slot_like(view, tap, layout)};
  plan.outputs = {slot_like(view, y, layout)};
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    pooling_tap(stream, {g, a.inputs[0], a.inputs[1], a.outputs[0]});
  });
  return plan;
}

bool is_max(const Operator& op, int direction) {
  return op.kind() == DN_OPERATOR_POOLING && attributes_of(op).mode == DN_POOLING_MAX &&
         attributes_of(op).direction == direction;
}

class MaxPoolingRelu final : public Candidate {
 public:
  std::string name() const override { return "own:max_pooling_relu"; }
  int kind() const override { return DN_OPERATOR_POOLING; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    const Operator& op = view.op(first);
    reason = is_max(op, DN_FORWARD) ? refuse(view, first) : "not max pooling";
    if (!reason.empty()) return {};
    const auto after = relu_after(view, op.output(0));
    if (after && after->relu && after->residual < 0) return {first, after->op};
    reason = "no relu follows";
    return {};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return plan_forward(view, operators[0], relu_after(view, view.op(operators[0]).output(0)));
  }
};

class MaxPoolingReluBackward final : public Candidate {
 public:
  std::string name() const override { return "own:max_pooling_relu_backward"; }
  int kind() const override { return DN_OPERATOR_POINTWISE; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    const auto relu = relu_gradient_of(view, first);
    if (!relu || relu->other >= 0) {
      reason = "not the gradient of relu alone";
      return {};
    }
    const TensorDeclaration& gradient = view.tensor(relu->output);
    if (!gradient.transient() || gradient.consumers.size() != 1 ||
        !is_max(view.op(gradient.consumers[0]), DN_BACKWARD_DATA)) {
      reason = "the gradient of max pooling does not follow alone";
      return {};
    }
    reason = refuse(view, gradient.consumers[0]);
    return reason.empty() ? std::vector<int>{first, gradient.consumers[0]} : std::vector<int>{};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return plan_backward(view, operators[1], relu_gradient_of(view, operators[0]));
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const auto& attributes = attributes_of(view.op(op));
  if (attributes.mode == DN_POOLING_TAP) return plan_tap(view, op);
  return attributes.direction == DN_FORWARD ? plan_forward(view, op, {})
                                            : plan_backward(view, op, {});
}

const RegisterOperator pooling({"own:pooling", DN_OPERATOR_POOLING, 100, refuse, plan});
const RegisterCandidate relu(std::make_unique<MaxPoolingRelu>());
const RegisterCandidate relu_backward(std::make_unique<MaxPoolingReluBackward>());

}  // namespace

}  // namespace dn::cuda
