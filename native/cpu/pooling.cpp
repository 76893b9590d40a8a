// Max and average pooling over any channel layout, forward and backward, and what stands at given taps.
#include "cpu/kernels/pooling.h"

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

PoolingParams make_params(const dn_pooling_attributes& attributes, const Shape& large,
                          const Shape& small, const LayoutRef& layout) {
  PoolingParams p;
  const ChannelView view = *channel_view(large, layout);
  p.planes = view.batch * view.blocks;
  p.block = view.block;
  const int unused = 3 - attributes.spatial_rank;
  for (int i = 0; i < 3; ++i) {
    const int axis = i - unused;
    p.in[i] = axis < 0 ? 1 : large[2 + axis];
    p.out[i] = axis < 0 ? 1 : small[2 + axis];
    p.kernel[i] = axis < 0 ? 1 : attributes.kernel[axis];
    p.stride[i] = axis < 0 ? 1 : attributes.stride[axis];
    p.begin[i] = axis < 0 ? 0 : attributes.padding_begin[axis];
  }
  p.count_padding = attributes.mode == DN_POOLING_AVERAGE_PADDED;
  return p;
}

bool single_position(const Shape& shape) {
  for (int axis = 2; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) return false;
  return true;
}

// Channels side by side, as many as a vector of this CPU; null where they do not divide so.
LayoutRef blocked(const Shape& shape) {
  const int64_t block = best_isa() == Isa::Avx512 ? 16 : 8;
  if (shape[1] == 0 || shape[1] % block != 0) return nullptr;
  using Tag = dnnl::memory::format_tag;
  const Tag wide[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  const Tag narrow[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  return layout_of(DN_DTYPE_F32, shape, (block == 16 ? wide : narrow)[shape.rank() - 3]);
}

// The layout to work in: the one that the tensor has; blocked where that is still open, or where there
// is nothing to arrange.
LayoutRef working_layout(const CompileView& view, int tensor) {
  const Shape& shape = view.tensor(tensor).shape;
  if (view.free(tensor) || single_position(shape)) return blocked(shape);
  return channel_layout(view, tensor);
}

// One position is in the same order in every layout: it stays row-major, in which what follows the
// last pooling of a net reads it.
LayoutRef arranged(const LayoutRef& layout, const Shape& shape, DType dtype = DN_DTYPE_F32) {
  return single_position(shape) ? nullptr : like(layout, shape, dtype);
}

// Divides the rows of a result over the threads, each with its part of the scratch memory.
template <typename Body>
void by_rows(const PoolingParams& p, int64_t rows, int threads, void* scratch, const Body& body) {
  const size_t bytes = pooling_scratch_bytes(p);
  parallel(threads, rows, p.planes * p.in_size(), [&](int64_t first, int64_t last) {
    body(first, last, static_cast<char*>(scratch) + (size_t)omp_get_thread_num() * bytes);
  });
}

// Where the taps of a window lie, seen from its first.
struct TapPlaces {
  struct Place {
    int64_t depth, row, column;
  };
  std::vector<Place> places;

  explicit TapPlaces(const PoolingParams& p) {
    for (int64_t t = 0; t < p.kernel[0]; ++t)
      for (int64_t r = 0; r < p.kernel[1]; ++r)
        for (int64_t s = 0; s < p.kernel[2]; ++s) places.push_back({t, r, s});
  }
};

template <typename Tap>
void take(const PoolingParams& p, const TapPlaces& taps, const float* x, const Tap* tap, float* y,
          int64_t first, int64_t last) {
  const int64_t window = (int64_t)taps.places.size();
  for (int64_t row = first; row < last; ++row) {
    const int64_t plane = row / p.out[1] / p.out[0];
    const int64_t depth = row / p.out[1] % p.out[0] * p.stride[0] - p.begin[0];
    const int64_t line = row % p.out[1] * p.stride[1] - p.begin[1];
    const float* const source = x + plane * p.in_size();
    for (int64_t q = 0; q < p.out[2]; ++q)
      for (int64_t c = 0; c < p.block; ++c) {
        const int64_t at = (row * p.out[2] + q) * p.block + c;
        const int64_t which = tap[at];
        float value = 0;
        if (which >= 0 && which < window) {
          const TapPlaces::Place& place = taps.places[(size_t)which];
          const int64_t z = depth + place.depth, h = line + place.row;
          const int64_t w = q * p.stride[2] - p.begin[2] + place.column;
          const bool inside =
              z >= 0 && z < p.in[0] && h >= 0 && h < p.in[1] && w >= 0 && w < p.in[2];
          if (inside) value = source[((z * p.in[1] + h) * p.in[2] + w) * p.block + c];
        }
        y[at] = value;
      }
  }
}

KernelPlan plan_forward(const CompileView& view, const Operator& op) {
  const auto& attributes = op.attributes<dn_pooling_attributes>();
  const int x = op.input(0), y = op.output(0);
  const bool max = attributes.mode == DN_POOLING_MAX, given = attributes.mode == DN_POOLING_TAP;
  const LayoutRef layout = working_layout(view, x);
  const Shape& small = view.tensor(y).shape;
  const PoolingParams p = make_params(attributes, view.tensor(x).shape, small, layout);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {{x, arranged(layout, view.tensor(x).shape)}};
  plan.outputs = {{y, arranged(layout, small)}};
  const int tap = given ? op.input(1) : max && op.has_output(1) ? op.output(1) : -1;
  const DType dtype = tap < 0 ? DN_DTYPE_U8 : view.tensor(tap).dtype;
  if (tap >= 0)
    (given ? plan.inputs : plan.outputs).push_back({tap, arranged(layout, small, dtype)});
  if (given) {
    plan.kernel = make_kernel([=, taps = TapPlaces(p)](const Arguments& a) {
      parallel(threads, p.out_rows(), p.planes * p.out_size(), [&](int64_t first, int64_t last) {
        if (dtype == DN_DTYPE_U8)
          take(p, taps, in(a, 0), static_cast<const uint8_t*>(a.inputs[1]), out(a, 0), first, last);
        else
          take(p, taps, in(a, 0), static_cast<const int32_t*>(a.inputs[1]), out(a, 0), first, last);
      });
    });
    return plan;
  }
  plan.scratch_bytes = (int64_t)pooling_scratch_bytes(p) * threads;
  plan.kernel = make_kernel([=](const Arguments& a) {
    const PoolingForwardTable& table = DN_SELECT_ISA(pooling_forward);
    by_rows(p, p.out_rows(), threads, a.scratch, [&](int64_t first, int64_t last, void* scratch) {
      if (max)
        table.max(p, in(a, 0), out(a, 0), tap < 0 ? nullptr : a.outputs[1],
                  dtype == DN_DTYPE_U8 ? 1 : 4, first, last, scratch);
      else
        table.average(p, in(a, 0), out(a, 0), first, last, scratch);
    });
  });
  return plan;
}

KernelPlan plan_backward(const CompileView& view, const Operator& op) {
  const auto& attributes = op.attributes<dn_pooling_attributes>();
  const int dy = op.input(0), dx = op.output(0);
  const bool max = attributes.mode == DN_POOLING_MAX;
  const Shape &large = view.tensor(dx).shape, &small = view.tensor(dy).shape;
  // The forward pass has left the taps in its own layout; dy, which is no larger, is changed to it.
  const LayoutRef layout = like(working_layout(view, max ? op.input(1) : dy), large);
  const PoolingParams p = make_params(attributes, large, small, layout);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {{dy, arranged(layout, small)}};
  plan.outputs = {{dx, arranged(layout, large)}};
  const DType dtype = max ? view.tensor(op.input(1)).dtype : DN_DTYPE_U8;
  if (max) plan.inputs.push_back({op.input(1), arranged(layout, small, dtype)});
  plan.scratch_bytes = (int64_t)pooling_scratch_bytes(p) * threads;
  plan.kernel = make_kernel([=](const Arguments& a) {
    const PoolingBackwardTable& table = DN_SELECT_ISA(pooling_backward);
    by_rows(p, p.in_rows(), threads, a.scratch, [&](int64_t first, int64_t last, void* scratch) {
      if (max)
        table.max(p, in(a, 0), a.inputs[1], dtype == DN_DTYPE_U8 ? 1 : 4, out(a, 0), first, last,
                  scratch);
      else
        table.average(p, in(a, 0), out(a, 0), first, last, scratch);
    });
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
