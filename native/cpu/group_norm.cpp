// Group normalisation: layer and instance normalisation are its ends. Wu and He 2018.
#include <cmath>
#include <numeric>

#include "cpu/candidates.h"
#include "cpu/kernels/norm.h"
#include "engine/axis_view.h"
#include "engine/optional_slots.h"

namespace dn::cpu {

namespace {

// x as (outer, channels, inner); a group has `width` neighbouring channels.
struct Extents {
  int64_t outer, channels, inner, groups;
  int64_t width() const { return channels / groups; }
  int64_t size() const { return width() * inner; }  // values of a group
  int64_t chunks() const { return outer * groups; }
  int64_t numel() const { return outer * channels * inner; }

  Extents(const AxisView& around, int group_count)
      : outer(around.outer), channels(around.extent), inner(around.inner), groups(group_count) {}
};

const NormTable<float>& kernels() {
  return DN_SELECT_ISA(norm_table);
}
const NormRowTable& row_kernels() {
  return DN_SELECT_ISA(norm_row_table);
}

struct Forward {
  const float *x, *weight, *bias;  // weight and bias may be null
  float *y, *mean, *inv_std;
};

struct Backward {
  const float *x, *weight, *mean, *inv_std, *dy;  // weight may be null
  float *dx, *dweight, *dbias;                    // dweight and dbias may be null
};

float value_or(const float* from, int64_t index, float otherwise) {
  return from ? from[index] : otherwise;
}

float inverse_deviation(const NormMoments& moments, float epsilon) {
  return (float)(1.0 / std::sqrt(moments.square / moments.count + epsilon));
}

// dx = dy * weight * inv_std - offset - (x - mean) * slope, of one group.
struct Coefficients {
  float offset, slope;
  Coefficients(const NormSums& sums, float inv_std, int64_t size) {
    const double inverse = inv_std;
    offset = (float)(inverse * sums.sum / (double)size);
    slope = (float)(inverse * inverse * inverse * sums.product / (double)size);
  }
};

// ---- row-major: a group's values lie side by side ----

void forward_rows(const Extents& e, float epsilon, const Forward& a, int threads) {
  const auto& k = kernels();
  parallel(threads, e.chunks(), e.numel() * 4, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const float* x = a.x + chunk * e.size();
      float* y = a.y + chunk * e.size();
      const NormMoments moments = k.moments(x, {1, e.size(), 0});
      const float mean = a.mean[chunk] = (float)moments.mean;
      const float inv_std = a.inv_std[chunk] = inverse_deviation(moments, epsilon);
      const int64_t channel = chunk % e.groups * e.width();
      if (e.inner == 1) {
        row_kernels().row_affine(x, y, e.size(), mean, inv_std,
                                 a.weight ? a.weight + channel : nullptr,
                                 a.bias ? a.bias + channel : nullptr);
        continue;
      }
      for (int64_t c = 0; c < e.width(); ++c) {
        const float scale = inv_std * value_or(a.weight, channel + c, 1);
        const float shift = value_or(a.bias, channel + c, 0);
        k.affine(x + c * e.inner, y + c * e.inner, {1, e.inner, 0}, {&mean, &scale, &shift}, {});
      }
    }
  });
}

// The rows of the layer are cut into strips, whatever the number of threads; each adds up its own
// gradients of the parameters.
constexpr int64_t kStrips = 32;

void backward_elements(const Extents& e, const Backward& a, float* strips, int threads) {
  const auto& k = row_kernels();
  const int64_t count = std::min(kStrips, e.outer);
  const bool parameters = a.dweight || a.dbias;
  parallel(threads, count, e.numel() * 6, [&](int64_t begin, int64_t end) {
    for (int64_t strip = begin; strip < end; ++strip) {
      float* dweight = a.dweight ? strips + strip * 2 * e.channels : nullptr;
      float* dbias = a.dbias ? strips + (strip * 2 + 1) * e.channels : nullptr;
      if (parameters) std::fill_n(strips + strip * 2 * e.channels, 2 * e.channels, 0.0f);
      const int64_t last = e.outer * (strip + 1) / count * e.groups;
      for (int64_t chunk = e.outer * strip / count * e.groups; chunk < last; ++chunk) {
        const int64_t at = chunk * e.size(), channel = chunk % e.groups * e.width();
        const float *x = a.x + at, *dy = a.dy + at;
        const float* weight = a.weight ? a.weight + channel : nullptr;
        const float mean = a.mean[chunk], inv_std = a.inv_std[chunk];
        const NormSums sums = k.row_sums(x, dy, weight, e.size(), mean);
        if (parameters)
          k.row_parameters(x, dy, e.size(), mean, inv_std, dweight ? dweight + channel : nullptr,
                           dbias ? dbias + channel : nullptr);
        const Coefficients c(sums, inv_std, e.size());
        k.row_gradient(x, dy, weight, a.dx + at, e.size(), mean, inv_std, c.offset, c.slope);
      }
    }
  });
  for (int which = 0; which < 2; ++which) {
    float* result = which == 0 ? a.dweight : a.dbias;
    if (!result) continue;
    for (int64_t c = 0; c < e.channels; ++c) {
      double sum = 0;
      for (int64_t strip = 0; strip < count; ++strip)
        sum += strips[(strip * 2 + which) * e.channels + c];
      result[c] = (float)sum;
    }
  }
}

// dweight and dbias from the sums of each sample's channels, in the order of the samples.
void parameter_gradients(const Extents& e, const Backward& a, const NormSums* sums) {
  for (int64_t c = 0; c < e.channels; ++c) {
    double dweight = 0, dbias = 0;
    for (int64_t o = 0; o < e.outer; ++o) {
      const NormSums& s = sums[o * e.channels + c];
      dweight += s.product * a.inv_std[o * e.groups + c / e.width()];
      dbias += s.sum;
    }
    if (a.dweight) a.dweight[c] = (float)dweight;
    if (a.dbias) a.dbias[c] = (float)dbias;
  }
}

NormSums weighted_sum(const NormSums* sums, const float* weight, int64_t channel, int64_t count) {
  NormSums all;
  for (int64_t c = 0; c < count; ++c) {
    const double w = value_or(weight, channel + c, 1);
    all.sum += w * sums[c].sum;
    all.product += w * sums[c].product;
  }
  return all;
}

void backward_rows(const Extents& e, const Backward& a, NormSums* sums, int threads) {
  const auto& k = kernels();
  parallel(threads, e.chunks(), e.numel() * 5, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t at = chunk * e.size(), channel = chunk % e.groups * e.width();
      NormSums* of_group = sums + chunk * e.width();
      const NormRuns run{1, e.inner, 0};
      const float mean = a.mean[chunk], inv_std = a.inv_std[chunk];
      for (int64_t c = 0; c < e.width(); ++c)
        of_group[c] = k.sums(a.x + at + c * e.inner, {a.dy + at + c * e.inner}, run, mean);
      const Coefficients coefficients(weighted_sum(of_group, a.weight, channel, e.width()), inv_std,
                                      e.size());
      for (int64_t c = 0; c < e.width(); ++c) {
        const int64_t i = at + c * e.inner;
        const float scale = inv_std * value_or(a.weight, channel + c, 1);
        k.gradient(a.x + i, {a.dy + i}, a.dx + i, run,
                   {&mean, &scale, &coefficients.offset, &coefficients.slope});
      }
    }
  });
  parameter_gradients(e, a, sums);
}

// ---- neighbouring channels side by side at each position ----

// Whole groups in whole blocks: what a thread works on.
struct Units {
  ChannelView x;
  Extents e;
  int64_t channels, per_sample;

  Units(const ChannelView& view, const Extents& extents)
      : x(view),
        e(extents),
        channels(std::lcm(view.block, extents.width())),
        per_sample(extents.channels / channels) {}
  int64_t count() const { return x.batch * per_sample; }
  int64_t sample(int64_t unit) const { return unit / per_sample; }
  int64_t channel(int64_t unit) const { return unit % per_sample * channels; }
  NormRuns runs() const { return {1, x.positions, 0}; }

  // Calls body(first channel, width, offset) for parts of up to kNormLanes channels.
  template <typename Body>
  void parts(int64_t unit, const Body& body) const {
    const int64_t first = channel(unit);
    for (int64_t block = first / x.block; block < (first + channels) / x.block; ++block)
      for (int64_t c = 0; c < x.block; c += kNormLanes)
        body(block * x.block + c, (int)std::min<int64_t>(kNormLanes, x.block - c),
             (sample(unit) * x.blocks + block) * x.positions * x.block + c);
  }
};

void forward_lanes(const Units& u, float epsilon, const Forward& a, NormMoments* moments,
                   int threads) {
  const auto& k = kernels();
  const Extents& e = u.e;
  parallel(threads, u.count(), e.numel() * 4, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = u.channel(unit), n = u.sample(unit);
      NormMoments* of_sample = moments + n * e.channels;
      std::fill_n(of_sample + first, u.channels, NormMoments{});
      u.parts(unit, [&](int64_t channel, int width, int64_t offset) {
        k.lane_moments(a.x + offset, u.runs(), u.x.block, width, of_sample + channel);
      });
      for (int64_t c = first; c < first + u.channels; c += e.width()) {
        NormMoments all;
        for (int64_t i = 0; i < e.width(); ++i) all.merge(of_sample[c + i]);
        const int64_t chunk = n * e.groups + c / e.width();
        a.mean[chunk] = (float)all.mean;
        a.inv_std[chunk] = inverse_deviation(all, epsilon);
      }
      u.parts(unit, [&](int64_t channel, int width, int64_t offset) {
        float mean[kNormLanes], scale[kNormLanes], shift[kNormLanes];
        for (int c = 0; c < width; ++c) {
          const int64_t chunk = n * e.groups + (channel + c) / e.width();
          mean[c] = a.mean[chunk];
          scale[c] = a.inv_std[chunk] * value_or(a.weight, channel + c, 1);
          shift[c] = value_or(a.bias, channel + c, 0);
        }
        k.lane_affine(a.x + offset, a.y + offset, u.runs(), u.x.block, width, {mean, scale, shift},
                      {});
      });
    }
  });
}

void backward_lanes(const Units& u, const Backward& a, NormSums* sums, int threads) {
  const auto& k = kernels();
  const Extents& e = u.e;
  parallel(threads, u.count(), e.numel() * 5, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = u.channel(unit), n = u.sample(unit);
      NormSums* of_sample = sums + n * e.channels;
      std::fill_n(of_sample + first, u.channels, NormSums{});
      const auto means = [&](int64_t channel, int width, float* mean) {
        for (int c = 0; c < width; ++c) mean[c] = a.mean[n * e.groups + (channel + c) / e.width()];
      };
      u.parts(unit, [&](int64_t channel, int width, int64_t offset) {
        float mean[kNormLanes];
        means(channel, width, mean);
        k.lane_sums(a.x + offset, {a.dy + offset}, u.runs(), u.x.block, width, mean,
                    of_sample + channel);
      });
      u.parts(unit, [&](int64_t channel, int width, int64_t at) {
        float mean[kNormLanes], scale[kNormLanes], offset[kNormLanes], slope[kNormLanes];
        means(channel, width, mean);
        for (int c = 0; c < width; ++c) {
          const int64_t group = (channel + c) / e.width();
          const float inv_std = a.inv_std[n * e.groups + group];
          const int64_t start = group * e.width();
          const Coefficients coefficients(
              weighted_sum(of_sample + start, a.weight, start, e.width()), inv_std, e.size());
          scale[c] = inv_std * value_or(a.weight, channel + c, 1);
          offset[c] = coefficients.offset;
          slope[c] = coefficients.slope;
        }
        k.lane_gradient(a.x + at, {a.dy + at}, a.dx + at, u.runs(), u.x.block, width,
                        {mean, scale, offset, slope});
      });
    }
  });
  parameter_gradients(e, a, sums);
}

// ---- the candidate ----

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_group_norm_attributes>();
  const Shape& shape = view.tensor(op.input(0)).shape;
  const Extents e(view_around(shape, attributes.axis), attributes.groups);
  const int threads = device_of(view).threads();
  const bool forward = attributes.direction == DN_FORWARD;
  const LayoutRef layout = attributes.axis == 1 ? channel_layout(view, op.input(0)) : nullptr;
  KernelPlan plan;
  const OptionalSlots inputs(op.inputs(), plan.inputs), outputs(op.outputs(), plan.outputs);
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  // grad_output is the last input.
  const int last = (int)plan.inputs.size() - 1;
  if (!forward) plan.inputs[last].layout = layout;
  plan.in_place = {forward ? 0 : last};

  // Work space: statistics that nobody asks for, then the kernel's own.
  const int64_t own = [&]() -> int64_t {
    const int64_t per_channel = e.outer * e.channels;
    if (forward) return layout ? per_channel * (int64_t)sizeof(NormMoments) : 0;
    if (!layout && e.inner == 1) return kStrips * 2 * e.channels * (int64_t)sizeof(float);
    return per_channel * (int64_t)sizeof(NormSums);
  }();
  plan.scratch_bytes = own + (forward ? 2 * e.chunks() * (int64_t)sizeof(float) : 0);
  if (forward) {
    plan.kernel = make_kernel([=, epsilon = attributes.epsilon](const Arguments& a) {
      float* spare = reinterpret_cast<float*>(static_cast<char*>(a.scratch) + own);
      Forward f{in(a, 0),  inputs.get(a.inputs, 1),   inputs.get(a.inputs, 2),
                out(a, 0), outputs.get(a.outputs, 1), outputs.get(a.outputs, 2)};
      if (!f.mean) f.mean = spare;
      if (!f.inv_std) f.inv_std = spare + e.chunks();
      if (layout)
        forward_lanes(Units(*channel_view(shape, layout), e), epsilon, f,
                      static_cast<NormMoments*>(a.scratch), threads);
      else
        forward_rows(e, epsilon, f, threads);
    });
  } else {
    plan.kernel = make_kernel([=](const Arguments& a) {
      const Backward b{in(a, 0),
                       inputs.get(a.inputs, 1),
                       inputs.get(a.inputs, 2),
                       inputs.get(a.inputs, 3),
                       inputs.get(a.inputs, 4),
                       out(a, 0),
                       outputs.get(a.outputs, 1),
                       outputs.get(a.outputs, 2)};
      if (layout)
        backward_lanes(Units(*channel_view(shape, layout), e), b, static_cast<NormSums*>(a.scratch),
                       threads);
      else if (e.inner == 1)
        backward_elements(e, b, static_cast<float*>(a.scratch), threads);
      else
        backward_rows(e, b, static_cast<NormSums*>(a.scratch), threads);
    });
  }
  return plan;
}

const RegisterOperator group_norm({"own:group_norm", DN_OPERATOR_GROUP_NORM, 100,
                                   refuse_other_than_float32, plan});

}  // namespace

}  // namespace dn::cpu
