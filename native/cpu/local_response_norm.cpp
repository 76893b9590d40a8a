// Normalisation across neighbouring channels, over any channel layout. Krizhevsky et al. 2012.
#include "cpu/kernels/local_response_norm.h"

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

// Positions that a thread works on at a time.
constexpr int64_t kTile = 64;

struct Work {
  LrnParams params;
  ChannelView view;
  int threads;

  bool is_planes() const { return view.block == 1 && view.positions > 1; }
  // Rows of (N, C) are like channels last.
  LrnLine line() const { return {view.positions, view.block == 1 ? view.blocks : view.block}; }

  // Calls body(offset of the sample, first position, last, work space).
  template <typename Body>
  void run(void* scratch, const Body& body) const {
    const int64_t sample = view.channels() * view.positions;
    if (sample == 0) return;
    const int64_t tiles = (view.positions + kTile - 1) / kTile;
    parallel(threads, view.batch * tiles, view.batch * sample * 8, [&](int64_t begin, int64_t end) {
      float* own = static_cast<float*>(scratch) + omp_get_thread_num() * lrn_scratch(params);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % tiles * kTile;
        body(i / tiles * sample, first, std::min(first + kTile, view.positions), own);
      }
    });
  }

  void forward(const float* x, float* y, void* scratch) const {
    const auto& k = DN_SELECT_ISA(lrn_table);
    run(scratch, [&](int64_t at, int64_t begin, int64_t end, float* own) {
      if (is_planes())
        k.planes(params, x + at, y + at, view.positions, begin, end, own);
      else
        k.lines(params, x + at, y + at, line(), begin, end, own);
    });
  }

  void backward(const float* x, const float* dy, float* dx, void* scratch) const {
    const auto& k = DN_SELECT_ISA(lrn_table);
    run(scratch, [&](int64_t at, int64_t begin, int64_t end, float* own) {
      if (is_planes())
        k.planes_backward(params, x + at, dy + at, dx + at, view.positions, begin, end, own);
      else
        k.lines_backward(params, x + at, dy + at, dx + at, line(), begin, end, own);
    });
  }
};

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_local_response_norm_attributes>();
  const Shape& shape = view.tensor(op.input(0)).shape;
  const LayoutRef layout = channel_layout(view, op.input(0));
  const Work work{{shape[1], attributes.size, attributes.alpha, attributes.beta, attributes.k},
                  *channel_view(shape, layout),
                  device_of(view).threads()};
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back({id, layout});
  plan.outputs = {{op.output(0), layout}};
  plan.scratch_bytes = work.threads * lrn_scratch(work.params) * (int64_t)sizeof(float);
  if (attributes.direction == DN_FORWARD)
    plan.kernel =
        make_kernel([=](const Arguments& a) { work.forward(in(a, 0), out(a, 0), a.scratch); });
  else
    plan.kernel = make_kernel(
        [=](const Arguments& a) { work.backward(in(a, 0), in(a, 1), out(a, 0), a.scratch); });
  return plan;
}

const RegisterOperator local_response_norm({"own:local_response_norm",
                                            DN_OPERATOR_LOCAL_RESPONSE_NORM, 100,
                                            refuse_other_than_float32, plan});

}  // namespace

}  // namespace dn::cpu
