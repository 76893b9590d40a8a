// Convolution, max pooling and relu as one kernel, and their gradients: max pooling sends a
// gradient to one position a window, so the convolution's gradients need only that share of the
// arithmetic.
#include "cpu/kernels/conv_pool.h"

#include "cpu/epilogue.h"
#include "engine/patterns.h"

namespace dn::cpu {

namespace {

using Tag = dnnl::memory::format_tag;
constexpr int64_t kBlock = 16;

// The consumers of a tensor, if only operators of these kinds read it.
const Operator* only_consumer(const CompileView& view, int tensor, int kind, int& index) {
  const auto& consumers = view.tensor(tensor).consumers;
  if (!view.tensor(tensor).transient() || consumers.size() != 1) return nullptr;
  index = consumers[0];
  return view.op(index).kind() == kind ? &view.op(index) : nullptr;
}

// What the kernels need to know of the convolution and the pooling; empty text when they fit.
std::string fill(const dn_convolution_attributes& c, const dn_pooling_attributes& p, const Shape& x,
                 const Shape& w, ConvPoolParams& params) {
  if (c.spatial_rank != 2 || c.groups != 1) return "needs two spatial axes and one group";
  for (int i = 0; i < 2; ++i) {
    if (c.stride[i] != 1 || c.dilation[i] != 1) return "needs stride 1 and dilation 1";
    if (p.kernel[i] != p.stride[i] || p.padding_begin[i] != 0 || p.padding_end[i] != 0)
      return "needs pooling windows that neither overlap nor are padded";
  }
  params.batch = x[0], params.channels = x[1], params.height = x[2], params.width = x[3];
  params.out_channels = w[0], params.kernel_h = w[2], params.kernel_w = w[3];
  params.pad_top = c.padding_begin[0], params.pad_left = c.padding_begin[1];
  params.pad_bottom = c.padding_end[0], params.pad_right = c.padding_end[1];
  params.pool_h = p.kernel[0], params.pool_w = p.kernel[1];
  params.x_layout.column = 1;  // can_run looks at it; plan() sets the others
  return {};
}

std::string check(ConvPoolParams& params, std::initializer_list<ConvPoolPass> passes) {
  for (ConvPoolPass pass : passes)
    if (const char* reason = conv_pool_can_run(params, pass)) return reason;
  return {};
}

// Strides of an activation in 16-channel vectors; `planar` counts single channels instead.
ConvPoolLayout strides_of(const Shape& shape, const LayoutRef& layout, bool planar) {
  const int64_t c = shape[1], h = shape[2], w = shape[3];
  const int64_t block = channel_view(shape, layout)->block;
  if (block == 1) return {c * h * w, (planar ? 1 : kBlock) * h * w, w, 1, planar ? 1 : h * w};
  if (block == kBlock && c != kBlock) return {c * h * w, kBlock * h * w, w * kBlock, kBlock, 1};
  return {c * h * w, kBlock, w * c, c, 1};
}

// Layouts that the kernels can read and write: 16-channel vectors, or all channels side by side.
LayoutRef vector_layout(const CompileView& view, int tensor) {
  const Shape& shape = view.tensor(tensor).shape;
  const LayoutRef layout = channel_layout(view, tensor);
  const int64_t block = channel_view(shape, layout)->block;
  if (layout && (block == kBlock || block == shape[1])) return layout;
  return layout_of(DN_DTYPE_F32, shape, Tag::nChw16c);
}

LayoutRef input_layout(const CompileView& view, int tensor, bool planar) {
  return planar ? nullptr : vector_layout(view, tensor);
}

LayoutRef weight_layout(const Shape& weight, bool planar) {
  return layout_of(DN_DTYPE_F32, weight, planar ? Tag::Ohwi16o : Tag::OIhw16i16o);
}

LayoutRef tap_layout(const Shape& tap) {
  return layout_of(DN_DTYPE_U8, tap, Tag::nhwc);
}

bool is_max_pooling(const Operator& op, int direction) {
  const auto& attributes = op.attributes<dn_pooling_attributes>();
  return attributes.mode == DN_POOLING_MAX && attributes.direction == direction &&
         attributes.spatial_rank == 2;
}

// ---- forward ----

struct Forward {
  int convolution = -1, pooling = -1, relu = -1;
  int output = -1;  // the last of them writes it
  ConvPoolParams params{};
};

std::string find_forward(const CompileView& view, int first, Forward& found) {
  const Operator& convolution = view.op(first);
  const auto& attributes = convolution.attributes<dn_convolution_attributes>();
  if (attributes.direction != DN_FORWARD) return "not the forward direction";
  if (!convolution.expression().empty()) return "an epilogue stands before the pooling";
  const Operator* pooling =
      only_consumer(view, convolution.output(0), DN_OPERATOR_POOLING, found.pooling);
  if (!pooling || !is_max_pooling(*pooling, DN_FORWARD)) return "max pooling does not follow";
  found.convolution = first;
  found.output = pooling->output(0);
  const std::string reason = fill(attributes, pooling->attributes<dn_pooling_attributes>(),
                                  view.tensor(convolution.input(0)).shape,
                                  view.tensor(convolution.input(1)).shape, found.params);
  if (!reason.empty()) return reason;
  if (pooling->has_output(1) && view.tensor(pooling->output(1)).dtype != DN_DTYPE_U8)
    return "the window has more than 256 positions";
  const Operator* relu = only_consumer(view, found.output, DN_OPERATOR_POINTWISE, found.relu);
  if (relu && is_relu(relu->expression())) {
    found.output = relu->output(0);
    found.params.relu = true;
  } else {
    found.relu = -1;
  }
  return check(found.params, {ConvPoolPass::Forward});
}

class ConvPoolForward final : public Candidate {
 public:
  std::string name() const override { return "own:conv_pool"; }
  int kind() const override { return DN_OPERATOR_CONVOLUTION; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    Forward found;
    reason = refuse_other_than_float32(view, first);
    if (reason.empty()) reason = find_forward(view, first, found);
    if (!reason.empty()) return {};
    std::vector<int> operators{found.convolution, found.pooling};
    if (found.relu >= 0) operators.push_back(found.relu);
    return operators;
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    Forward f;
    find_forward(view, operators[0], f);
    const Operator& convolution = view.op(f.convolution);
    const Operator& pooling = view.op(f.pooling);
    const int x = convolution.input(0), w = convolution.input(1);
    const bool planar = f.params.planar();
    const Shape& y_shape = view.tensor(f.output).shape;
    const LayoutRef x_layout = input_layout(view, x, planar);
    const LayoutRef y_layout = wanted_by_consumers(view, f.output);
    f.params.x_layout = strides_of(view.tensor(x).shape, x_layout, planar);
    f.params.y_layout = strides_of(y_shape, y_layout, false);

    KernelPlan plan;
    plan.inputs = {{x, x_layout}, {w, weight_layout(view.tensor(w).shape, planar)}};
    const bool bias = convolution.has_input(2), tap = pooling.has_output(1);
    if (bias) plan.inputs.push_back(row_major_slot(convolution.input(2)));
    plan.outputs = {{f.output, y_layout}};
    if (tap) plan.outputs.push_back({pooling.output(1), tap_layout(y_shape)});
    const int threads = device_of(view).threads();
    plan.scratch_bytes = (int64_t)conv_pool_scratch_bytes(f.params, ConvPoolPass::Forward, threads);
    plan.kernel = make_kernel([=, params = f.params](const Arguments& a) {
      DN_SELECT_ISA(conv_pool_forward)
          .forward(params, in(a, 0), in(a, 1), bias ? in(a, 2) : nullptr, out(a, 0),
                   tap ? static_cast<uint8_t*>(a.outputs[1]) : nullptr, a.scratch, threads);
    });
    return plan;
  }

 private:
  // What is flattened next is written row-major at once.
  static LayoutRef wanted_by_consumers(const CompileView& view, int tensor) {
    for (int consumer : view.tensor(tensor).consumers)
      if (view.op(consumer).kind() == DN_OPERATOR_RESHAPE) return nullptr;
    if (!view.tensor(tensor).transient() && !view.free(tensor)) return channel_layout(view, tensor);
    return layout_of(DN_DTYPE_F32, view.tensor(tensor).shape, Tag::nChw16c);
  }
};

// ---- backward ----

struct Backward {
  int relu = -1, pooling = -1, weight = -1, data = -1;  // operators
  int grad = -1, output = -1;  // tensors: the pooled gradient; the relu's output, if there is one
  ConvPoolParams params{};

  std::vector<int> operators() const {
    std::vector<int> all;
    for (int op : {relu, pooling, weight, data})
      if (op >= 0) all.push_back(op);
    std::ranges::sort(all);
    return all;
  }
};

std::string find_backward(const CompileView& view, int first, Backward& found) {
  found.pooling = first;
  if (view.op(first).kind() == DN_OPERATOR_POINTWISE) {
    const Operator& relu = view.op(first);
    if (!is_relu_gradient(relu.expression())) return "not the gradient of relu";
    if (!only_consumer(view, relu.output(0), DN_OPERATOR_POOLING, found.pooling))
      return "the gradient of max pooling does not follow";
    found.relu = first;
    found.grad = relu.input(0);
    found.output = relu.input(1);
    if (!(view.tensor(found.grad).shape == view.tensor(found.output).shape))
      return "the gradient is broadcast";
  }
  const Operator& pooling = view.op(found.pooling);
  if (!is_max_pooling(pooling, DN_BACKWARD_DATA)) return "not the gradient of max pooling";
  if (found.grad < 0) found.grad = pooling.input(0);
  if (view.tensor(pooling.input(1)).dtype != DN_DTYPE_U8)
    return "the window has more than 256 positions";
  const int dense = pooling.output(0);
  if (!view.tensor(dense).transient()) return "the dense gradient is asked for";
  for (int consumer : view.tensor(dense).consumers) {
    const Operator& op = view.op(consumer);
    if (op.kind() != DN_OPERATOR_CONVOLUTION)
      return "the dense gradient is used by another operator";
    const int direction = op.attributes<dn_convolution_attributes>().direction;
    if (direction == DN_BACKWARD_WEIGHT && found.weight < 0 && op.input(1) == dense)
      found.weight = consumer;
    else if (direction == DN_BACKWARD_DATA && found.data < 0 && op.input(0) == dense)
      found.data = consumer;
    else
      return "the dense gradient is used by another convolution";
  }
  if (found.weight < 0) return "the gradient of the weight does not follow";
  const Operator& weight = view.op(found.weight);
  const auto& attributes = weight.attributes<dn_convolution_attributes>();
  const std::string reason =
      fill(attributes, pooling.attributes<dn_pooling_attributes>(),
           view.tensor(weight.input(0)).shape, view.tensor(weight.output(0)).shape, found.params);
  if (!reason.empty()) return reason;
  if (found.data >= 0) {
    ConvPoolParams other;
    const Operator& data = view.op(found.data);
    fill(data.attributes<dn_convolution_attributes>(), pooling.attributes<dn_pooling_attributes>(),
         view.tensor(data.output(0)).shape, view.tensor(data.input(1)).shape, other);
    if (other.kernel_h != found.params.kernel_h || other.kernel_w != found.params.kernel_w ||
        other.channels != found.params.channels || other.height != found.params.height ||
        other.pad_top != found.params.pad_top || other.pad_left != found.params.pad_left)
      return "the two gradients belong to different convolutions";
    const std::string refusal = check(found.params, {ConvPoolPass::BackwardData});
    if (!refusal.empty()) return refusal;
  }
  return check(found.params, {ConvPoolPass::BackwardWeight});
}

class ConvPoolBackward final : public Candidate {
 public:
  explicit ConvPoolBackward(int kind) : kind_(kind) {}
  std::string name() const override {
    return kind_ == DN_OPERATOR_POOLING ? "own:conv_pool_backward" : "own:conv_pool_relu_backward";
  }
  int kind() const override { return kind_; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    Backward found;
    reason = refuse_other_than_float32(view, first);
    if (reason.empty()) reason = find_backward(view, first, found);
    return reason.empty() ? found.operators() : std::vector<int>{};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    Backward b;
    find_backward(view, operators[0], b);
    const Operator& weight = view.op(b.weight);
    const Operator& pooling = view.op(b.pooling);
    const int x = weight.input(0), dw = weight.output(0), tap = pooling.input(1);
    const bool planar = b.params.planar();
    const bool relu = b.relu >= 0, bias = weight.has_output(1), data = b.data >= 0;
    const LayoutRef x_layout = input_layout(view, x, planar);
    const LayoutRef y_layout = channel_layout(view, relu ? b.output : b.grad);
    b.params.x_layout = strides_of(view.tensor(x).shape, x_layout, planar);
    b.params.y_layout = strides_of(view.tensor(b.grad).shape, y_layout, false);

    KernelPlan plan;
    const LayoutRef w_layout = weight_layout(view.tensor(dw).shape, planar);
    plan.inputs = {{b.grad, y_layout}, {tap, tap_layout(view.tensor(tap).shape)}, {x, x_layout}};
    const int y_slot = relu ? (int)plan.inputs.size() : -1;
    if (relu) plan.inputs.push_back({b.output, y_layout});
    const int w_slot = (int)plan.inputs.size();
    if (data) plan.inputs.push_back({view.op(b.data).input(1), w_layout});
    plan.outputs = {{dw, w_layout}};
    if (bias) plan.outputs.push_back(row_major_slot(weight.output(1)));
    const int dx_slot = (int)plan.outputs.size();
    if (data) plan.outputs.push_back({view.op(b.data).output(0), x_layout});
    const int threads = device_of(view).threads();
    plan.scratch_bytes = (int64_t)std::max(
        conv_pool_scratch_bytes(b.params, ConvPoolPass::BackwardWeight, threads),
        data ? conv_pool_scratch_bytes(b.params, ConvPoolPass::BackwardData, threads) : 0);
    plan.kernel = make_kernel([=, params = b.params](const Arguments& a) {
      const ConvPoolBackwardTable& table = DN_SELECT_ISA(conv_pool_backward);
      const float* y = relu ? in(a, y_slot) : nullptr;
      const auto* taps = static_cast<const uint8_t*>(a.inputs[1]);
      table.backward_weight(params, in(a, 0), y, taps, in(a, 2), out(a, 0),
                            bias ? out(a, 1) : nullptr, GradMode::Overwrite, a.scratch, threads);
      if (data)
        table.backward_data(params, in(a, 0), y, taps, in(a, w_slot), out(a, dx_slot),
                            GradMode::Overwrite, a.scratch, threads);
    });
    return plan;
  }

 private:
  int kind_;
};

const RegisterCandidate forward(std::make_unique<ConvPoolForward>());
const RegisterCandidate backward(std::make_unique<ConvPoolBackward>(DN_OPERATOR_POOLING));
const RegisterCandidate relu_backward(std::make_unique<ConvPoolBackward>(DN_OPERATOR_POINTWISE));

}  // namespace

}  // namespace dn::cpu
