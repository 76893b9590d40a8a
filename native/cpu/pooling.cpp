// Max and average pooling over any channel layout, forward and backward, and what stands at given taps.
#include "cpu/kernels/pooling.h"

#include "cpu/candidates.h"
#include "cpu/epilogue.h"
#include "cpu/expression.h"

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
LayoutRef blocked(const Shape& shape, DType dtype) {
  const int64_t block = best_isa() == Isa::Avx512 ? 16 : 8;
  if (shape[1] == 0 || shape[1] % block != 0) return nullptr;
  using Tag = dnnl::memory::format_tag;
  const Tag wide[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  const Tag narrow[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  return layout_of(dtype, shape, (block == 16 ? wide : narrow)[shape.rank() - 3]);
}

// The layout to work in: the one that the tensor has; blocked where that is still open, or where there
// is nothing to arrange.
LayoutRef working_layout(const CompileView& view, int tensor) {
  const TensorDeclaration& declaration = view.tensor(tensor);
  const Shape& shape = declaration.shape;
  if (view.free(tensor) || single_position(shape)) return blocked(shape, declaration.dtype);
  return channel_layout(view, tensor);
}

// One position is in the same order in every layout: it stays row-major, in which what follows the
// last pooling of a net reads it.
LayoutRef arranged(const LayoutRef& layout, const Shape& shape, DType dtype) {
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

// Data of 16 bits: a plane at a time becomes float32, in a thread's part of the scratch memory, and back.
struct HalfPlanes {
  PoolingParams plane;  // one of them
  int64_t planes;
  DType dtype;

  HalfPlanes(const PoolingParams& p, DType type) : plane(p), planes(p.planes), dtype(type) {
    plane.planes = 1;
  }
  int64_t scratch_bytes() const {
    return scratch_aligned((int64_t)pooling_scratch_bytes(plane)) + bytes(plane.in_size()) +
           bytes(plane.out_size());
  }
  // from: elements of a plane of what is read, to: of what is written; pool(plane, floats read, floats
  // written, scratch).
  template <typename Pool>
  void run(const Arguments& a, int64_t from, int64_t to, int threads, const Pool& pool) const {
    parallel(threads, planes, planes * plane.in_size(), [&](int64_t first, int64_t last) {
      char* own = static_cast<char*>(a.scratch) + omp_get_thread_num() * scratch_bytes();
      auto* read = reinterpret_cast<float*>(own);
      auto* written = reinterpret_cast<float*>(own + bytes(from));
      for (int64_t at = first; at < last; ++at) {
        load_as(dtype, a.inputs[0], at * from, from, read);
        pool(at, read, written, own + bytes(from) + bytes(to));
        store_as(dtype, written, at * to, to, a.outputs[0]);
      }
    });
  }

 private:
  static int64_t bytes(int64_t floats) { return scratch_aligned(floats * (int64_t)sizeof(float)); }
};

// The taps of a plane; null where there are none.
template <typename Taps>
Taps* taps_of_plane(Taps* taps, int64_t plane, int64_t size, int bytes) {
  using Byte = std::conditional_t<std::is_const_v<Taps>, const char, char>;
  return taps ? static_cast<Byte*>(taps) + plane * size * bytes : nullptr;
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
  const DType type = view.tensor(x).dtype;
  plan.inputs = {{x, arranged(layout, view.tensor(x).shape, type)}};
  plan.outputs = {{y, arranged(layout, small, type)}};
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
  if (type != DN_DTYPE_F32) {
    const HalfPlanes halves(p, type);
    plan.scratch_bytes = halves.scratch_bytes() * threads;
    plan.kernel = make_kernel([=](const Arguments& a) {
      const PoolingForwardTable& table = DN_SELECT_ISA(pooling_forward);
      const PoolingParams& one = halves.plane;
      const int tap_bytes = (int)size_of(dtype);
      const auto pool = [&](int64_t plane, const float* from, float* to, void* scratch) {
        void* taps =
            tap < 0 ? nullptr : taps_of_plane(a.outputs[1], plane, one.out_size(), tap_bytes);
        if (max)
          table.max(one, from, to, taps, tap_bytes, 0, one.out_rows(), scratch);
        else
          table.average(one, from, to, 0, one.out_rows(), scratch);
      };
      halves.run(a, one.in_size(), one.out_size(), threads, pool);
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
  const DType type = view.tensor(dy).dtype;
  const LayoutRef layout = like(working_layout(view, max ? op.input(1) : dy), large, type);
  const PoolingParams p = make_params(attributes, large, small, layout);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {{dy, arranged(layout, small, type)}};
  plan.outputs = {{dx, arranged(layout, large, type)}};
  const DType dtype = max ? view.tensor(op.input(1)).dtype : DN_DTYPE_U8;
  if (max) plan.inputs.push_back({op.input(1), arranged(layout, small, dtype)});
  if (type != DN_DTYPE_F32) {
    const HalfPlanes halves(p, type);
    plan.scratch_bytes = halves.scratch_bytes() * threads;
    plan.kernel = make_kernel([=](const Arguments& a) {
      const PoolingBackwardTable& table = DN_SELECT_ISA(pooling_backward);
      const PoolingParams& one = halves.plane;
      const int tap_bytes = (int)size_of(dtype);
      const auto pool = [&](int64_t plane, const float* from, float* to, void* scratch) {
        if (max)
          table.max(one, from,
                    taps_of_plane((const void*)a.inputs[1], plane, one.out_size(), tap_bytes),
                    tap_bytes, to, 0, one.in_rows(), scratch);
        else
          table.average(one, from, to, 0, one.in_rows(), scratch);
      };
      halves.run(a, one.out_size(), one.in_size(), threads, pool);
    });
    return plan;
  }
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

std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  return operation.attributes<dn_pooling_attributes>().mode == DN_POOLING_TAP
             ? refuse_other_than_float32(view, op)
             : std::string();
}

const RegisterOperator pooling({"own:pooling", DN_OPERATOR_POOLING, 100, refuse, plan});

}  // namespace

}  // namespace dn::cpu
