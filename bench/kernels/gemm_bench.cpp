// gemm against oneDNN's matmul primitive and dnnl_sgemm, in one process, alternating, with the
// share of the machine's FMA peak measured between them. Usage: gemm_bench [threads] [repeats]
// Columns: microseconds, GFLOP/s, share of peak; times are the shortest of all repeats, since
// neighbours on a shared machine only ever add to them.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cpu/kernels/gemm.h"

namespace {

using dn::cpu::GemmParams;
using dn::cpu::Transpose;

struct Case {
  const char* layer;
  int64_t rows, columns, depth;
  Transpose a, b;
};

constexpr Transpose N = Transpose::No, T = Transpose::Yes;
const Case kCases[] = {
    {"forward", 100, 300, 784, N, N},     {"forward", 100, 100, 300, N, N},
    {"forward", 100, 10, 100, N, N},      {"forward", 100, 200, 256, N, N},
    {"forward", 100, 10, 200, N, N},      {"grad_weight", 784, 300, 100, T, N},
    {"grad_weight", 300, 100, 100, T, N}, {"grad_weight", 100, 10, 100, T, N},
    {"grad_weight", 256, 200, 100, T, N}, {"grad_input", 100, 300, 100, N, T},
    {"grad_input", 100, 100, 10, N, T},   {"grad_input", 100, 256, 200, N, T},
    {"large", 512, 512, 512, N, N},       {"large", 1024, 1024, 1024, N, N},
    {"large", 1024, 1024, 1024, N, T},    {"large", 1024, 1024, 1024, T, N},
};

double now_us() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(t).count();
}

#if defined(__x86_64__)
// Register-only multiply-adds, in as many chains as hide the latency; counts floating-point
// operations.
#define DN_PEAK_LOOP(name, target_set, bytes)                                                 \
  __attribute__((target(target_set), noinline)) double name(int64_t steps) {                  \
    typedef float v __attribute__((vector_size(bytes)));                                      \
    v a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {}, h = {}, i = {}, j = {}, x = {}, \
      y = {};                                                                                 \
    for (int64_t s = 0; s < steps; ++s)                                                       \
      asm volatile(                                                                           \
          "vfmadd231ps %10,%11,%0\n vfmadd231ps %10,%11,%1\n"                                 \
          "vfmadd231ps %10,%11,%2\n vfmadd231ps %10,%11,%3\n"                                 \
          "vfmadd231ps %10,%11,%4\n vfmadd231ps %10,%11,%5\n"                                 \
          "vfmadd231ps %10,%11,%6\n vfmadd231ps %10,%11,%7\n"                                 \
          "vfmadd231ps %10,%11,%8\n vfmadd231ps %10,%11,%9\n"                                 \
          : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(g), "+v"(h), "+v"(i),  \
            "+v"(j)                                                                           \
          : "v"(x), "v"(y));                                                                  \
    return double(steps) * 10 * 2 * (bytes / 4);                                              \
  }
DN_PEAK_LOOP(peak_avx512, "avx512f", 64)
DN_PEAK_LOOP(peak_avx2, "avx2,fma", 32)
#endif

double peak_gflops(int threads) {
  double best = 0;
#if defined(__x86_64__)
  const auto loop = dn::cpu::best_isa() == dn::cpu::Isa::Avx512 ? peak_avx512 : peak_avx2;
  for (int repeat = 0; repeat < 20; ++repeat) {
    double done = 0;
    const double start = now_us();
#pragma omp parallel num_threads(threads) reduction(+ : done)
    done += loop(20000);
    best = std::max(best, done / (now_us() - start) * 1e-3);
  }
#endif
  return best;
}

std::vector<float> random_floats(int64_t count) {
  static std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(generator);
  return values;
}

double shortest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

// oneDNN 2.6's matmul on the same row-major memory, weights as given (no pre-packing).
std::function<void()> make_matmul(const Case& c, float* a, float* b, float* out) {
  using namespace dnnl;
  static engine cpu(engine::kind::cpu, 0);
  static stream queue(cpu);
  const auto desc = [](int64_t rows, int64_t columns, Transpose t) {
    return memory::desc({rows, columns}, memory::data_type::f32,
                        t == T ? memory::format_tag::ba : memory::format_tag::ab);
  };
  const auto da = desc(c.rows, c.depth, c.a), db = desc(c.depth, c.columns, c.b),
             dc = desc(c.rows, c.columns, N);
  const matmul primitive(matmul::primitive_desc(matmul::desc(da, db, dc), cpu));
  const std::unordered_map<int, memory> args = {{DNNL_ARG_SRC, memory(da, cpu, a)},
                                                {DNNL_ARG_WEIGHTS, memory(db, cpu, b)},
                                                {DNNL_ARG_DST, memory(dc, cpu, out)}};
  return [=] {
    primitive.execute(queue, args);
    queue.wait();
  };
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : omp_get_max_threads();
  const int repeats = argc > 2 ? std::atoi(argv[2]) : 400;
  omp_set_num_threads(threads);
  std::printf("isa %s, %d threads, %d repeats\n", dn::cpu::isa_name(dn::cpu::best_isa()), threads,
              repeats);
  std::printf("%-12s %-16s %-3s | %22s | %14s | %14s\n", "layer", "shape", "op",
              "gemm us GF/s peak", "matmul us GF/s", "sgemm us GF/s");
  for (const Case& c : kCases) {
    auto a = random_floats(c.rows * c.depth), b = random_floats(c.depth * c.columns);
    std::vector<float> out(c.rows * c.columns);
    GemmParams p;
    p.rows = c.rows, p.columns = c.columns, p.depth = c.depth;
    p.a = a.data(), p.lda = c.a == T ? c.rows : c.depth, p.transpose_a = c.a;
    p.b = b.data(), p.ldb = c.b == T ? c.depth : c.columns, p.transpose_b = c.b;
    p.c = out.data(), p.ldc = c.columns;
    std::vector<float> scratch(dn::cpu::gemm_scratch_bytes(p, threads) / sizeof(float) + 16);
    p.scratch = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) / 4 % 16;

    const std::function<void()> runs[] = {
        [&] { dn::cpu::gemm(p, threads); }, make_matmul(c, a.data(), b.data(), out.data()),
        [&] {
          dnnl_sgemm(c.a == T ? 'T' : 'N', c.b == T ? 'T' : 'N', c.rows, c.columns, c.depth, 1.0f,
                     p.a, p.lda, p.b, p.ldb, 0.0f, p.c, p.ldc);
        }};
    const double work = 2.0 * double(c.rows * c.columns) * double(c.depth);
    const int count = work > 1e8 ? std::max(10, repeats / 20) : repeats;
    std::vector<double> times[3];
    double peak = 0;
    for (int repeat = -3; repeat < count; ++repeat) {
      if (repeat % std::max(1, count / 10) == 0) peak = std::max(peak, peak_gflops(threads));
      for (int i = 0; i < 3; ++i) {
        const double start = now_us();
        runs[i]();
        if (repeat >= 0) times[i].push_back(now_us() - start);
      }
    }
    const auto rate = [&](int i) { return work / shortest(times[i]) * 1e-3; };
    const std::string shape =
        std::to_string(c.rows) + "x" + std::to_string(c.columns) + "x" + std::to_string(c.depth);
    std::printf("%-12s %-16s %c%c  | %8.1f %6.1f %5.1f%% | %7.1f %6.1f | %7.1f %6.1f\n", c.layer,
                shape.c_str(), c.a == T ? 'T' : 'N', c.b == T ? 'T' : 'N', shortest(times[0]),
                rate(0), 100 * rate(0) / peak, shortest(times[1]), rate(1), shortest(times[2]),
                rate(2));
  }
}
