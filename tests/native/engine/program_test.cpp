// Building, compiling and running programs through the C ABI.
#include <atomic>
#include <cmath>
#include <thread>

#include "program_builder.h"

namespace {

const std::vector<dn_instruction> kRelu = {{DN_OPCODE_INPUT, 0, 0, 0, 0},
                                           {DN_OPCODE_CONSTANT, 0, 0, 0, 0},
                                           {DN_OPCODE_MAX, 0, 1, 0, 0},
                                           {DN_OPCODE_OUTPUT, 2, 0, 0, 0}};

dn_matmul_attributes matmul(bool transpose_a, bool transpose_b) {
  return {sizeof(dn_matmul_attributes), transpose_a, transpose_b, 0, nullptr};
}

dn_report_summary summary_of(dn_program* program, std::vector<dn_report_entry>* entries = nullptr) {
  dn_report* raw = nullptr;
  EXPECT_OK(dn_program_report(program, &raw));
  Handle<dn_report> report(raw);
  dn_report_summary summary{};
  summary.struct_size = sizeof summary;
  EXPECT_OK(dn_report_get_summary(report.get(), &summary));
  for (int32_t i = 0; entries && i < summary.entry_count; ++i) {
    dn_report_entry entry{};
    entry.struct_size = sizeof entry;
    EXPECT_OK(dn_report_get_entry(report.get(), i, &entry));
    entries->push_back(entry);
  }
  return summary;
}

}  // namespace

TEST(Program, BroadcastsAndRounds) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {2, 3}, {1, 2, 3, 4, 5, 6});
  auto row = make_tensor(device.get(), {3}, {10, 20, 30});
  auto column = make_tensor(device.get(), {2, 1}, {1, -1});
  auto y = make_tensor(device.get(), {2, 3});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(x), program.bind(row), program.bind(column), program.bind(y)};
  const int product = program.transient({2, 3});
  ASSERT_OK(program.multiply(ids[0], ids[1], product));
  ASSERT_OK(program.multiply(product, ids[2], ids[3]));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  EXPECT_EQ(read(y.get(), 6), (std::vector<float>{10, 40, 90, -40, -100, -180}));
}

TEST(Program, MatMulInAllTranspositions) {
  auto device = open_cpu();
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, at{1, 4, 2, 5, 3, 6};
  const std::vector<float> b{1, 0, 2, 1, 0, 3}, bt{1, 2, 0, 0, 1, 3};
  const std::vector<float> expected{5, 11, 14, 23};
  for (int transposed = 0; transposed < 4; ++transposed) {
    const bool ta = transposed & 1, tb = transposed & 2;
    auto left = ta ? make_tensor(device.get(), {3, 2}, at) : make_tensor(device.get(), {2, 3}, a);
    auto right = tb ? make_tensor(device.get(), {2, 3}, bt) : make_tensor(device.get(), {3, 2}, b);
    auto c = make_tensor(device.get(), {2, 2});
    ProgramBuilder program(device.get());
    const auto attributes = matmul(ta, tb);
    const int l = program.bind(left), r = program.bind(right), out = program.bind(c);
    ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &attributes, {l, r}, {out}));
    ASSERT_OK(program.compile());
    ASSERT_OK(program.run());
    EXPECT_EQ(read(c.get(), 4), expected);
    EXPECT_EQ(read(right.get(), 6), tb ? bt : b) << "the layout shows outside";
  }
}

// A linear layer's forward product, both gradients and the update, in the layout that the weight
// chooses; 70 columns leave gaps between its rows, which must not show.
TEST(Program, ALinearLayerTrainsInItsOwnLayout) {
  auto device = open_cpu();
  const int batch = 33, in = 21, out = 70;
  std::vector<float> x(batch * in), w(out * in), g(batch * out);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (float)((i * 31) % 9) - 4;
  for (size_t i = 0; i < w.size(); ++i) w[i] = (float)((i * 17) % 7) - 3;
  for (size_t i = 0; i < g.size(); ++i) g[i] = (float)((i * 13) % 5) - 2;
  auto x_tensor = make_tensor(device.get(), {batch, in}, x);
  auto w_tensor = make_tensor(device.get(), {out, in}, w);
  auto b_tensor = make_tensor(device.get(), {out});
  auto g_tensor = make_tensor(device.get(), {batch, out}, g);
  auto y_tensor = make_tensor(device.get(), {batch, out});
  auto rate = make_tensor(device.get(), {}, {0.5f});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(x_tensor), program.bind(w_tensor), program.bind(b_tensor),
                     program.bind(g_tensor), program.bind(y_tensor), program.bind(rate)};
  const int dw = program.transient({out, in}), db = program.transient({out});
  const auto forward = matmul(false, true), backward = matmul(true, false);
  const dn_reduce_attributes sum{sizeof sum, DN_REDUCE_SUM, 1, 0};
  dn_optimizer_attributes sgd{};
  sgd.struct_size = sizeof sgd;
  sgd.rule = DN_OPTIMIZER_SGD;
  sgd.count = 2;
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &forward, {ids[0], ids[1], ids[2]}, {ids[4]}));
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &backward, {ids[3], ids[0]}, {dw}));
  ASSERT_OK(program.add(DN_OPERATOR_REDUCE, &sum, {ids[3]}, {db}));
  ASSERT_OK(
      program.add(DN_OPERATOR_OPTIMIZER, &sgd, {ids[5], ids[1], ids[2], dw, db}, {ids[1], ids[2]}));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  const auto y = read(y_tensor.get(), (size_t)batch * out);
  const auto new_w = read(w_tensor.get(), w.size()), new_b = read(b_tensor.get(), out);
  for (int o = 0; o < out; ++o) {  // small integers and halves: all exact
    float bias_gradient = 0;
    for (int n = 0; n < batch; ++n) {
      float expected = 0;
      for (int i = 0; i < in; ++i) expected += x[n * in + i] * w[o * in + i];
      ASSERT_EQ(y[n * out + o], expected);
      bias_gradient += g[n * out + o];
    }
    ASSERT_EQ(new_b[o], -0.5f * bias_gradient);
    for (int i = 0; i < in; ++i) {
      float gradient = 0;
      for (int n = 0; n < batch; ++n) gradient += g[n * out + o] * x[n * in + i];
      ASSERT_EQ(new_w[o * in + i], w[o * in + i] - 0.5f * gradient);
    }
  }
}

TEST(Program, ShapesAreCheckedWithNames) {
  auto device = open_cpu();
  auto a = make_tensor(device.get(), {2, 3}), b = make_tensor(device.get(), {4, 2});
  auto c = make_tensor(device.get(), {2, 2});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(a), program.bind(b), program.bind(c)};
  const auto attributes = matmul(false, false);
  EXPECT_FAILS(program.add(DN_OPERATOR_MATMUL, &attributes, {ids[0], ids[1]}, {ids[2]}, "fc1"),
               DN_SHAPE_MISMATCH, "operator 'fc1' (MatMul): a is (2, 3) and b is (4, 2)");
  EXPECT_FAILS(program.multiply(ids[0], ids[1], ids[2]), DN_SHAPE_MISMATCH, "do not broadcast");
  EXPECT_FAILS(program.add((dn_operator_kind)77, nullptr, {}, {}), DN_INVALID_ARGUMENT, "kind 77");
  EXPECT_FAILS(program.multiply(ids[0], 55, ids[2]), DN_INVALID_ARGUMENT, "input id 55");
  const int unwritten = program.transient({2, 3});
  EXPECT_FAILS(program.multiply(ids[0], unwritten, program.transient({2, 3})), DN_INVALID_ARGUMENT,
               "no operator has written");
  EXPECT_FAILS(program.run(), DN_INVALID_ARGUMENT, "not compiled");
  EXPECT_FAILS(program.compile(), DN_INVALID_ARGUMENT, "no operators");
}

TEST(Program, MalformedExpressionsAreRefused) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {2});
  ProgramBuilder program(device.get());
  const int id = program.bind(x);
  EXPECT_FAILS(program.pointwise({{DN_OPCODE_ADD, 0, 1, 0, 0}}, {id}, {id}), DN_INVALID_ARGUMENT,
               "not defined before");
  EXPECT_FAILS(program.pointwise({{DN_OPCODE_INPUT, 3, 0, 0, 0}}, {id}, {id}), DN_INVALID_ARGUMENT,
               "reads input 3 of 1");
  EXPECT_FAILS(program.pointwise({{DN_OPCODE_INPUT, 0, 0, 0, 0}}, {id}, {id}), DN_INVALID_ARGUMENT,
               "no instruction writes output 0");
  EXPECT_FAILS(program.pointwise({{1234, 0, 0, 0, 0}}, {id}, {id}), DN_INVALID_ARGUMENT,
               "unknown opcode 1234");
}

TEST(Program, ALabelOutsideTheClassesIsNamed) {
  auto device = open_cpu();
  auto logits = make_tensor(device.get(), {2, 3}, {1, 2, 3, 4, 5, 6});
  auto loss = make_tensor(device.get(), {});
  auto labels = make_tensor(device.get(), {2}, {}, DN_DTYPE_I32);
  ProgramBuilder program(device.get());
  const dn_softmax_cross_entropy_attributes attributes{sizeof attributes, 0.5f, 0, 0, 0};
  const int ids[] = {program.bind(logits), program.bind(labels), program.bind(loss)};
  ASSERT_OK(
      program.add(DN_OPERATOR_SOFTMAX_CROSS_ENTROPY, &attributes, {ids[0], ids[1]}, {ids[2]}));
  ASSERT_OK(program.compile());
  const int32_t bad[] = {0, 3}, good[] = {0, 2};
  ASSERT_OK(dn_tensor_write(labels.get(), bad, sizeof bad));
  EXPECT_FAILS(program.run(), DN_INVALID_ARGUMENT,
               "label 3 of sample 1 is outside the classes 0 to 2");
  ASSERT_OK(dn_tensor_write(labels.get(), good, sizeof good));
  ASSERT_OK(program.run());
  // log(1 + e + e^2) - 0 for the first, - 2 for the second.
  const double log_sum = std::log(1 + std::exp(1.0) + std::exp(2.0));
  EXPECT_NEAR(read(loss.get(), 1)[0], 0.5 * (log_sum + log_sum - 2), 1e-6);
}

// conv -> max pooling -> relu run as one kernel; the values are those of the plain definition.
// The rules admit data of 16 bits; where a device has no kernel for it, compiling says so.
TEST(Program, DataTypesOfActivations) {
  const auto device = open_cpu();
  const dn_softmax_attributes softmax{sizeof softmax, DN_FORWARD, 1, 0};
  for (const dn_dtype dtype : {DN_DTYPE_BF16, DN_DTYPE_F16}) {
    ProgramBuilder program(device.get());
    const auto x = make_tensor(device.get(), {2, 3}, {}, dtype);
    const auto y = make_tensor(device.get(), {2, 3}, {}, dtype);
    ASSERT_OK(program.add(DN_OPERATOR_SOFTMAX, &softmax, {program.bind(x)}, {program.bind(y)}));
    EXPECT_FAILS(program.compile(), DN_UNSUPPORTED, "own:softmax: needs float32, not");
  }
  ProgramBuilder program(device.get());
  const int x = program.bind(make_tensor(device.get(), {2, 3}, {}, DN_DTYPE_I32));
  const int half = program.bind(make_tensor(device.get(), {2, 3}, {}, DN_DTYPE_F16));
  const int single = program.bind(make_tensor(device.get(), {2, 3}));
  EXPECT_FAILS(program.add(DN_OPERATOR_SOFTMAX, &softmax, {x}, {single}), DN_SHAPE_MISMATCH,
               "the input is int32, expected float32, bfloat16 or float16");
  EXPECT_FAILS(program.add(DN_OPERATOR_SOFTMAX, &softmax, {half}, {single}), DN_SHAPE_MISMATCH,
               "the output is float32, expected float16");
}

// Products take operands of one type; what belongs to parameters may stay float32 beside them.
TEST(Program, DataTypesOfProducts) {
  const auto device = open_cpu();
  ProgramBuilder program(device.get());
  const auto tensor = [&](std::initializer_list<int64_t> dims, dn_dtype dtype) {
    return program.bind(make_tensor(device.get(), dims, {}, dtype));
  };
  const dn_matmul_attributes product{sizeof product, 0, 0, 0, nullptr};
  const int a = tensor({2, 3}, DN_DTYPE_BF16), b = tensor({3, 4}, DN_DTYPE_BF16);
  const int other_b = tensor({3, 4}, DN_DTYPE_F16), bias = tensor({4}, DN_DTYPE_F32);
  const int c = tensor({2, 4}, DN_DTYPE_F32), other_c = tensor({2, 4}, DN_DTYPE_F16);
  EXPECT_FAILS(program.add(DN_OPERATOR_MATMUL, &product, {a, other_b}, {c}), DN_SHAPE_MISMATCH,
               "b is float16, expected bfloat16");
  EXPECT_FAILS(program.add(DN_OPERATOR_MATMUL, &product, {a, b}, {other_c}), DN_SHAPE_MISMATCH,
               "the output is float16, expected bfloat16");
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &product, {a, b, bias}, {c}));

  dn_convolution_attributes convolution{};
  convolution.struct_size = sizeof convolution;
  convolution.direction = DN_BACKWARD_WEIGHT;
  convolution.spatial_rank = 1, convolution.groups = 1;
  convolution.stride[0] = convolution.dilation[0] = 1;
  const int x = tensor({1, 2, 5}, DN_DTYPE_F16), dy = tensor({1, 3, 4}, DN_DTYPE_F16);
  const int dw = tensor({3, 2, 2}, DN_DTYPE_F32), other_dw = tensor({3, 2, 2}, DN_DTYPE_BF16);
  EXPECT_FAILS(program.add(DN_OPERATOR_CONVOLUTION, &convolution, {x, dy}, {other_dw}),
               DN_SHAPE_MISMATCH, "grad_weight is bfloat16, expected float16");
  ASSERT_OK(program.add(DN_OPERATOR_CONVOLUTION, &convolution, {x, dy}, {dw}));
  ASSERT_OK(program.compile());
}

TEST(Program, ConvolutionPoolingAndReluBecomeOneKernel) {
  auto device = open_cpu();
  const int n = 2, c = 16, size = 6, k = 16, r = 3, conv = size - r + 1, pooled = conv / 2;
  std::vector<float> x(n * c * size * size), w(k * c * r * r), b(k);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (float)((i * 7919) % 13) - 6;
  for (size_t i = 0; i < w.size(); ++i) w[i] = (float)((i * 104729) % 7) - 3;
  for (size_t i = 0; i < b.size(); ++i) b[i] = (float)i - 8;
  auto x_tensor = make_tensor(device.get(), {n, c, size, size}, x);
  auto w_tensor = make_tensor(device.get(), {k, c, r, r}, w);
  auto b_tensor = make_tensor(device.get(), {k}, b);
  auto y_tensor = make_tensor(device.get(), {n, k, pooled, pooled});
  ProgramBuilder program(device.get());
  dn_convolution_attributes convolution{};
  convolution.struct_size = sizeof convolution;
  convolution.direction = DN_FORWARD;
  convolution.spatial_rank = 2;
  convolution.groups = 1;
  dn_pooling_attributes pooling{};
  pooling.struct_size = sizeof pooling;
  pooling.direction = DN_FORWARD;
  pooling.mode = DN_POOLING_MAX;
  pooling.spatial_rank = 2;
  for (int i = 0; i < 2; ++i) {
    convolution.stride[i] = convolution.dilation[i] = 1;
    pooling.kernel[i] = pooling.stride[i] = 2;
  }
  const int ids[] = {program.bind(x_tensor), program.bind(w_tensor), program.bind(b_tensor),
                     program.bind(y_tensor)};
  const int dense = program.transient({n, k, conv, conv});
  const int small = program.transient({n, k, pooled, pooled});
  ASSERT_OK(program.add(DN_OPERATOR_CONVOLUTION, &convolution, {ids[0], ids[1], ids[2]}, {dense},
                        "conv"));
  ASSERT_OK(program.add(DN_OPERATOR_POOLING, &pooling, {dense}, {small}, "pool"));
  ASSERT_OK(program.pointwise(kRelu, {small}, {ids[3]}, "relu"));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  const std::vector<float> y = read(y_tensor.get(), (size_t)n * k * pooled * pooled);
  for (int in = 0; in < n; ++in)
    for (int ik = 0; ik < k; ++ik)
      for (int p = 0; p < pooled; ++p)
        for (int q = 0; q < pooled; ++q) {
          double best = 0;  // relu
          for (int tap = 0; tap < 4; ++tap) {
            double sum = b[ik];
            for (int ic = 0; ic < c; ++ic)
              for (int ir = 0; ir < r; ++ir)
                for (int is = 0; is < r; ++is)
                  sum += (double)x[((in * c + ic) * size + 2 * p + tap / 2 + ir) * size + 2 * q +
                                   tap % 2 + is] *
                         w[((ik * c + ic) * r + ir) * r + is];
            best = std::max(best, sum);
          }
          ASSERT_EQ(y[((in * k + ik) * pooled + p) * pooled + q], best);  // small integers: exact
        }
  std::vector<dn_report_entry> entries;
  summary_of(program.get(), &entries);
  bool fused = false;
  for (const auto& entry : entries)
    fused |= entry.operator_count == 3 && std::string(entry.kernel) == "own:conv_pool";
  EXPECT_TRUE(fused);
}

TEST(Program, TransientsShareMemory) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {1024});
  ProgramBuilder program(device.get());
  const int id = program.bind(x);
  int current = id;
  for (int i = 0; i < 8; ++i) {
    const int next = i == 7 ? id : program.transient({1024});
    ASSERT_OK(program.multiply(current, current, next));
    current = next;
  }
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  const dn_report_summary summary = summary_of(program.get());
  EXPECT_LT(summary.transient_peak_bytes, summary.transient_sum_bytes);
  EXPECT_EQ(summary.run_count, 1);
}

TEST(Program, ReshapeKeepsRowMajorOrder) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {2, 3}, {1, 2, 3, 4, 5, 6});
  auto y = make_tensor(device.get(), {3, 2}), one = make_tensor(device.get(), {}, {1});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(x), program.bind(y), program.bind(one)};
  const int reshaped = program.transient({3, 2});
  ASSERT_OK(program.add(DN_OPERATOR_RESHAPE, nullptr, {ids[0]}, {reshaped}));
  ASSERT_OK(program.multiply(reshaped, ids[2], ids[1]));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  EXPECT_EQ(read(y.get(), 6), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Program, ProfileTimesEveryStep) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {4096});
  ProgramBuilder program(device.get());
  const int id = program.bind(x);
  ASSERT_OK(program.multiply(id, id, id));
  ASSERT_OK(program.compile());
  ASSERT_OK(dn_program_profile(program.get(), 1));
  for (int i = 0; i < 3; ++i) ASSERT_OK(program.run());
  std::vector<dn_report_entry> entries;
  const dn_report_summary summary = summary_of(program.get(), &entries);
  EXPECT_EQ(summary.profiled_run_count, 3);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_GT(entries[0].total_us, 0);
  EXPECT_EQ(entries[0].operations, 4096);
  EXPECT_STREQ(entries[0].name, "multiply");
}

TEST(Program, DenormalsCountAsZeroOnlyInside) {
  auto device = open_cpu();
  const int64_t count = 1 << 16;  // enough for both threads
  auto x = make_tensor(device.get(), {count}, std::vector<float>(count, 1e-30f));
  auto y = make_tensor(device.get(), {count});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(x), program.bind(y)};
  ASSERT_OK(program.multiply(ids[0], ids[0], ids[1]));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  EXPECT_EQ(read(y.get(), count), std::vector<float>(count));
  volatile float small = 1e-30f;
  EXPECT_GT(small * 1e-10f, 0.0f) << "the caller's own arithmetic has changed";
}

TEST(Program, TwoThreadsInOneProgramAreRefused) {
  auto device = open_cpu(1);
  auto x = make_tensor(device.get(), {1 << 20});
  ProgramBuilder program(device.get(), "shared");
  const int id = program.bind(x);
  for (int i = 0; i < 20; ++i) ASSERT_OK(program.multiply(id, id, id));
  ASSERT_OK(program.compile());
  std::atomic<int> busy{0}, done{0}, other{0};
  const auto work = [&] {
    for (int i = 0; i < 50; ++i) {
      const dn_status status = program.run();
      if (status == DN_BUSY) {
        EXPECT_NE(std::string(dn_last_error()).find("'shared' is running on another thread"),
                  std::string::npos);
      }
      ++(status == DN_BUSY ? busy : status == DN_OK ? done : other);
    }
  };
  while (busy == 0 && done < 5000) {
    std::thread first(work), second(work);
    first.join();
    second.join();
  }
  EXPECT_GT(busy, 0);
  EXPECT_GT(done, 0);
  EXPECT_EQ(other, 0);
  EXPECT_OK(program.run());
}

TEST(Program, GatherRefusesWhatDoesNotFit) {
  auto device = open_cpu();
  auto table = make_tensor(device.get(), {5, 2}),
       position = make_tensor(device.get(), {}, {}, DN_DTYPE_I64);
  auto indices = make_tensor(device.get(), {4}, {}, DN_DTYPE_I32);
  ProgramBuilder program(device.get());
  const int x = program.bind(table), list = program.bind(indices), at = program.bind(position);
  const dn_gather_attributes attributes{sizeof attributes, DN_FORWARD, DN_GATHER_ROWS, 0, -1};
  const auto gather = [&](std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    return program.add(DN_OPERATOR_GATHER, &attributes, inputs, outputs);
  };
  const int four = program.transient({4, 2}), five = program.transient({5, 2});
  EXPECT_FAILS(gather({x, x}, {four}), DN_SHAPE_MISMATCH, "indices");
  EXPECT_FAILS(gather({x, list}, {five}), DN_SHAPE_MISMATCH, "another number of rows");
  EXPECT_FAILS(gather({x, list, at}, {five, at}), DN_SHAPE_MISMATCH, "more rows than there are");
  EXPECT_FAILS(gather({x, list}, {program.transient({4, 3})}), DN_SHAPE_MISMATCH, "(4, 2)");
  EXPECT_FAILS(gather({x, list}, {program.transient({4, 2}, DN_DTYPE_U8)}), DN_SHAPE_MISMATCH,
               "uint8");
  EXPECT_FAILS(gather({x, list}, {four, at}), DN_INVALID_ARGUMENT, "position of input 2");
  EXPECT_FAILS(gather({x, list, list}, {four}), DN_SHAPE_MISMATCH, "position");
  EXPECT_OK(gather({x, list, at}, {four, at}));
}

TEST(Program, ImageDecodeRefusesWhatDoesNotFit) {
  auto device = open_cpu();
  auto images = make_tensor(device.get(), {2, 3, 8, 6}, {}, DN_DTYPE_U8);
  auto state = make_tensor(device.get(), {2}, {}, DN_DTYPE_I64);
  ProgramBuilder program(device.get());
  const int x = program.bind(images), random = program.bind(state);
  dn_image_decode_attributes a{};
  a.struct_size = sizeof a;
  a.padding_mode = DN_PADDING_ZERO;
  const auto decode = [&](const dn_image_decode_attributes& attributes, std::vector<int32_t> inputs,
                          std::vector<int32_t> outputs) {
    return program.add(DN_OPERATOR_IMAGE_DECODE, &attributes, inputs, outputs);
  };
  const int y = program.transient({2, 3, 8, 6});
  EXPECT_FAILS(decode(a, {x}, {program.transient({2, 3, 9, 6})}), DN_SHAPE_MISMATCH, "larger than");
  EXPECT_FAILS(decode(a, {x}, {program.transient({2, 1, 8, 6})}), DN_SHAPE_MISMATCH,
               "(2, 3, 8, 6)");
  EXPECT_FAILS(decode(a, {x}, {program.transient({2, 3, 8, 6}, DN_DTYPE_I32)}), DN_SHAPE_MISMATCH,
               "int32");
  EXPECT_FAILS(decode(a, {y}, {y}), DN_SHAPE_MISMATCH, "images");
  EXPECT_FAILS(decode(a, {x}, {y, random}), DN_INVALID_ARGUMENT, "no input 1");
  EXPECT_FAILS(decode(a, {x, random}, {y}), DN_INVALID_ARGUMENT, "output 1");
  const auto with = [&](auto change) {
    dn_image_decode_attributes changed = a;
    change(changed);
    return decode(changed, {x}, {y});
  };
  EXPECT_FAILS(with([](auto& c) { c.padding = -1; }), DN_INVALID_ARGUMENT, "padding is -1");
  EXPECT_FAILS(with([](auto& c) { c.padding_mode = 3; }), DN_INVALID_ARGUMENT, "padding_mode is 3");
  EXPECT_FAILS(with([](auto& c) { c.padding_mode = DN_PADDING_REFLECT, c.padding = 6; }),
               DN_INVALID_ARGUMENT, "8 x 6");
  EXPECT_FAILS(with([](auto& c) { c.flip_probability = 0.5f; }), DN_INVALID_ARGUMENT, "no state");
  EXPECT_FAILS(with([](auto& c) { c.flip_probability = NAN; }), DN_INVALID_ARGUMENT, "0 to 1");
  EXPECT_FAILS(with([](auto& c) { c.scale[2] = INFINITY; }), DN_INVALID_ARGUMENT, "channel 2");
  EXPECT_FAILS(with([](auto& c) { c.rotation = 0.6f; }), DN_INVALID_ARGUMENT, "rotation is 0.6");
  EXPECT_FAILS(with([](auto& c) { c.shift = 0.1f; }), DN_INVALID_ARGUMENT, "no state");
  EXPECT_FAILS(with([](auto& c) { c.cutout = 2; }), DN_INVALID_ARGUMENT, "no state");
  EXPECT_FAILS(with([](auto& c) { c.elastic = 1; }), DN_INVALID_ARGUMENT, "elastic_pitch is 0");
  EXPECT_FAILS(with([](auto& c) { c.elastic = 1, c.elastic_pitch = 1e-6f; }), DN_INVALID_ARGUMENT,
               "at most 1024");
  EXPECT_FAILS(with([](auto& c) { c.lighting[4] = NAN; }), DN_INVALID_ARGUMENT, "lighting");
  EXPECT_OK(decode(a, {x, random}, {y, random}));

  auto labels = make_tensor(device.get(), {2, 8, 6}, {}, DN_DTYPE_U8);
  const int masks = program.bind(labels);
  const int windows = program.transient({2, 8, 6}, DN_DTYPE_I32);
  EXPECT_FAILS(decode(a, {x, -1, y}, {y, windows}), DN_SHAPE_MISMATCH, "masks is float32");
  EXPECT_FAILS(decode(a, {x, -1, program.transient({2, 8, 5}, DN_DTYPE_U8)}, {y, windows}),
               DN_SHAPE_MISMATCH, "(2, 8, 6)");
  EXPECT_FAILS(decode(a, {x, -1, masks}, {y, masks}), DN_SHAPE_MISMATCH, "mask windows");
  EXPECT_FAILS(decode(a, {x, random, masks}, {y, windows}), DN_INVALID_ARGUMENT, "output 2");
  EXPECT_OK(decode(a, {x, random, masks}, {program.transient({2, 3, 8, 6}), windows, random}));
}
