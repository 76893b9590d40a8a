// The expressions that have kernels of their own, one line each: name, inputs, constants, the
// expression in prefix form (x, y, z, w: inputs; k: any constant, in order; numbers: themselves),
// and the same in C++ of floats (x, y, z, w and k[]). Everything else runs in the interpreter.
#pragma once

// clang-format off
#define DN_POINTWISE_FUNCTIONS(F)                                                                      \
  F(Negate, 1, 0, "neg x", -x)                                                                         \
  F(Abs, 1, 0, "abs x", fabsf(x))                                                                      \
  F(Sqrt, 1, 0, "sqrt x", sqrtf(x))                                                                    \
  F(Exp, 1, 0, "exp x", expf(x))                                                                       \
  F(Log, 1, 0, "log x", logf(x))                                                                       \
  F(Tanh, 1, 0, "tanh x", tanhf(x))                                                                    \
  F(Sigmoid, 1, 0, "sigmoid x", sigmoid(x))                                                            \
  F(Square, 1, 0, "mul x x", x * x)                                                                    \
  F(Swish, 1, 0, "mul x sigmoid x", x * sigmoid(x))                                                    \
  F(Relu, 1, 0, "max x 0", maximum(x, 0.0f))                                                           \
  F(LeakyRelu, 1, 1, "select gt x 0 x mul x k", x > 0.0f ? x : x * k[0])                               \
  F(Elu, 1, 1, "select gt x 0 x mul expm1 x k", x > 0.0f ? x : expm1f(x) * k[0])                       \
  F(Softplus, 1, 0, "add max x 0 log1p exp neg abs x", maximum(x, 0.0f) + log1pf(expf(-fabsf(x))))     \
  F(Scale, 1, 1, "mul x k", x * k[0])                                                                  \
  F(AddConstant, 1, 1, "add x k", x + k[0])                                                            \
  F(ScaleAdd, 1, 2, "add mul x k k", x * k[0] + k[1])                                                  \
  F(AddScale, 1, 2, "mul add x k k", (x + k[0]) * k[1])                                                \
  F(SubtractScale, 1, 2, "mul sub x k k", (x - k[0]) * k[1])                                           \
  F(SubtractDivide, 1, 2, "div sub x k k", (x - k[0]) / k[1])                                          \
  F(Add, 2, 0, "add x y", x + y)                                                                       \
  F(Subtract, 2, 0, "sub x y", x - y)                                                                  \
  F(Multiply, 2, 0, "mul x y", x * y)                                                                  \
  F(Divide, 2, 0, "div x y", x / y)                                                                    \
  F(Maximum, 2, 0, "max x y", maximum(x, y))                                                           \
  F(Minimum, 2, 0, "min x y", minimum(x, y))                                                           \
  F(NotEqual, 2, 0, "ne x y", x != y ? 1.0f : 0.0f)                                                    \
  F(AddRelu, 2, 0, "max add x y 0", maximum(x + y, 0.0f))                                              \
  F(AddScaled, 2, 1, "add x mul y k", x + y * k[0])                                                    \
  F(MultiplyScale, 2, 1, "mul mul x y k", x * y * k[0])                                                \
  F(SquaredError, 2, 0, "mul sub x y sub x y", (x - y) * (x - y))                                      \
  F(ErrorScale, 2, 1, "mul sub x y k", (x - y) * k[0])                                                 \
  F(ReluGradient, 2, 0, "mul x gt y 0", x * (y > 0.0f ? 1.0f : 0.0f))                                  \
  F(LeakyReluGradient, 2, 1, "mul x select gt y 0 1 k", x * (y > 0.0f ? 1.0f : k[0]))                  \
  F(EluGradient, 2, 1, "mul x select gt y 0 1 add y k", x * (y > 0.0f ? 1.0f : y + k[0]))              \
  F(SoftplusGradient, 2, 0, "mul x neg expm1 neg y", x * -expm1f(-y))                                  \
  F(TanhGradient, 2, 0, "mul x sub 1 mul y y", x * (1.0f - y * y))                                     \
  F(SigmoidGradient, 2, 0, "mul x mul y sub 1 y", x * (y * (1.0f - y)))                                \
  F(AddThree, 3, 0, "add add x y z", x + y + z)                                                        \
  F(MultiplyAdd, 3, 0, "add mul x y z", x * y + z)                                                     \
  F(MultiplyAddRelu, 3, 0, "max add mul x y z 0", maximum(x * y + z, 0.0f))                            \
  F(SubtractMultiply, 3, 0, "mul sub x y z", (x - y) * z)                                              \
  F(SubtractDivideBy, 3, 0, "div sub x y z", (x - y) / z)                                              \
  F(AddThreeRelu, 3, 0, "max add add x y z 0", maximum(x + y + z, 0.0f))                               \
  F(AddReluGradient, 3, 0, "mul add x y gt z 0", (x + y) * (z > 0.0f ? 1.0f : 0.0f))                   \
  F(Select, 3, 0, "select x y z", x != 0.0f ? y : z)                                                   \
  F(MultiplyAddAddRelu, 4, 0, "max add add mul x y z w 0", maximum(x * y + z + w, 0.0f))
// clang-format on

namespace dn::cuda {

enum class PointwiseFunction {
  None,  // the interpreter
#define DN_NAME(name, inputs, constants, pattern, expression) name,
  DN_POINTWISE_FUNCTIONS(DN_NAME)
#undef DN_NAME
};

constexpr int kMaxFunctionInputs = 4;
constexpr int kMaxFunctionConstants = 2;

}  // namespace dn::cuda
