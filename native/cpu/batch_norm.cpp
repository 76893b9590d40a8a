// Batch normalisation over any channel layout. Ioffe and Szegedy 2015.
#include <cmath>

#include "cpu/candidates.h"
#include "cpu/kernels/norm.h"

namespace dn::cpu {

namespace {

// Channels that are worked on together, and where their values lie.
struct Group {
  int64_t channel;  // the first
  int width;        // 1, or up to kNormLanes neighbouring channels
  int64_t offset;   // of the first value
};

// How the work is cut: groups of channels, and splits of their runs. It depends on the shape alone, and
// so do the sums.
struct Plan {
  int64_t groups, splits;
  int64_t block, step;  // channels side by side; floats from a position to the next
  int64_t channels;
  NormRuns runs;  // of a group
  bool lanes;     // neighbouring channels lie side by side

  explicit Plan(const ChannelView& x) : channels(x.channels()) {
    // Rows of (N, C) are like channels last.
    const bool rows = x.block == 1 && x.positions == 1;
    block = rows ? x.blocks : x.block;
    lanes = block > 1;
    step = block;
    runs = {x.batch, x.positions, x.blocks * x.positions * x.block};
    positions_ = rows ? 1 : x.positions;
    groups = (rows ? 1 : x.blocks) * groups_per_block();
    constexpr int64_t kItems = 64, kLeast = 16384;
    const int64_t values = runs.positions() * (lanes ? std::min<int64_t>(block, kNormLanes) : 1);
    splits = std::min(kItems / std::max<int64_t>(groups, 1), values / kLeast);
    splits = std::clamp<int64_t>(splits, 1, std::max<int64_t>(runs.count, 1));
  }

  int64_t groups_per_block() const { return (block + kNormLanes - 1) / kNormLanes; }
  int64_t numel() const { return runs.positions() * channels; }
  int64_t parts() const { return groups * splits * kNormLanes; }

  Group group(int64_t index) const {
    const int64_t at = index / groups_per_block();
    const int64_t first = index % groups_per_block() * kNormLanes;
    return {at * block + first, (int)std::min<int64_t>(kNormLanes, block - first),
            at * positions_ * block + first};
  }
  // The runs of a split, and the offset of the first.
  NormRuns split(int64_t index, int64_t& offset) const {
    const int64_t begin = runs.count * index / splits;
    offset = begin * runs.distance;
    return {runs.count * (index + 1) / splits - begin, runs.length, runs.distance};
  }

 private:
  int64_t positions_;
};

// Calls first(group, split, part), then all(group) once for each group, then last(group, split): with
// many groups a thread keeps one in its cache, else the splits are shared among the threads.
template <typename Part, typename First, typename All, typename Last>
void for_groups(const Plan& p, void* scratch, int threads, const First& first, const All& all,
                const Last& last) {
  Part* parts = static_cast<Part*>(scratch);
  std::fill_n(parts, p.parts(), Part{});
  const int64_t work = p.numel() * 4;
  if (p.groups >= 2 * threads || p.splits == 1) {
    parallel(threads, p.groups, work, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) {
        Part* of_group = parts + g * p.splits * kNormLanes;
        for (int64_t s = 0; s < p.splits; ++s) first(p.group(g), s, of_group + s * kNormLanes);
        all(p.group(g), of_group);
        // From the last split on: it is still in the cache.
        for (int64_t s = p.splits; s-- > 0;) last(p.group(g), s, of_group);
      }
    });
    return;
  }
  const auto part = [&](int64_t item) { return parts + item * kNormLanes; };
  parallel(threads, p.groups * p.splits, work, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) first(p.group(i / p.splits), i % p.splits, part(i));
  });
  for (int64_t g = 0; g < p.groups; ++g) all(p.group(g), part(g * p.splits));
  parallel(threads, p.groups * p.splits, work, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      last(p.group(i / p.splits), i % p.splits, part(i / p.splits * p.splits));
  });
}

struct Constants {
  float epsilon, momentum;
};

template <typename T>
const NormTable<T>& table() {
  if constexpr (std::is_same_v<T, float>)
    return DN_SELECT_ISA(norm_table);
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DN_SELECT_ISA(norm_table_bfloat16);
  else
    return DN_SELECT_ISA(norm_table_float16);
}

// The address of argument `index` as data of type T.
template <typename T>
const T* data_in(const Arguments& a, int index) {
  return static_cast<const T*>(a.inputs[index]);
}
template <typename T>
T* data_out(const Arguments& a, int index) {
  return static_cast<T*>(a.outputs[index]);
}

template <typename T>
void normalise(const Plan& p, const NormRuns& runs, const Group& g, int64_t offset, const T* x,
               T* y, const NormAffine& constants) {
  const auto& kernels = table<T>();
  if (p.lanes)
    kernels.lane_affine(x + offset, y + offset, runs, p.step, g.width, constants);
  else
    kernels.affine(x + offset, y + offset, runs, constants);
}

template <typename T>
void normalise_split(const Plan& p, const Group& g, int64_t split, const T* x, T* y,
                     const NormAffine& constants) {
  int64_t offset;
  const NormRuns runs = p.split(split, offset);
  normalise(p, runs, g, offset + g.offset, x, y, constants);
}

template <typename T>
void training(const Plan& p, const Constants& k, const T* x, const float* weight, const float* bias,
              T* y, float* mean, float* inv_std, float* running_mean, float* running_var,
              void* scratch, int threads) {
  const double count = (double)p.runs.positions();
  const auto& kernels = table<T>();
  for_groups<NormMoments>(
      p, scratch, threads,
      [&](const Group& g, int64_t split, NormMoments* part) {
        int64_t offset;
        const NormRuns runs = p.split(split, offset);
        offset += g.offset;
        if (p.lanes)
          kernels.lane_moments(x + offset, runs, p.step, g.width, part);
        else
          *part = kernels.moments(x + offset, runs);
      },
      [&](const Group& g, const NormMoments* parts) {
        for (int c = 0; c < g.width; ++c) {
          NormMoments all;
          for (int64_t s = 0; s < p.splits; ++s) all.merge(parts[s * kNormLanes + c]);
          const int64_t channel = g.channel + c;
          mean[channel] = (float)all.mean;
          inv_std[channel] = (float)(1.0 / std::sqrt(all.square / count + k.epsilon));
          running_mean[channel] += k.momentum * ((float)all.mean - running_mean[channel]);
          running_var[channel] +=
              k.momentum * ((float)(all.square / (count - 1)) - running_var[channel]);
        }
      },
      [&](const Group& g, int64_t split, const NormMoments*) {
        float scale[kNormLanes];
        for (int c = 0; c < g.width; ++c) scale[c] = inv_std[g.channel + c] * weight[g.channel + c];
        normalise_split(p, g, split, x, y, {mean + g.channel, scale, bias + g.channel});
      });
}

template <typename T>
void inference(const Plan& p, const Constants& k, const T* x, const float* weight,
               const float* bias, const float* running_mean, const float* running_var, T* y,
               int threads) {
  // In the order of memory, unless the runs are short.
  const bool by_run = p.runs.length * (p.lanes ? kNormLanes : 1) >= 512;
  const int64_t parts = by_run ? p.runs.count : p.splits;
  parallel(threads, p.groups * parts, p.numel(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Group g = p.group(by_run ? i % p.groups : i / parts);
      float scale[kNormLanes];
      for (int c = 0; c < g.width; ++c)
        scale[c] = weight[g.channel + c] / std::sqrt(running_var[g.channel + c] + k.epsilon);
      const NormAffine constants{running_mean + g.channel, scale, bias + g.channel};
      if (by_run)
        normalise(p, {1, p.runs.length, 0}, g, g.offset + i / p.groups * p.runs.distance, x, y,
                  constants);
      else
        normalise_split(p, g, i % parts, x, y, constants);
    }
  });
}

template <typename T>
void backward(const Plan& p, const T* x, const float* weight, const float* mean,
              const float* inv_std, const T* dy, T* dx, float* dweight, float* dbias, void* scratch,
              int threads) {
  const double count = (double)p.runs.positions();
  const auto& kernels = table<T>();
  for_groups<NormSums>(
      p, scratch, threads,
      [&](const Group& g, int64_t split, NormSums* part) {
        int64_t offset;
        const NormRuns runs = p.split(split, offset);
        offset += g.offset;
        if (p.lanes)
          kernels.lane_sums(x + offset, dy + offset, runs, p.step, g.width, mean + g.channel, part);
        else
          *part = kernels.sums(x + offset, dy + offset, runs, mean[g.channel]);
      },
      [&](const Group& g, NormSums* parts) {
        for (int c = 0; c < g.width; ++c) {
          for (int64_t s = 1; s < p.splits; ++s) {
            parts[c].sum += parts[s * kNormLanes + c].sum;
            parts[c].product += parts[s * kNormLanes + c].product;
          }
          dbias[g.channel + c] = (float)parts[c].sum;
          dweight[g.channel + c] = (float)(parts[c].product * inv_std[g.channel + c]);
        }
      },
      [&](const Group& g, int64_t split, const NormSums* all) {
        float scale[kNormLanes], mean_gradient[kNormLanes], slope[kNormLanes];
        for (int c = 0; c < g.width; ++c) {
          const double inverse = inv_std[g.channel + c], factor = weight[g.channel + c] * inverse;
          scale[c] = (float)factor;
          mean_gradient[c] = (float)(factor * all[c].sum / count);
          slope[c] = (float)(factor * all[c].product / count * inverse * inverse);
        }
        int64_t offset;
        const NormRuns runs = p.split(split, offset);
        offset += g.offset;
        const NormGradient constants{mean + g.channel, scale, mean_gradient, slope};
        if (p.lanes)
          kernels.lane_gradient(x + offset, dy + offset, dx + offset, runs, p.step, g.width,
                                constants);
        else
          kernels.gradient(x + offset, dy + offset, dx + offset, runs, constants);
      });
}

template <typename T>
KernelPlan plan_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_batch_norm_attributes>();
  const Constants constants{attributes.epsilon, attributes.momentum};
  const int threads = device_of(view).threads();
  const LayoutRef layout = channel_layout(view, operation.input(0));
  const Plan p(*channel_view(view.tensor(operation.input(0)).shape, layout));
  KernelPlan plan;
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs()) plan.outputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  plan.in_place = {0};
  switch (attributes.mode) {
    case DN_BATCH_NORM_TRAINING:
      plan.kernel = make_kernel([=](const Arguments& a) {
        training(p, constants, data_in<T>(a, 0), in(a, 1), in(a, 2), data_out<T>(a, 0), out(a, 1),
                 out(a, 2), out(a, 3), out(a, 4), a.scratch, threads);
      });
      plan.scratch_bytes = p.parts() * (int64_t)sizeof(NormMoments);
      break;
    case DN_BATCH_NORM_INFERENCE:
      plan.kernel = make_kernel([=](const Arguments& a) {
        inference(p, constants, data_in<T>(a, 0), in(a, 1), in(a, 2), in(a, 3), in(a, 4),
                  data_out<T>(a, 0), threads);
      });
      break;
    default:
      plan.inputs[4].layout = layout;
      plan.kernel = make_kernel([=](const Arguments& a) {
        backward(p, data_in<T>(a, 0), in(a, 1), in(a, 2), in(a, 3), data_in<T>(a, 4),
                 data_out<T>(a, 0), out(a, 1), out(a, 2), a.scratch, threads);
      });
      plan.scratch_bytes = p.parts() * (int64_t)sizeof(NormSums);
      plan.in_place = {4};
  }
  return plan;
}

KernelPlan plan(const CompileView& view, int op) {
  switch (view.tensor(view.op(op).input(0)).dtype) {
    case DN_DTYPE_BF16:
      return plan_of<BFloat16>(view, op);
    case DN_DTYPE_F16:
      return plan_of<Float16>(view, op);
    default:
      return plan_of<float>(view, op);
  }
}

const RegisterOperator batch_norm({"own:batch_norm", DN_OPERATOR_BATCH_NORM, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
