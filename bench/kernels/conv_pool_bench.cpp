// Times conv_pool against oneDNN's convolution + max pooling + ReLU (formats chosen by oneDNN, no
// reorders counted) on the two stages of the MNIST net, alternately in one process.
// dense/peak: the dense convolution's operations over our time, as a share of the FMA peak that was
// measured between the repeats; the sparse gradients can pass 100 %.
// Usage: conv_pool_bench [threads = 2] [repeats = 200]
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpu/kernels/conv_pool.h"

namespace {

using namespace dn::cpu;
using Clock = std::chrono::steady_clock;
using Arguments = std::unordered_map<int, dnnl::memory>;

double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// Independent fused multiply-adds on registers: the most that this machine does now, in FLOP/s.
#if defined(__x86_64__)
#define DN_ACCUMULATORS(op, reg)                                                          \
  op(reg, 2) op(reg, 3) op(reg, 4) op(reg, 5) op(reg, 6) op(reg, 7) op(reg, 8) op(reg, 9) \
      op(reg, 10) op(reg, 11) op(reg, 12) op(reg, 13)
#define DN_FMA(reg, n) "vfmadd231ps %%" reg "0, %%" reg "1, %%" reg #n "\n"
#define DN_FMA_LOOP(reg, count)                                                                  \
  asm volatile(                                                                                  \
      "vxorps %%xmm0, %%xmm0, %%xmm0\n vxorps %%xmm1, %%xmm1, %%xmm1\n 1:\n" DN_ACCUMULATORS(    \
          DN_FMA, reg) "dec %0\n jne 1b\n vzeroupper\n"                                          \
      : "+r"(count)                                                                              \
      :                                                                                          \
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13")
#endif

// 0 where that is not known. Takes about 40 us.
double fma_rate(int threads) {
#if defined(__x86_64__)
  if (best_isa() == Isa::Baseline) return 0;
  constexpr long kLoops = 20000;
  const double lanes = best_isa() == Isa::Avx512 ? 16 : 8;
  const auto start = Clock::now();
#pragma omp parallel num_threads(threads)
  {
    long count = kLoops;
    if (lanes == 16)
      DN_FMA_LOOP("zmm", count);
    else
      DN_FMA_LOOP("ymm", count);
  }
  return threads * kLoops * 12 * lanes * 2 / seconds(start);
#else
  return threads * 0.0;
#endif
}

template <typename T>
std::unique_ptr<T[], void (*)(void*)> aligned(size_t count) {
  void* p = std::aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64);
  std::memset(p, 0, (count * sizeof(T) + 127) / 64 * 64);
  return {static_cast<T*>(p), std::free};
}

struct Stage {
  const char* name;
  ConvPoolParams p;
};

Stage make_stage(const char* name, int64_t c, int64_t size, int64_t k, int64_t kernel,
                 int64_t pool) {
  Stage s{name, {}};
  ConvPoolParams& p = s.p;
  p.batch = 100, p.channels = c, p.height = p.width = size, p.out_channels = k;
  p.kernel_h = p.kernel_w = kernel, p.pool_h = p.pool_w = pool, p.relu = true;
  if (p.planar())
    p.x_layout = {c * size * size, size * size, size, 1};
  else
    p.x_layout = {c * size * size, 16, c * size, c};
  p.y_layout = {k * p.pooled_h() * p.pooled_w(), 16, k * p.pooled_w(), k};
  return s;
}

// One oneDNN primitive with its arguments.
struct Step {
  dnnl::primitive primitive;
  Arguments arguments;
};

struct Peer {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<Step> forward, backward_weight, backward_data, pool_backward;
  std::vector<dnnl::memory> memories;

  dnnl::memory make(const dnnl::memory::desc& desc, std::mt19937& random) {
    dnnl::memory m(desc, engine);
    std::normal_distribution<float> normal(0, 0.1f);
    const dnnl::memory::data_type type = desc.data_type();
    auto* data = static_cast<float*>(m.get_data_handle());
    if (type == dnnl::memory::data_type::f32)
      for (size_t i = 0; i < desc.get_size() / 4; ++i) data[i] = normal(random);
    memories.push_back(m);
    return m;
  }

  explicit Peer(const ConvPoolParams& p, std::mt19937& random) {
    using namespace dnnl;
    using tag = memory::format_tag;
    const auto f32 = memory::data_type::f32;
    const memory::dims pad{0, 0}, one{1, 1}, pool{p.pool_h, p.pool_w};
    const memory::desc x({p.batch, p.channels, p.height, p.width}, f32, tag::any);
    const memory::desc w({p.out_channels, p.channels, p.kernel_h, p.kernel_w}, f32, tag::any);
    const memory::desc b({p.out_channels}, f32, tag::x);
    const memory::desc c({p.batch, p.out_channels, p.conv_h(), p.conv_w()}, f32, tag::any);
    const auto conv = convolution_forward::primitive_desc(
        {prop_kind::forward_training, algorithm::convolution_direct, x, w, b, c, one, pad, pad},
        engine);
    const memory::desc y({p.batch, p.out_channels, p.pooled_h(), p.pooled_w()}, f32, tag::any);
    const auto max =
        pooling_forward::primitive_desc({prop_kind::forward_training, algorithm::pooling_max,
                                         conv.dst_desc(), y, pool, pool, pad, pad},
                                        engine);
    const auto relu = eltwise_forward::primitive_desc(
        {prop_kind::forward_training, algorithm::eltwise_relu, max.dst_desc(), 0.0f}, engine);
    auto mx = make(conv.src_desc(), random), mw = make(conv.weights_desc(), random),
         mb = make(conv.bias_desc(), random), mc = make(conv.dst_desc(), random),
         my = make(max.dst_desc(), random), ws = make(max.workspace_desc(), random);
    forward = {
        {convolution_forward(conv),
         {{DNNL_ARG_SRC, mx}, {DNNL_ARG_WEIGHTS, mw}, {DNNL_ARG_BIAS, mb}, {DNNL_ARG_DST, mc}}},
        {pooling_forward(max), {{DNNL_ARG_SRC, mc}, {DNNL_ARG_DST, my}, {DNNL_ARG_WORKSPACE, ws}}},
        {eltwise_forward(relu), {{DNNL_ARG_SRC, my}, {DNNL_ARG_DST, my}}}};

    const auto dw = convolution_backward_weights::primitive_desc(
        {algorithm::convolution_direct, x, w, b, c, one, pad, pad}, engine, conv);
    const auto dmax = pooling_backward::primitive_desc(
        {algorithm::pooling_max, dw.diff_dst_desc(), max.dst_desc(), pool, pool, pad, pad}, engine,
        max);
    const auto drelu = eltwise_backward::primitive_desc(
        {algorithm::eltwise_relu, max.dst_desc(), max.dst_desc(), 0.0f}, engine, relu);
    auto mdy = make(max.dst_desc(), random), mdc = make(dw.diff_dst_desc(), random);
    pool_backward = {
        {eltwise_backward(drelu),
         {{DNNL_ARG_SRC, my}, {DNNL_ARG_DIFF_DST, mdy}, {DNNL_ARG_DIFF_SRC, mdy}}},
        {pooling_backward(dmax),
         {{DNNL_ARG_DIFF_DST, mdy}, {DNNL_ARG_DIFF_SRC, mdc}, {DNNL_ARG_WORKSPACE, ws}}}};
    backward_weight = {{convolution_backward_weights(dw),
                        {{DNNL_ARG_SRC, make(dw.src_desc(), random)},
                         {DNNL_ARG_DIFF_DST, mdc},
                         {DNNL_ARG_DIFF_WEIGHTS, make(dw.diff_weights_desc(), random)},
                         {DNNL_ARG_DIFF_BIAS, make(dw.diff_bias_desc(), random)}}}};
    if (!p.planar()) {
      const auto dx = convolution_backward_data::primitive_desc(
          {algorithm::convolution_direct, x, w, c, one, pad, pad}, engine, conv);
      backward_data = {{convolution_backward_data(dx),
                        {{DNNL_ARG_DIFF_SRC, make(dx.diff_src_desc(), random)},
                         {DNNL_ARG_WEIGHTS, make(dx.weights_desc(), random)},
                         {DNNL_ARG_DIFF_DST, make(dx.diff_dst_desc(), random)}}}};
    }
    run(forward);
  }

  void run(std::vector<Step>& steps) {
    for (Step& s : steps) s.primitive.execute(stream, s.arguments);
    stream.wait();
  }
};

struct Ours {
  const ConvPoolParams& p;
  std::unique_ptr<float[], void (*)(void*)> x, w, bias, y, dy, dw, db, dx;
  std::unique_ptr<uint8_t[], void (*)(void*)> tap, scratch;
  int threads;

  Ours(const ConvPoolParams& params, int thread_count, std::mt19937& random)
      : p(params),
        x(aligned<float>(numel_x())),
        w(aligned<float>(numel_w())),
        bias(aligned<float>(size_t(p.out_channels))),
        y(aligned<float>(numel_y())),
        dy(aligned<float>(numel_y())),
        dw(aligned<float>(numel_w())),
        db(aligned<float>(size_t(p.out_channels))),
        dx(aligned<float>(numel_x())),
        tap(aligned<uint8_t>(numel_y())),
        scratch(aligned<uint8_t>(scratch_bytes(thread_count))),
        threads(thread_count) {
    std::normal_distribution<float> normal(0, 0.1f);
    for (size_t i = 0; i < numel_x(); ++i) x[i] = normal(random);
    for (size_t i = 0; i < numel_w(); ++i) w[i] = normal(random);
    for (size_t i = 0; i < numel_y(); ++i) dy[i] = normal(random);
    // A bias that leaves half of the outputs to ReLU's zero, as in a trained net.
    ConvPoolParams plain = p;
    plain.relu = false;
    DN_SELECT_ISA(conv_pool_forward)
        .forward(plain, x.get(), w.get(), bias.get(), y.get(), tap.get(), scratch.get(), threads);
    std::nth_element(y.get(), y.get() + numel_y() / 2, y.get() + numel_y());
    std::fill_n(bias.get(), p.out_channels, -y[numel_y() / 2]);
    forward();
  }
  size_t numel_x() const { return size_t(p.batch * p.channels * p.height * p.width); }
  size_t numel_w() const { return size_t(p.out_channels * p.channels * p.kernel_h * p.kernel_w); }
  size_t numel_y() const { return size_t(p.batch * p.out_channels * p.pooled_h() * p.pooled_w()); }
  size_t scratch_bytes(int count) const {
    size_t most = 0;
    for (auto pass :
         {ConvPoolPass::Forward, ConvPoolPass::BackwardWeight, ConvPoolPass::BackwardData})
      if (!conv_pool_can_run(p, pass))
        most = std::max(most, conv_pool_scratch_bytes(p, pass, count));
    return most;
  }
  void forward() {
    DN_SELECT_ISA(conv_pool_forward)
        .forward(p, x.get(), w.get(), bias.get(), y.get(), tap.get(), scratch.get(), threads);
  }
  void backward_weight() {
    DN_SELECT_ISA(conv_pool_backward)
        .backward_weight(p, dy.get(), y.get(), tap.get(), x.get(), dw.get(), db.get(),
                         GradMode::Overwrite, scratch.get(), threads);
  }
  void backward_data() {
    DN_SELECT_ISA(conv_pool_backward)
        .backward_data(p, dy.get(), y.get(), tap.get(), w.get(), dx.get(), GradMode::Overwrite,
                       scratch.get(), threads);
  }
};

struct Times {
  double min, median;
};

struct Race {
  Times ours, theirs;
  double peak;  // FLOP/s, the best seen during the race
};

// Alternately, so that other load on the machine and its clock meet all alike.
Race race(int repeats, int threads, const std::function<void()>& a,
          const std::function<void()>& b) {
  std::vector<double> ta, tb;
  double peak = 0;
  for (int i = 0; i < repeats; ++i) {
    peak = std::max(peak, fma_rate(threads));
    auto start = Clock::now();
    a();
    ta.push_back(seconds(start));
    start = Clock::now();
    b();
    tb.push_back(seconds(start));
  }
  const auto summary = [](std::vector<double>& t) {
    std::sort(t.begin(), t.end());
    return Times{t.front() * 1e6, t[t.size() / 2] * 1e6};
  };
  return {summary(ta), summary(tb), peak};
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  const int repeats = argc > 2 ? std::atoi(argv[2]) : 200;
  if (threads < 1 || repeats < 1) {
    std::fprintf(stderr, "usage: conv_pool_bench [threads] [repeats]\n");
    return 2;
  }
  omp_set_num_threads(threads);
  std::printf("isa %s, %d threads, batch 100, us: min (median) of %d\n", isa_name(best_isa()),
              threads, repeats);
  std::printf("%-12s %-16s %18s %18s %7s %11s %11s\n", "stage", "pass", "conv_pool", "oneDNN",
              "ratio", "dense/peak", "peak GF/s");
  std::mt19937 random(1);
  const Stage stages[] = {make_stage("1->32 28x28", 1, 28, 32, 5, 3),
                          make_stage("32->64 8x8", 32, 8, 64, 5, 2)};
  double total[2] = {0, 0};
  for (const Stage& s : stages) {
    const ConvPoolParams& p = s.p;
    Ours ours(p, threads, random);
    Peer peer(p, random);
    const double flops = 2.0 * double(p.batch * p.out_channels * p.channels * p.kernel_h *
                                      p.kernel_w * p.conv_h() * p.conv_w());
    const auto line = [&](const char* pass, auto a, auto b) {
      const Race r = race(repeats, threads, a, b);
      std::printf("%-12s %-16s %9.1f (%6.1f) %9.1f (%6.1f) %6.2fx %10.0f%% %11.0f\n", s.name, pass,
                  r.ours.min, r.ours.median, r.theirs.min, r.theirs.median,
                  r.theirs.min / r.ours.min,
                  r.peak > 0 ? 100 * flops / (r.ours.min * 1e-6) / r.peak : 0, r.peak / 1e9);
      total[0] += r.ours.min, total[1] += r.theirs.min;
    };
    line(
        "forward", [&] { ours.forward(); }, [&] { peer.run(peer.forward); });
    line(
        "backward_weight", [&] { ours.backward_weight(); },
        [&] { peer.run(peer.pool_backward), peer.run(peer.backward_weight); });
    if (!p.planar())
      line(
          "backward_data", [&] { ours.backward_data(); }, [&] { peer.run(peer.backward_data); });
  }
  std::printf("both stages, forward and backward: %.1f us against %.1f us, %.2fx\n", total[0],
              total[1], total[1] / total[0]);
  return 0;
}
