// Resizing of row-major tensors (N, C, spatial ..): one table of weights for each axis, transposed for the
// gradient, so that every element of the result is one sum in a fixed order.
#include "cpu/kernels/resize.h"

#include <algorithm>
#include <array>

#include "cpu/candidates.h"

namespace dn::cpu {

void ResizeAxis::make_taps() {
  const int64_t most = out == 0 ? 0 : *std::ranges::max_element(count);
  if (most < 1 || most > kMostTaps) return;
  taps = most > 2 ? kMostTaps : (int)most;
  const int64_t vectors = (out + kTapLanes - 1) / kTapLanes;
  tap_offset.resize((size_t)(vectors * kTapLanes));
  tap_weight.resize((size_t)(vectors * taps * kTapLanes));
  tap_mask.resize((size_t)(vectors * taps));
  for (int64_t v = 0; v < vectors; ++v) {
    const int64_t begin = v * kTapLanes, end = std::min(out, begin + kTapLanes);
    int64_t base = in;
    for (int64_t p = begin; p < end; ++p)
      if (count[p] > 0) base = std::min<int64_t>(base, start[p]);
    tap_base.push_back((int32_t)base);
    for (int64_t p = begin; p < end; ++p) {
      if (count[p] == 0) continue;
      const int64_t offset = start[p] - base;
      if (offset >= 2 * kTapLanes) {
        taps = 0;
        return;
      }
      tap_offset[p] = (int32_t)offset;
      narrow_taps &= offset + count[p] <= kTapLanes;
      for (int32_t t = 0; t < count[p]; ++t) {
        tap_weight[(v * taps + t) * kTapLanes + p - begin] = weight[first[p] + t];
        tap_mask[v * taps + t] |= (uint16_t)(1u << (p - begin));
      }
    }
  }
}

void ResizeAxis::finish() {
  int64_t total = 0;
  identity = in == out;
  copies = pairs = true;
  for (int64_t p = 0; p < out; ++p) {
    first.push_back(total);
    const bool copy = count[p] == 1 && weight[total] == 1.0f;
    copies &= copy;
    identity &= copy && start[p] == p;
    pairs &= count[p] == 1 || count[p] == 2;
    total += count[p];
  }
  make_taps();
  if (!pairs) {
    quads = in >= 4 && *std::ranges::max_element(count) <= 4;
    if (!quads) return;
    quad_weight.resize((size_t)(4 * out), 0.0f);
    for (int64_t p = 0; p < out; ++p) {
      quad_start.push_back((int32_t)std::min<int64_t>(start[p], in - 4));
      for (int32_t t = 0; t < count[p]; ++t)
        quad_weight[(size_t)(4 * p + start[p] - quad_start[p] + t)] = weight[first[p] + t];
    }
    return;
  }
  for (int64_t p = 0; p < out; ++p) {
    const bool two = count[p] == 2;
    const float weight_left = weight[first[p]];
    left.push_back(start[p]);
    right.push_back(start[p] + (two ? 1 : 0));
    // One element as two halves: a weight of 0 would make NaN of an infinity.
    left_weight.push_back(two ? weight_left : 0.5f * weight_left);
    right_weight.push_back(two ? weight[first[p] + 1] : 0.5f * weight_left);
  }
}

namespace {

// What outputs read, and with which weight: the definition in deepnative.h in whole numbers.
ResizeAxis forward_axis(const dn_resize_attributes& attributes, int64_t in, int64_t out) {
  ResizeAxis axis;
  axis.in = in;
  axis.out = out;
  const bool corners = attributes.coordinates == DN_RESIZE_ALIGN_CORNERS;
  for (int64_t p = 0; p < out; ++p) {
    if (attributes.mode == DN_RESIZE_LINEAR) {
      const int64_t divisor = corners ? std::max<int64_t>(out - 1, 1) : 2 * out;
      const int64_t numerator =
          corners ? p * (in - 1) : std::max<int64_t>((2 * p + 1) * in - out, 0);
      const int64_t begin = std::min(out == 1 && corners ? 0 : numerator / divisor, in - 1);
      const float weight = (float)((double)(numerator % divisor) / (double)divisor);
      const bool alone = begin == in - 1 || weight == 0.0f;
      axis.start.push_back((int32_t)begin);
      axis.count.push_back(alone ? 1 : 2);
      axis.weight.push_back(alone ? 1.0f : 1.0f - weight);
      if (!alone) axis.weight.push_back(weight);
      continue;
    }
    const int64_t begin = p * in / out;
    const bool nearest = attributes.mode == DN_RESIZE_NEAREST;
    const int64_t end = nearest ? begin + 1 : ((p + 1) * in + out - 1) / out;
    axis.start.push_back((int32_t)begin);
    axis.count.push_back((int32_t)(end - begin));
    axis.weight.insert(axis.weight.end(), (size_t)(end - begin), 1.0f / (float)(end - begin));
  }
  return axis;
}

ResizeAxis transposed(const ResizeAxis& axis) {
  ResizeAxis result;
  result.in = axis.out;
  result.out = axis.in;
  std::vector<std::vector<std::pair<int32_t, float>>> terms((size_t)axis.in);
  int64_t at = 0;
  for (int64_t p = 0; p < axis.out; ++p)
    for (int32_t t = 0; t < axis.count[p]; ++t)
      terms[(size_t)(axis.start[p] + t)].emplace_back((int32_t)p, axis.weight[at++]);
  for (const auto& list : terms) {  // neighbours, since positions ascend
    result.start.push_back(list.empty() ? 0 : list[0].first);
    result.count.push_back((int32_t)list.size());
    for (const auto& term : list) result.weight.push_back(term.second);
  }
  return result;
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_resize_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  const Shape& source = view.tensor(operation.input(0)).shape;
  const Shape& target = view.tensor(operation.output(0)).shape;
  auto axes = std::make_shared<std::array<ResizeAxis, DN_MAX_SPATIAL_RANK>>();
  const int missing = DN_MAX_SPATIAL_RANK - attributes.spatial_rank;
  for (int i = 0; i < DN_MAX_SPATIAL_RANK; ++i) {
    const int64_t from = i < missing ? 1 : source[2 + i - missing];
    const int64_t to = i < missing ? 1 : target[2 + i - missing];
    ResizeAxis& axis = (*axes)[i];
    axis = forward ? forward_axis(attributes, from, to)
                   : transposed(forward_axis(attributes, to, from));
    axis.finish();
  }
  const int64_t planes = source[0] * source[1];
  int64_t in = 1, out = 1;
  for (const ResizeAxis& axis : *axes) in *= axis.in, out *= axis.out;
  // Short rows: a plane a lane, as many whole planes as stay in the cache.
  constexpr int64_t kMostInterleaved = 4096;
  const int64_t in_width = (*axes)[2].in, out_width = (*axes)[2].out;
  const bool interleaved =
      std::min(in_width, out_width) < 2 * kResizeLanes && in + out <= kMostInterleaved;
  const int64_t scratch_floats =
      interleaved ? kResizeLanes * (in + out + in_width + 4) : (in_width + 64 + 15) / 16 * 16;
  constexpr int64_t kStreamedBytes = 16 << 20;
  const bool stream = planes * out * (int64_t)sizeof(float) > kStreamedBytes;
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0))};
  plan.scratch_bytes = threads * scratch_floats * (int64_t)sizeof(float);
  plan.kernel = make_kernel([=](const Arguments& a) {
    const ResizeParams params{axes->data(), stream};
    const auto& table = DN_SELECT_ISA(resize_table);
    const float* x = dn::cpu::in(a, 0);
    float* y = dn::cpu::out(a, 0);
    const int64_t step = interleaved ? kResizeLanes : 1, groups = (planes + step - 1) / step;
    parallel(threads, groups, planes * (in + out), [&](int64_t begin, int64_t end) {
      float* scratch = static_cast<float*>(a.scratch) + omp_get_thread_num() * scratch_floats;
      for (int64_t group = begin; group < end; ++group) {
        const int64_t first = group * step, last = std::min(planes, first + step);
        if (last - first == kResizeLanes)
          table.planes(params, x + first * in, y + first * out, scratch);
        else
          for (int64_t i = first; i < last; ++i)
            table.plane(params, x + i * in, y + i * out, scratch);
      }
    });
  });
  return plan;
}

const RegisterOperator resize({"own:resize", DN_OPERATOR_RESIZE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
