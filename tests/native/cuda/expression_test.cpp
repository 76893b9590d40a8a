// Expressions, random numbers and updates as programs of the simulated device.
#include <cmath>

#include "../engine/program_builder.h"
#include "engine/philox.h"

namespace {

std::string kernel_of(dn_program* program) {
  dn_report* report = nullptr;
  EXPECT_OK(dn_program_report(program, &report));
  const Handle<dn_report> owner(report);
  dn_report_entry entry{};
  entry.struct_size = sizeof entry;
  EXPECT_OK(dn_report_get_entry(report, 0, &entry));
  return entry.kernel;
}

std::vector<float> numbers(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = (float)((i * 7919) % 101) / 50 - 1;
  return values;
}

// More steps, and more values at a time, than the registers hold.
TEST(ExpressionPrograms, LongExpressionsRunFromDeviceMemory) {
  const auto device = open_device("hostsim");
  const std::vector<float> x = numbers(12 * 7), y = numbers(7);
  const auto a = make_tensor(device.get(), {12, 7}, x), b = make_tensor(device.get(), {7}, y);
  const auto out = make_tensor(device.get(), {12, 7});
  std::vector<dn_instruction> e{{DN_OPCODE_INPUT, 0, 0, 0, 0},
                                {DN_OPCODE_INPUT, 1, 0, 0, 0},
                                {DN_OPCODE_CONSTANT, 0, 0, 0, 0.75f}};
  const auto add = [&](int32_t opcode, int p, int q = 0, int r = 0) {
    e.push_back({opcode, p, q, r, 0});
    return (int)e.size() - 1;
  };
  std::vector<int> kept;
  int value = 0;
  for (int i = 0; i < 60; ++i) {
    value = add(DN_OPCODE_TANH, add(DN_OPCODE_ADD, add(DN_OPCODE_MUL, value, 2), 1));
    if (i % 4 == 0) kept.push_back(value);  // 15 values that wait for the end
  }
  for (const int other : kept) value = add(DN_OPCODE_SUB, value, other);
  value = add(DN_OPCODE_SELECT, add(DN_OPCODE_GT, value, 1), value, add(DN_OPCODE_NEG, value));
  e.push_back({DN_OPCODE_OUTPUT, value, 0, 0, 0});

  ProgramBuilder program(device.get());
  EXPECT_OK(program.pointwise(e, {program.bind(a), program.bind(b)}, {program.bind(out)}));
  EXPECT_OK(dn_program_compile(program.get(), nullptr));
  for (int i = 0; i < 3; ++i) EXPECT_OK(program.run());
  EXPECT_EQ(kernel_of(program.get()), "own:expression-wide");
  const std::vector<float> result = read(out.get(), x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    double v = x[i], sum = 0;
    for (int j = 0; j < 60; ++j) {
      v = std::tanh(v * 0.75 + y[i % 7]);
      if (j % 4 == 0) sum += v;
    }
    v -= sum;
    ASSERT_NEAR(result[i], v > y[i % 7] ? v : -v, 2e-5) << "element " << i;
  }
}

TEST(ExpressionPrograms, RandomNumbersFollowTheStateFromReplayToReplay) {
  const auto device = open_device("hostsim");
  dn_tensor* raw = nullptr;
  const int64_t two = 2, start[2] = {99, 5};
  EXPECT_OK(dn_tensor_create(device.get(), DN_DTYPE_I64, 1, &two, &raw));
  const Handle<dn_tensor> state(raw);
  EXPECT_OK(dn_tensor_write(raw, start, sizeof start));
  const auto values = make_tensor(device.get(), {3001});
  ProgramBuilder program(device.get());
  dn_random_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.distribution = DN_DISTRIBUTION_UNIFORM;
  attributes.b = 1;
  attributes.stream = 4;
  const int id = program.bind(state);
  EXPECT_OK(program.add(DN_OPERATOR_RANDOM, &attributes, {id}, {program.bind(values), id}));
  EXPECT_OK(dn_program_compile(program.get(), nullptr));
  for (uint32_t run = 0; run < 4; ++run) {
    EXPECT_OK(program.run());
    const std::vector<float> drawn = read(values.get(), 3001);
    for (uint32_t i = 0; i < 3001; ++i)
      ASSERT_EQ(drawn[i], dn::philox_uniform(dn::philox({i / 4, 0, 5 + run, 4}, 99, 0)[i % 4]))
          << "run " << run << ", element " << i;
  }
  int64_t end[2];
  EXPECT_OK(dn_tensor_read(state.get(), end, sizeof end));
  EXPECT_EQ(end[0], 99);
  EXPECT_EQ(end[1], 9);
}

// Float32 weights, bfloat16 gradients.
TEST(ExpressionPrograms, UpdatesTakeGradientsOf16Bits) {
  for (const char* name : {"hostsim", "cpu"}) {
    const auto device = open_device(name);
    const auto rate = make_tensor(device.get(), {}, {0.5f});
    const auto weight = make_tensor(device.get(), {3}, {1, 2, 3});
    const auto grad = make_tensor(device.get(), {3}, {}, DN_DTYPE_BF16);
    const uint16_t codes[3] = {0x3f80, 0xc000, 0x3e80};  // 1, -2, 0.25
    EXPECT_OK(dn_tensor_write(grad.get(), codes, sizeof codes));
    ProgramBuilder program(device.get());
    dn_optimizer_attributes attributes{};
    attributes.struct_size = sizeof attributes;
    attributes.rule = DN_OPTIMIZER_SGD;
    attributes.count = 1;
    const int w = program.bind(weight);
    EXPECT_OK(program.add(DN_OPERATOR_OPTIMIZER, &attributes,
                          {program.bind(rate), w, program.bind(grad)}, {w}, "step"));
    EXPECT_OK(dn_program_compile(program.get(), nullptr));
    EXPECT_OK(program.run());
    EXPECT_EQ(read(weight.get(), 3), (std::vector<float>{0.5f, 3, 2.875f}));
  }
}

}  // namespace
