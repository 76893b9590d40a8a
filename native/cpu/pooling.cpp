// Max and average pooling over any channel layout, forward and backward.
#include <cmath>
#include <limits>

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

// Always three spatial axes; unused ones have extent 1.
struct Geometry {
  ChannelView x;
  int64_t in[3], out[3], kernel[3], stride[3], begin[3];
  bool padded_average = false;

  int64_t window() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t planes() const { return x.batch * x.blocks; }
  int64_t in_size() const { return in[0] * in[1] * in[2] * x.block; }
  int64_t out_size() const { return out[0] * out[1] * out[2] * x.block; }
};

Geometry make_geometry(const dn_pooling_attributes& attributes, const Shape& large,
                       const Shape& small, const LayoutRef& layout) {
  Geometry g;
  g.x = *channel_view(large, layout);
  const int unused = 3 - attributes.spatial_rank;
  for (int i = 0; i < 3; ++i) {
    const int axis = i - unused;
    g.in[i] = axis < 0 ? 1 : large[2 + axis];
    g.out[i] = axis < 0 ? 1 : small[2 + axis];
    g.kernel[i] = axis < 0 ? 1 : attributes.kernel[axis];
    g.stride[i] = axis < 0 ? 1 : attributes.stride[axis];
    g.begin[i] = axis < 0 ? 0 : attributes.padding_begin[axis];
  }
  g.padded_average = attributes.mode == DN_POOLING_AVERAGE_PADDED;
  return g;
}

// Calls body(output position, first tap's coordinates) for every window of a plane.
template <typename Body>
void for_windows(const Geometry& g, const Body& body) {
  int64_t position = 0;
  for (int64_t d = 0; d < g.out[0]; ++d)
    for (int64_t p = 0; p < g.out[1]; ++p)
      for (int64_t q = 0; q < g.out[2]; ++q, ++position) {
        const int64_t start[3] = {d * g.stride[0] - g.begin[0], p * g.stride[1] - g.begin[1],
                                  q * g.stride[2] - g.begin[2]};
        body(position, start);
      }
}

// Calls body(tap, input position) for every tap of a window that lies inside the input.
template <typename Body>
void for_taps(const Geometry& g, const int64_t (&start)[3], const Body& body) {
  for (int64_t t = 0; t < g.kernel[0]; ++t) {
    const int64_t depth = start[0] + t;
    if (depth < 0 || depth >= g.in[0]) continue;
    for (int64_t r = 0; r < g.kernel[1]; ++r) {
      const int64_t row = start[1] + r;
      if (row < 0 || row >= g.in[1]) continue;
      for (int64_t s = 0; s < g.kernel[2]; ++s) {
        const int64_t column = start[2] + s;
        if (column < 0 || column >= g.in[2]) continue;
        body((t * g.kernel[1] + r) * g.kernel[2] + s, (depth * g.in[1] + row) * g.in[2] + column);
      }
    }
  }
}

template <typename Tap>
void max_forward(const Geometry& g, const float* x, float* y, Tap* tap, int threads) {
  const int64_t block = g.x.block;
  parallel(threads, g.planes(), g.planes() * g.in_size(), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const float* source = x + plane * g.in_size();
      for_windows(g, [&](int64_t position, const int64_t(&start)[3]) {
        const int64_t at = plane * g.out_size() + position * block;
        float* best = y + at;
        Tap* index = tap ? tap + at : nullptr;
        bool first = true;
        for_taps(g, start, [&](int64_t which, int64_t from) {
          const float* value = source + from * block;
          if (first) {
            std::copy(value, value + block, best);
            if (index) std::fill(index, index + block, (Tap)which);
            first = false;
            return;
          }
          for (int64_t c = 0; c < block; ++c) {
            const bool wins = !(value[c] <= best[c]) && best[c] == best[c];
            best[c] = wins ? value[c] : best[c];
            if (index) index[c] = wins ? (Tap)which : index[c];
          }
        });
      });
    }
  });
}

template <typename Tap>
void max_backward(const Geometry& g, const float* dy, const Tap* tap, float* dx, int threads) {
  const int64_t block = g.x.block;
  parallel(threads, g.planes(), g.planes() * g.in_size(), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      float* target = dx + plane * g.in_size();
      std::fill(target, target + g.in_size(), 0.0f);
      for_windows(g, [&](int64_t position, const int64_t(&start)[3]) {
        const int64_t at = plane * g.out_size() + position * block;
        for (int64_t c = 0; c < block; ++c) {
          const int64_t to = place_of(g, start, tap[at + c]);
          if (to >= 0) target[to * block + c] += dy[at + c];
        }
      });
    }
  });
}

// The place of a given tap in a plane; -1 where it names no element of the input.
int64_t place_of(const Geometry& g, const int64_t (&start)[3], int64_t tap) {
  int64_t at[3];
  at[2] = start[2] + tap % g.kernel[2];
  at[1] = start[1] + tap / g.kernel[2] % g.kernel[1];
  at[0] = start[0] + tap / g.kernel[2] / g.kernel[1];
  if (tap < 0 || tap >= g.window()) return -1;
  for (int i = 0; i < 3; ++i)
    if (at[i] < 0 || at[i] >= g.in[i]) return -1;
  return (at[0] * g.in[1] + at[1]) * g.in[2] + at[2];
}

template <typename Tap>
void tap_forward(const Geometry& g, const float* x, const Tap* tap, float* y, int threads) {
  const int64_t block = g.x.block;
  parallel(threads, g.planes(), g.planes() * g.out_size(), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const float* source = x + plane * g.in_size();
      for_windows(g, [&](int64_t position, const int64_t(&start)[3]) {
        const int64_t at = plane * g.out_size() + position * block;
        for (int64_t c = 0; c < block; ++c) {
          const int64_t from = place_of(g, start, tap[at + c]);
          y[at + c] = from < 0 ? 0.0f : source[from * block + c];
        }
      });
    }
  });
}

float divisor(const Geometry& g, const int64_t (&start)[3]) {
  if (g.padded_average) return (float)g.window();
  int64_t inside = 0;
  for_taps(g, start, [&](int64_t, int64_t) { ++inside; });
  return (float)inside;
}

void average_forward(const Geometry& g, const float* x, float* y, int threads) {
  const int64_t block = g.x.block;
  parallel(threads, g.planes(), g.planes() * g.in_size(), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const float* source = x + plane * g.in_size();
      for_windows(g, [&](int64_t position, const int64_t(&start)[3]) {
        float* total = y + plane * g.out_size() + position * block;
        std::fill(total, total + block, 0.0f);
        for_taps(g, start, [&](int64_t, int64_t from) {
          for (int64_t c = 0; c < block; ++c) total[c] += source[from * block + c];
        });
        const float count = divisor(g, start);
        for (int64_t c = 0; c < block; ++c) total[c] /= count;
      });
    }
  });
}

void average_backward(const Geometry& g, const float* dy, float* dx, int threads) {
  const int64_t block = g.x.block;
  parallel(threads, g.planes(), g.planes() * g.in_size(), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      float* target = dx + plane * g.in_size();
      std::fill(target, target + g.in_size(), 0.0f);
      for_windows(g, [&](int64_t position, const int64_t(&start)[3]) {
        const float* gradient = dy + plane * g.out_size() + position * block;
        const float share = 1.0f / divisor(g, start);
        for_taps(g, start, [&](int64_t, int64_t to) {
          for (int64_t c = 0; c < block; ++c) target[to * block + c] += gradient[c] * share;
        });
      });
    }
  });
}

KernelPlan plan_forward(const CompileView& view, const Operator& op) {
  const auto& attributes = op.attributes<dn_pooling_attributes>();
  const int x = op.input(0), y = op.output(0), tap = op.output(1);
  const LayoutRef layout = channel_layout(view, x);
  const Shape& small = view.tensor(y).shape;
  const Geometry g = make_geometry(attributes, view.tensor(x).shape, small, layout);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {{x, layout}};
  plan.outputs = {{y, like(layout, small)}};
  if (attributes.mode == DN_POOLING_TAP) {
    const DType dtype = view.tensor(op.input(1)).dtype;
    plan.inputs.push_back({op.input(1), like(layout, small, dtype)});
    plan.kernel = make_kernel([=](const Arguments& a) {
      if (dtype == DN_DTYPE_U8)
        tap_forward(g, in(a, 0), static_cast<const uint8_t*>(a.inputs[1]), out(a, 0), threads);
      else
        tap_forward(g, in(a, 0), static_cast<const int32_t*>(a.inputs[1]), out(a, 0), threads);
    });
    return plan;
  }
  if (attributes.mode != DN_POOLING_MAX) {
    plan.kernel =
        make_kernel([=](const Arguments& a) { average_forward(g, in(a, 0), out(a, 0), threads); });
    return plan;
  }
  if (!op.has_output(1)) {
    plan.kernel = make_kernel([=](const Arguments& a) {
      max_forward<uint8_t>(g, in(a, 0), out(a, 0), nullptr, threads);
    });
    return plan;
  }
  plan.outputs.push_back({tap, like(layout, small, view.tensor(tap).dtype)});
  const bool narrow = view.tensor(tap).dtype == DN_DTYPE_U8;
  plan.kernel = make_kernel([=](const Arguments& a) {
    if (narrow)
      max_forward(g, in(a, 0), out(a, 0), static_cast<uint8_t*>(a.outputs[1]), threads);
    else
      max_forward(g, in(a, 0), out(a, 0), static_cast<int32_t*>(a.outputs[1]), threads);
  });
  return plan;
}

KernelPlan plan_backward(const CompileView& view, const Operator& op) {
  const auto& attributes = op.attributes<dn_pooling_attributes>();
  const int dy = op.input(0), tap = op.input(1), dx = op.output(0);
  const Shape &large = view.tensor(dx).shape, &small = view.tensor(dy).shape;
  const LayoutRef layout = channel_layout(view, dy);
  const Geometry g = make_geometry(attributes, large, small, like(layout, large));
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {{dy, layout}};
  plan.outputs = {{dx, like(layout, large)}};
  if (attributes.mode != DN_POOLING_MAX) {
    plan.kernel =
        make_kernel([=](const Arguments& a) { average_backward(g, in(a, 0), out(a, 0), threads); });
    return plan;
  }
  plan.inputs.push_back({tap, like(layout, small, view.tensor(tap).dtype)});
  const bool narrow = view.tensor(tap).dtype == DN_DTYPE_U8;
  plan.kernel = make_kernel([=](const Arguments& a) {
    if (narrow)
      max_backward(g, in(a, 0), static_cast<const uint8_t*>(a.inputs[1]), out(a, 0), threads);
    else
      max_backward(g, in(a, 0), static_cast<const int32_t*>(a.inputs[1]), out(a, 0), threads);
  });
  return plan;
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  return operation.attributes<dn_pooling_attributes>().direction == DN_FORWARD
             ? plan_forward(view, operation)
             : plan_backward(view, operation);
}

const RegisterOperator pooling({"own:pooling", DN_OPERATOR_POOLING, 100, refuse_other_than_float32,
                                plan});

}  // namespace

}  // namespace dn::cpu
