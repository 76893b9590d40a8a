#include "pointwise_math.h"

#include "simd_half.h"
#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int64_t kStep = kLanes;

template <typename Function>
void map(const float* x, float* out, int64_t n, Function f) {
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) store(out + i, f(load(x + i)));
  if (i < n) {
    const LaneMask rest = first_lanes(int(n - i));
    store(out + i, f(load(x + i, rest)), rest);
  }
}

void apply(MathFunction f, const float* x, float* out, int64_t n) {
  switch (f) {
    case MathFunction::Negate:
      return map(x, out, n, [](vf v) { return -v; });
    case MathFunction::Abs:
      return map(x, out, n, absolute);
    case MathFunction::Square:
      return map(x, out, n, [](vf v) { return v * v; });
    case MathFunction::Reciprocal:
      return map(x, out, n, [](vf v) { return 1.0f / v; });
    case MathFunction::Sqrt:
      return map(x, out, n, square_root);
    case MathFunction::Rsqrt:
      return map(x, out, n, [](vf v) { return 1.0f / square_root(v); });
    case MathFunction::Exp:
      return map(x, out, n, exponential);
    case MathFunction::Expm1:
      return map(x, out, n, exponential_minus_1);
    case MathFunction::Log:
      return map(x, out, n, logarithm);
    case MathFunction::Log1p:
      return map(x, out, n, logarithm_1_plus);
    case MathFunction::Tanh:
      return map(x, out, n, hyperbolic_tangent);
    case MathFunction::Sigmoid:
      return map(x, out, n, logistic);
    case MathFunction::Erf:
      return map(x, out, n, error_function);
    case MathFunction::Relu:
      return map(x, out, n, [](vf v) { return choose(v < 0.0f, vf{}, v); });
    case MathFunction::Floor:
      return map(x, out, n, round_down);
    case MathFunction::Sign:
      return map(x, out, n, [](vf v) {
        return choose(v > 0.0f, broadcast(1.0f), choose(v < 0.0f, broadcast(-1.0f), v));
      });
  }
}

// Calls `loop` with the function of two vectors that `f` names.
template <typename Loop>
void with_function(BinaryFunction f, Loop loop) {
  const auto truth = [](vi condition) { return choose(condition, broadcast(1.0f), vf{}); };
  switch (f) {
    case BinaryFunction::Add:
      return loop([](vf x, vf y) { return x + y; });
    case BinaryFunction::Subtract:
      return loop([](vf x, vf y) { return x - y; });
    case BinaryFunction::Multiply:
      return loop([](vf x, vf y) { return x * y; });
    case BinaryFunction::Divide:
      return loop([](vf x, vf y) { return x / y; });
    case BinaryFunction::Min:
      return loop(minimum);
    case BinaryFunction::Max:
      return loop(maximum);
    case BinaryFunction::Pow:
      return loop(power);
    case BinaryFunction::Equal:
      return loop([=](vf x, vf y) { return truth(x == y); });
    case BinaryFunction::NotEqual:
      return loop([=](vf x, vf y) { return truth(x != y); });
    case BinaryFunction::Less:
      return loop([=](vf x, vf y) { return truth(x < y); });
    case BinaryFunction::LessEqual:
      return loop([=](vf x, vf y) { return truth(x <= y); });
    case BinaryFunction::Greater:
      return loop([=](vf x, vf y) { return truth(x > y); });
    case BinaryFunction::GreaterEqual:
      return loop([=](vf x, vf y) { return truth(x >= y); });
  }
}

void apply_binary(BinaryFunction f, const float* x, const float* y, float* out, int64_t n) {
  with_function(f, [=](auto function) {
    int64_t i = 0;
    for (; i + kStep <= n; i += kStep) store(out + i, function(load(x + i), load(y + i)));
    if (i < n) {
      const LaneMask rest = first_lanes(int(n - i));
      store(out + i, function(load(x + i, rest), load(y + i, rest)), rest);
    }
  });
}

void apply_scalar(BinaryFunction f, const float* x, float y, float* out, int64_t n) {
  with_function(
      f, [=](auto function) { map(x, out, n, [=](vf v) { return function(v, broadcast(y)); }); });
}

void apply_scalar_left(BinaryFunction f, float x, const float* y, float* out, int64_t n) {
  with_function(
      f, [=](auto function) { map(y, out, n, [=](vf v) { return function(broadcast(x), v); }); });
}

// Calls `loop` with a function that gives the operand's vector at an element.
template <typename Loop>
void with_operand(PointwiseOperand operand, Loop loop) {
  if (operand.array)
    loop([p = operand.array](int64_t i, auto lanes) { return load(p + i, lanes); });
  else
    loop([v = broadcast(operand.number)](int64_t, auto) { return v; });
}

// out[i] = condition ? x[i] : y[i], where `condition` gives a vector's truth at an element.
template <typename Condition>
void choose_each(Condition condition, PointwiseOperand x, PointwiseOperand y, float* out,
                 int64_t n) {
  with_operand(x, [=](auto get_x) {
    with_operand(y, [=](auto get_y) {
      const auto step = [=](int64_t i, auto lanes) {
        store(out + i, choose(condition(i, lanes), get_x(i, lanes), get_y(i, lanes)), lanes);
      };
      int64_t i = 0;
      for (; i + kStep <= n; i += kStep) step(i, AllLanes{});
      if (i < n) step(i, first_lanes(int(n - i)));
    });
  });
}

void select(const float* condition, PointwiseOperand x, PointwiseOperand y, float* out, int64_t n) {
  choose_each([=](int64_t i, auto lanes) { return load(condition + i, lanes) != 0.0f; }, x, y, out,
              n);
}

void compare_select(BinaryFunction f, const float* a, PointwiseOperand b, PointwiseOperand x,
                    PointwiseOperand y, float* out, int64_t n) {
  with_operand(b, [=](auto get_b) {
    const auto where = [=](auto compare) {
      choose_each(
          [=](int64_t i, auto lanes) -> vi { return compare(load(a + i, lanes), get_b(i, lanes)); },
          x, y, out, n);
    };
    switch (f) {
      case BinaryFunction::Equal:
        return where([](vf v, vf w) { return v == w; });
      case BinaryFunction::NotEqual:
        return where([](vf v, vf w) { return v != w; });
      case BinaryFunction::Less:
        return where([](vf v, vf w) { return v < w; });
      case BinaryFunction::LessEqual:
        return where([](vf v, vf w) { return v <= w; });
      case BinaryFunction::Greater:
        return where([](vf v, vf w) { return v > w; });
      case BinaryFunction::GreaterEqual:
        return where([](vf v, vf w) { return v >= w; });
      default:
        return;  // no comparison
    }
  });
}

void stream(const float* x, float* out, int64_t n) {
  constexpr int64_t kLine = 16;  // floats of a cache line, which is written at once or not at all
  int64_t i = 0;
  for (; i < n && (uintptr_t)(out + i) % (kLine * sizeof(float)) != 0; ++i) out[i] = x[i];
#if defined(__AVX512F__)
  for (; i + kLine <= n; i += kLine) _mm512_stream_ps(out + i, (__m512)load(x + i));
#elif defined(__AVX2__)
  for (; i + kLine <= n; i += kLine)
    for (int64_t l = 0; l < kLine; l += kLanes)
      _mm256_stream_ps(out + i + l, (__m256)load(x + i + l));
#endif
  for (; i < n; ++i) out[i] = x[i];
}

void stream_end() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

template <typename T>
void to_half(const float* x, uint16_t* out, int64_t n) {
  T* to = reinterpret_cast<T*>(out);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(x + i));
  if (i < n) store(to + i, load(x + i, first_lanes((int)(n - i))), first_lanes((int)(n - i)));
}

template <typename T>
void from_half(const uint16_t* x, float* out, int64_t n) {
  const T* from = reinterpret_cast<const T*>(x);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, load(from + i));
  if (i < n) store(out + i, load(from + i, first_lanes((int)(n - i))), first_lanes((int)(n - i)));
}

}  // namespace

extern const PointwiseTable pointwise_table = {apply,
                                               apply_binary,
                                               apply_scalar,
                                               apply_scalar_left,
                                               select,
                                               compare_select,
                                               stream,
                                               stream_end,
                                               to_half<BFloat16>,
                                               to_half<Float16>,
                                               from_half<BFloat16>,
                                               from_half<Float16>};

}  // namespace dn::cpu::DN_ISA
