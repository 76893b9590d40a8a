// Batch normalisation over any channel layout. Ioffe and Szegedy 2015.
#include <cmath>

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

// The channels are worked on in groups of up to kGroup that lie side by side.
constexpr int64_t kGroup = 16;

struct Group {
  int64_t channel;  // the first
  int64_t width;
  int64_t offset;  // of the first element
};

struct View {
  ChannelView x;
  int64_t groups_per_block() const { return (x.block + kGroup - 1) / kGroup; }
  int64_t groups() const { return x.blocks * groups_per_block(); }
  int64_t count() const { return x.batch * x.positions; }  // values a channel
  int64_t numel() const { return count() * x.channels(); }
  Group group(int64_t index) const {
    const int64_t block = index / groups_per_block();
    const int64_t first = index % groups_per_block() * kGroup;
    return {block * x.block + first, std::min(kGroup, x.block - first),
            block * x.positions * x.block + first};
  }
  // Calls body(offset) for every position of the group, sample after sample.
  template <typename Body>
  void positions(const Group& group, const Body& body) const {
    for (int64_t n = 0; n < x.batch; ++n) {
      int64_t offset = n * x.blocks * x.positions * x.block + group.offset;
      for (int64_t p = 0; p < x.positions; ++p, offset += x.block) body(offset);
    }
  }
};

struct Constants {
  float epsilon, momentum;
};

void normalise(const View& v, const Group& g, const float* x, const float* mean,
               const float* inv_std, const float* weight, const float* bias, float* y) {
  float scale[kGroup], shift[kGroup], centre[kGroup];
  for (int64_t c = 0; c < g.width; ++c) {
    scale[c] = inv_std[c] * weight[g.channel + c];
    shift[c] = bias[g.channel + c];
    centre[c] = mean[c];
  }
  v.positions(g, [&](int64_t at) {
    for (int64_t c = 0; c < g.width; ++c) y[at + c] = (x[at + c] - centre[c]) * scale[c] + shift[c];
  });
}

void training(const View& v, const Constants& k, const float* x, const float* weight,
              const float* bias, float* y, float* mean, float* inv_std, float* running_mean,
              float* running_var, int threads) {
  const double count = (double)v.count();
  parallel(threads, v.groups(), v.numel() * 4, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Group g = v.group(index);
      // Two passes: the difference of two large sums would lose the variance.
      double sum[kGroup] = {}, square[kGroup] = {};
      v.positions(g, [&](int64_t at) {
        for (int64_t c = 0; c < g.width; ++c) sum[c] += x[at + c];
      });
      for (int64_t c = 0; c < g.width; ++c) sum[c] /= count;
      v.positions(g, [&](int64_t at) {
        for (int64_t c = 0; c < g.width; ++c) {
          const double centred = x[at + c] - sum[c];
          square[c] += centred * centred;
        }
      });
      for (int64_t c = 0; c < g.width; ++c) {
        const int64_t channel = g.channel + c;
        mean[channel] = (float)sum[c];
        inv_std[channel] = (float)(1.0 / std::sqrt(square[c] / count + k.epsilon));
        running_mean[channel] += k.momentum * ((float)sum[c] - running_mean[channel]);
        running_var[channel] +=
            k.momentum * ((float)(square[c] / (count - 1)) - running_var[channel]);
      }
      normalise(v, g, x, mean + g.channel, inv_std + g.channel, weight, bias, y);
    }
  });
}

void inference(const View& v, const Constants& k, const float* x, const float* weight,
               const float* bias, const float* running_mean, const float* running_var, float* y,
               int threads) {
  parallel(threads, v.groups(), v.numel(), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Group g = v.group(index);
      float inv_std[kGroup];
      for (int64_t c = 0; c < g.width; ++c)
        inv_std[c] = 1.0f / std::sqrt(running_var[g.channel + c] + k.epsilon);
      normalise(v, g, x, running_mean + g.channel, inv_std, weight, bias, y);
    }
  });
}

void backward(const View& v, const float* x, const float* weight, const float* mean,
              const float* inv_std, const float* dy, float* dx, float* dweight, float* dbias,
              int threads) {
  const double count = (double)v.count();
  parallel(threads, v.groups(), v.numel() * 4, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Group g = v.group(index);
      const float *centre = mean + g.channel, *inverse = inv_std + g.channel;
      double sum[kGroup] = {}, product[kGroup] = {};
      v.positions(g, [&](int64_t at) {
        for (int64_t c = 0; c < g.width; ++c) {
          sum[c] += dy[at + c];
          product[c] += (double)dy[at + c] * (x[at + c] - centre[c]);
        }
      });
      float scale[kGroup], slope[kGroup], offset[kGroup];
      for (int64_t c = 0; c < g.width; ++c) {
        dbias[g.channel + c] = (float)sum[c];
        dweight[g.channel + c] = (float)(product[c] * inverse[c]);
        scale[c] = weight[g.channel + c] * inverse[c];
        slope[c] = (float)(product[c] / count * inverse[c] * inverse[c]);
        offset[c] = (float)(sum[c] / count);
      }
      v.positions(g, [&](int64_t at) {
        for (int64_t c = 0; c < g.width; ++c)
          dx[at + c] = scale[c] * (dy[at + c] - offset[c] - (x[at + c] - centre[c]) * slope[c]);
      });
    }
  });
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_batch_norm_attributes>();
  const Constants constants{attributes.epsilon, attributes.momentum};
  const int threads = device_of(view).threads();
  const LayoutRef layout = channel_layout(view, operation.input(0));
  const View v{*channel_view(view.tensor(operation.input(0)).shape, layout)};
  KernelPlan plan;
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs()) plan.outputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  switch (attributes.mode) {
    case DN_BATCH_NORM_TRAINING:
      plan.kernel = make_kernel([=](const Arguments& a) {
        training(v, constants, in(a, 0), in(a, 1), in(a, 2), out(a, 0), out(a, 1), out(a, 2),
                 out(a, 3), out(a, 4), threads);
      });
      break;
    case DN_BATCH_NORM_INFERENCE:
      plan.kernel = make_kernel([=](const Arguments& a) {
        inference(v, constants, in(a, 0), in(a, 1), in(a, 2), in(a, 3), in(a, 4), out(a, 0),
                  threads);
      });
      break;
    default:
      plan.inputs[4].layout = layout;
      plan.kernel = make_kernel([=](const Arguments& a) {
        backward(v, in(a, 0), in(a, 1), in(a, 2), in(a, 3), in(a, 4), out(a, 0), out(a, 1),
                 out(a, 2), threads);
      });
  }
  return plan;
}

const RegisterOperator batch_norm({"own:batch_norm", DN_OPERATOR_BATCH_NORM, 100, refuse_other_than_float32, plan});

}  // namespace

}  // namespace dn::cpu
