// Batch normalisation over any channel layout, alone and with the addition and relu that follow it, or
// their gradient before its own. Ioffe and Szegedy 2015.
#include <cmath>

#include "cpu/candidates.h"
#include "cpu/kernels/norm.h"
#include "engine/patterns.h"

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
               T* y, const NormAffine& constants, const NormTail<T>& tail) {
  const auto& kernels = table<T>();
  if (p.lanes)
    kernels.lane_affine(x + offset, y + offset, runs, p.step, g.width, constants,
                        tail.from(offset));
  else
    kernels.affine(x + offset, y + offset, runs, constants, tail.from(offset));
}

template <typename T>
void normalise_split(const Plan& p, const Group& g, int64_t split, const T* x, T* y,
                     const NormAffine& constants, const NormTail<T>& tail) {
  int64_t offset;
  const NormRuns runs = p.split(split, offset);
  normalise(p, runs, g, offset + g.offset, x, y, constants, tail);
}

template <typename T>
void training(const Plan& p, const Constants& k, const T* x, const float* weight, const float* bias,
              const NormTail<T>& tail, T* y, float* mean, float* inv_std, float* running_mean,
              float* running_var, void* scratch, int threads) {
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
        normalise_split(p, g, split, x, y, {mean + g.channel, scale, bias + g.channel}, tail);
      });
}

template <typename T>
void inference(const Plan& p, const Constants& k, const T* x, const float* weight,
               const float* bias, const float* running_mean, const float* running_var,
               const NormTail<T>& tail, T* y, int threads) {
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
                  constants, tail);
      else
        normalise_split(p, g, i % parts, x, y, constants, tail);
    }
  });
}

// bias: of the forward direction, where the relu behind it is to be found from x; else null.
template <typename T>
void backward(const Plan& p, const T* x, const float* weight, const float* mean,
              const float* inv_std, const float* bias, const NormIncoming<T>& dy, T* dx,
              float* dweight, float* dbias, void* scratch, int threads) {
  const double count = (double)p.runs.positions();
  const auto& kernels = table<T>();
  const auto incoming_of = [&](const Group& g, int64_t offset, float* scale) {
    NormIncoming<T> incoming = dy.from(offset);
    if (!bias) return incoming;
    for (int c = 0; c < g.width; ++c) scale[c] = inv_std[g.channel + c] * weight[g.channel + c];
    incoming.forward = {mean + g.channel, scale, bias + g.channel};
    return incoming;
  };
  for_groups<NormSums>(
      p, scratch, threads,
      [&](const Group& g, int64_t split, NormSums* part) {
        int64_t offset;
        const NormRuns runs = p.split(split, offset);
        offset += g.offset;
        float forward[kNormLanes];
        const NormIncoming<T> incoming = incoming_of(g, offset, forward);
        if (p.lanes)
          kernels.lane_sums(x + offset, incoming, runs, p.step, g.width, mean + g.channel, part);
        else
          *part = kernels.sums(x + offset, incoming, runs, mean[g.channel]);
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
        float forward[kNormLanes];
        NormIncoming<T> incoming = incoming_of(g, offset, forward);
        if (incoming.relu == NormRelu::FromOutput) incoming = {incoming.masked};
        const NormGradient constants{mean + g.channel, scale, mean_gradient, slope};
        if (p.lanes)
          kernels.lane_gradient(x + offset, incoming, dx + offset, runs, p.step, g.width,
                                constants);
        else
          kernels.gradient(x + offset, incoming, dx + offset, runs, constants);
      });
}

const dn_batch_norm_attributes& attributes_of(const Operator& op) {
  return op.attributes<dn_batch_norm_attributes>();
}

// Slots of the operator itself, its x and y in the layout that x has.
KernelPlan slots_of(const Operator& op, const LayoutRef& layout) {
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : op.outputs()) plan.outputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  return plan;
}

Plan work_of(const CompileView& view, const Operator& op, const LayoutRef& layout) {
  return Plan(*channel_view(view.tensor(op.input(0)).shape, layout));
}

template <typename T>
KernelPlan plan_forward(const CompileView& view, int index, const std::optional<ReluAfter>& after) {
  const Operator& op = view.op(index);
  const auto& attributes = attributes_of(op);
  const Constants constants{attributes.epsilon, attributes.momentum};
  const int threads = device_of(view).threads();
  const LayoutRef layout = channel_layout(view, op.input(0));
  const Plan p = work_of(view, op, layout);
  KernelPlan plan = slots_of(op, layout);
  int added = -1;  // the argument
  if (after) {
    plan.outputs[0].tensor = after->output;
    if (after->residual >= 0) {
      added = (int)plan.inputs.size();
      plan.inputs.push_back({after->residual, layout});
    }
  }
  plan.in_place = {std::max(added, 0)};
  const bool relu = after && after->relu;
  const auto tail = [=](const Arguments& a) {
    return NormTail<T>{added >= 0 ? data_in<T>(a, added) : nullptr, relu};
  };
  if (attributes.mode == DN_BATCH_NORM_TRAINING) {
    plan.scratch_bytes = p.parts() * (int64_t)sizeof(NormMoments);
    plan.kernel = make_kernel([=](const Arguments& a) {
      training(p, constants, data_in<T>(a, 0), in(a, 1), in(a, 2), tail(a), data_out<T>(a, 0),
               out(a, 1), out(a, 2), out(a, 3), out(a, 4), a.scratch, threads);
    });
  } else {
    plan.kernel = make_kernel([=](const Arguments& a) {
      inference(p, constants, data_in<T>(a, 0), in(a, 1), in(a, 2), in(a, 3), in(a, 4), tail(a),
                data_out<T>(a, 0), threads);
    });
  }
  return plan;
}

template <typename T>
KernelPlan plan_backward(const CompileView& view, int index,
                         const std::optional<ReluGradientBeforeNorm>& before) {
  constexpr int kGradient = 4, kFirstExtra = 5, kMasked = 3;
  const Operator& op = view.op(index);
  const int threads = device_of(view).threads();
  const LayoutRef layout = channel_layout(view, op.input(0));
  const Plan p = work_of(view, op, layout);
  KernelPlan plan = slots_of(op, layout);
  plan.inputs[kGradient] = {before ? before->relu.gradient : op.input(kGradient), layout};
  NormRelu relu = NormRelu::None;
  bool other = false, masked = false;
  if (before && before->bias >= 0) {
    relu = NormRelu::FromInput;
    plan.inputs.push_back(row_major_slot(before->bias));
  } else if (before) {
    relu = NormRelu::FromOutput;
    plan.inputs.push_back({before->relu.y, layout});
    other = before->relu.other >= 0;
    if (other) plan.inputs.push_back({before->relu.other, layout});
    masked = before->needs_masked;
    if (masked) plan.outputs.push_back({before->relu.output, layout});
  }
  plan.in_place = {kGradient};
  plan.scratch_bytes = p.parts() * (int64_t)sizeof(NormSums);
  plan.kernel = make_kernel([=](const Arguments& a) {
    NormIncoming<T> dy{data_in<T>(a, kGradient), relu};
    if (relu == NormRelu::FromOutput) {
      dy.y = data_in<T>(a, kFirstExtra);
      dy.other = other ? data_in<T>(a, kFirstExtra + 1) : nullptr;
      dy.masked = data_out<T>(a, masked ? kMasked : 0);
    }
    backward(p, data_in<T>(a, 0), in(a, 1), in(a, 2), in(a, 3),
             relu == NormRelu::FromInput ? in(a, kFirstExtra) : nullptr, dy, data_out<T>(a, 0),
             out(a, 1), out(a, 2), a.scratch, threads);
  });
  return plan;
}

// Calls plan(T{}) with the type of the operator's data.
template <typename Make>
KernelPlan with_type(const CompileView& view, int op, const Make& make) {
  switch (view.tensor(view.op(op).input(0)).dtype) {
    case DN_DTYPE_BF16:
      return make(BFloat16{});
    case DN_DTYPE_F16:
      return make(Float16{});
    default:
      return make(float{});
  }
}

KernelPlan plan(const CompileView& view, int op) {
  return with_type(view, op, [&]<typename T>(T) {
    return attributes_of(view.op(op)).mode == DN_BATCH_NORM_BACKWARD
               ? plan_backward<T>(view, op, {})
               : plan_forward<T>(view, op, {});
  });
}

class BatchNormRelu final : public Candidate {
 public:
  std::string name() const override { return "own:batch_norm_relu"; }
  int kind() const override { return DN_OPERATOR_BATCH_NORM; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    if (attributes_of(view.op(first)).mode == DN_BATCH_NORM_BACKWARD) {
      reason = "not the forward direction";
      return {};
    }
    if (const auto after = relu_after(view, view.op(first).output(0))) return {first, after->op};
    reason = "no relu or addition follows";
    return {};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    const int first = operators[0];
    return with_type(view, first, [&]<typename T>(T) {
      return plan_forward<T>(view, first, relu_after(view, view.op(first).output(0)));
    });
  }
};

class BatchNormReluBackward final : public Candidate {
 public:
  std::string name() const override { return "own:batch_norm_relu_backward"; }
  int kind() const override { return DN_OPERATOR_POINTWISE; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    const auto found = relu_gradient_before_norm(view, first, reason);
    return found ? std::vector<int>{first, found->backward} : std::vector<int>{};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    std::string reason;
    const auto found = relu_gradient_before_norm(view, operators[0], reason);
    return with_type(view, found->backward,
                     [&]<typename T>(T) { return plan_backward<T>(view, found->backward, found); });
  }
};

const RegisterOperator batch_norm({"own:batch_norm", DN_OPERATOR_BATCH_NORM, 100, nullptr, plan});
const RegisterCandidate relu(std::make_unique<BatchNormRelu>());
const RegisterCandidate relu_backward(std::make_unique<BatchNormReluBackward>());

}  // namespace

}  // namespace dn::cpu
