// Padding by a constant, by reflection and by the edge, forward and backward, in the layout that the
// input has.
#include <algorithm>
#include <cstring>

#include "cpu/arrangement.h"
#include "cpu/kernels/strided_copy.h"

namespace dn::cpu {

namespace {

struct Pad {
  MovedAxes axes;  // joined, outermost first
  std::vector<int64_t> x_strides, y_strides;
  int mode = DN_PAD_CONSTANT;
  int threads = 1;
  int64_t work = 0;

  size_t last() const { return axes.size() - 1; }
};

// Where element `at` of y comes from; -1: from nowhere.
int64_t source_of(const MovedAxis& axis, int mode, int64_t at) {
  int64_t from = at - axis.begin;
  if (mode == DN_PAD_EDGE) return std::clamp<int64_t>(from, 0, axis.x - 1);
  if (mode == DN_PAD_REFLECT) {
    if (from < 0) from = -from;
    return from < axis.x ? from : 2 * (axis.x - 1) - from;
  }
  if (axis.step > 1) {
    if (from < 0 || from % axis.step != 0) return -1;
    from /= axis.step;
  }
  return from >= 0 && from < axis.x ? from : -1;
}

// ---- forward ----

// Rows are short: a call of memmove would take longer than the copy.
template <typename T>
void copy_elements(const T* from, int64_t count, T* to) {
  static const auto copy = DN_SELECT_ISA(strided_copy_table).copy;
  copy(to, from, count * (int64_t)sizeof(T));
}

template <typename T>
void fill(T* to, int64_t count, T value) {
  if (value == 0 && count >= 64) {
    std::memset(to, 0, (size_t)count * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i] = value;
}

template <typename T>
void pad_row(const Pad& pad, const T* x, T* y, T value) {
  const MovedAxis& axis = pad.axes[pad.last()];
  if (axis.step > 1) {
    fill(y, axis.y, value);
    for (int64_t i = 0; i < axis.x; ++i) y[axis.begin + i * axis.step] = x[i];
    return;
  }
  T* behind = y + axis.begin + axis.x;
  if (pad.mode == DN_PAD_REFLECT) {
    for (int64_t i = 0; i < axis.begin; ++i) y[i] = x[axis.begin - i];
    for (int64_t i = 0; i < axis.end; ++i) behind[i] = x[axis.x - 2 - i];
  } else {
    const bool edge = pad.mode == DN_PAD_EDGE;
    if (axis.begin > 0) fill(y, axis.begin, edge ? x[0] : value);
    if (axis.end > 0) fill(behind, axis.end, edge ? x[axis.x - 1] : value);
  }
  copy_elements(x, axis.x, y + axis.begin);
}

// Elements begin .. end of an axis of y, with everything inside them.
template <typename T>
void pad_axis(const Pad& pad, size_t axis, const T* x, T* y, T value, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    T* to = y + i * pad.y_strides[axis];
    const int64_t from = source_of(pad.axes[axis], pad.mode, i);
    if (from < 0)
      fill(to, pad.y_strides[axis], value);
    else if (axis + 1 == pad.last())
      pad_row(pad, x + from * pad.x_strides[axis], to, value);
    else
      pad_axis(pad, axis + 1, x + from * pad.x_strides[axis], to, value, 0, pad.axes[axis + 1].y);
  }
}

template <typename T>
void pad_forward(const Pad& pad, const void* x, void* y, uint64_t bits) {
  const auto value = (T)bits;
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  if (pad.last() == 0) return pad_row(pad, from, to, value);
  parallel(pad.threads, pad.axes[0].y, pad.work,
           [&](int64_t begin, int64_t end) { pad_axis(pad, 0, from, to, value, begin, end); });
}

// ---- backward ----

// dx (+)= everything that was copied from it; the innermost axis.
void collect_row(const Pad& pad, const float* dy, float* dx, bool add) {
  const MovedAxis& axis = pad.axes[pad.last()];
  const float* inside = dy + axis.begin;
  if (add)
    for (int64_t i = 0; i < axis.x; ++i) dx[i] += inside[i];
  else
    copy_elements(inside, axis.x, dx);
  for (int64_t i = 0; i < axis.begin; ++i) dx[source_of(axis, pad.mode, i)] += dy[i];
  for (int64_t i = axis.y - axis.end; i < axis.y; ++i) dx[source_of(axis, pad.mode, i)] += dy[i];
}

void collect_axis(const Pad& pad, size_t axis, const float* dy, float* dx, bool add, int64_t begin,
                  int64_t end) {
  const MovedAxis& a = pad.axes[axis];
  const auto inner = [&](int64_t from, int64_t to, bool add_inner) {
    const float* source = dy + from * pad.y_strides[axis];
    float* target = dx + to * pad.x_strides[axis];
    if (axis + 1 == pad.last())
      collect_row(pad, source, target, add_inner);
    else
      collect_axis(pad, axis + 1, source, target, add_inner, 0, pad.axes[axis + 1].x);
  };
  for (int64_t i = begin; i < end; ++i) {
    inner(a.begin + i, i, add);
    // Only places near an end have copies; the loops over the padding are short.
    for (int64_t at = 0; at < a.begin; ++at)
      if (source_of(a, pad.mode, at) == i) inner(at, i, true);
    for (int64_t at = a.y - a.end; at < a.y; ++at)
      if (source_of(a, pad.mode, at) == i) inner(at, i, true);
  }
}

void pad_backward(const Pad& pad, const float* dy, float* dx) {
  if (pad.last() == 0) return collect_row(pad, dy, dx, false);
  parallel(pad.threads, pad.axes[0].x, pad.work,
           [&](int64_t begin, int64_t end) { collect_axis(pad, 0, dy, dx, false, begin, end); });
}

// ---- plan ----

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_pad_attributes>();
  const TensorDeclaration &input = view.tensor(op.input(0)), &output = view.tensor(op.output(0));
  const bool forward = attributes.direction == DN_FORWARD;
  Arrangement arrangement = arrangement_of(view, op.input(0));
  const Shape &x = forward ? input.shape : output.shape, &y = forward ? output.shape : input.shape;
  MovedAxes axes = padded_axes(op, x, y);
  if (!arrange(axes, arrangement)) arrangement = {};
  Pad pad;
  pad.axes = joined_padding(axes, attributes.mode != DN_PAD_CONSTANT);
  pad.x_strides = strides_of(pad.axes, &MovedAxis::x);
  pad.y_strides = strides_of(pad.axes, &MovedAxis::y);
  pad.mode = attributes.mode;
  pad.threads = device_of(view).threads();
  pad.work = y.numel();
  KernelPlan plan;
  plan.inputs = {{op.input(0), arrangement.layout}};
  plan.outputs = {{op.output(0), like(arrangement.layout, output.shape, output.dtype)}};
  const uint64_t value = element_of(input.dtype, attributes.value);
  const int64_t bytes = size_of(input.dtype);
  const bool nothing = output.shape.numel() == 0;
  plan.kernel = make_kernel([=](const Arguments& a) {
    if (nothing) return;
    if (!forward)
      pad_backward(pad, in(a, 0), out(a, 0));
    else if (bytes == 1)
      pad_forward<uint8_t>(pad, a.inputs[0], a.outputs[0], value);
    else if (bytes == 2)
      pad_forward<uint16_t>(pad, a.inputs[0], a.outputs[0], value);
    else if (bytes == 4)
      pad_forward<uint32_t>(pad, a.inputs[0], a.outputs[0], value);
    else
      pad_forward<uint64_t>(pad, a.inputs[0], a.outputs[0], value);
  });
  return plan;
}

const RegisterOperator pad({"own:pad", DN_OPERATOR_PAD, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
