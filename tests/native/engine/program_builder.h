// Small programs through the C ABI, for the tests.
#pragma once

#include <deepnative.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

struct Release {
  void operator()(dn_device* handle) const { dn_device_release(handle); }
  void operator()(dn_tensor* handle) const { dn_tensor_release(handle); }
  void operator()(dn_program* handle) const { dn_program_release(handle); }
  void operator()(dn_event* handle) const { dn_event_release(handle); }
  void operator()(dn_report* handle) const { dn_report_release(handle); }
};
template <typename T>
using Handle = std::unique_ptr<T, Release>;

#define EXPECT_OK(call) EXPECT_EQ(call, DN_OK) << dn_last_error()
#define ASSERT_OK(call) ASSERT_EQ(call, DN_OK) << dn_last_error()
#define EXPECT_FAILS(call, status, part)                                                      \
  do {                                                                                        \
    EXPECT_EQ(call, status) << dn_last_error();                                               \
    EXPECT_NE(std::string(dn_last_error()).find(part), std::string::npos) << dn_last_error(); \
  } while (0)

inline Handle<dn_device> open_device(const char* name, int threads = 2) {
  const dn_device_options options{sizeof options, threads};
  dn_device* device = nullptr;
  EXPECT_OK(dn_device_open(name, &options, &device));
  return Handle<dn_device>(device);
}
inline Handle<dn_device> open_cpu(int threads = 2) {
  return open_device("cpu", threads);
}

inline Handle<dn_tensor> make_tensor(dn_device* device, std::vector<int64_t> dims,
                                     const std::vector<float>& values = {},
                                     dn_dtype dtype = DN_DTYPE_F32) {
  dn_tensor* tensor = nullptr;
  EXPECT_OK(dn_tensor_create(device, dtype, (int32_t)dims.size(), dims.data(), &tensor));
  if (!values.empty()) {
    EXPECT_OK(dn_tensor_write(tensor, values.data(), (int64_t)(values.size() * sizeof(float))));
  }
  return Handle<dn_tensor>(tensor);
}

inline std::vector<float> read(dn_tensor* tensor, size_t count) {
  std::vector<float> values(count);
  EXPECT_OK(dn_tensor_read(tensor, values.data(), (int64_t)(count * sizeof(float))));
  return values;
}

class ProgramBuilder {
 public:
  explicit ProgramBuilder(dn_device* device, const char* name = "test") {
    dn_program* program = nullptr;
    EXPECT_OK(dn_program_create(device, name, &program));
    program_.reset(program);
  }
  dn_program* get() const { return program_.get(); }

  int bind(const Handle<dn_tensor>& tensor, const char* name = "bound") {
    int32_t id = -1;
    EXPECT_OK(dn_program_bind(get(), tensor.get(), name, &id));
    return id;
  }
  int transient(std::vector<int64_t> dims, dn_dtype dtype = DN_DTYPE_F32) {
    int32_t id = -1;
    EXPECT_OK(dn_program_tensor(get(), dtype, (int32_t)dims.size(), dims.data(), "transient", &id));
    return id;
  }
  dn_status add(dn_operator_kind kind, const void* attributes, std::vector<int32_t> inputs,
                std::vector<int32_t> outputs, const char* name = "op") {
    const dn_operator description{sizeof description,
                                  kind,
                                  name,
                                  attributes,
                                  inputs.data(),
                                  outputs.data(),
                                  (int32_t)inputs.size(),
                                  (int32_t)outputs.size()};
    return dn_program_operator(get(), &description);
  }
  dn_status pointwise(const std::vector<dn_instruction>& instructions, std::vector<int32_t> inputs,
                      std::vector<int32_t> outputs, const char* name = "pointwise") {
    const dn_pointwise_attributes attributes{sizeof attributes, (int32_t)instructions.size(),
                                             instructions.data()};
    return add(DN_OPERATOR_POINTWISE, &attributes, inputs, outputs, name);
  }
  // c = a * b
  dn_status multiply(int a, int b, int c) {
    return pointwise({{DN_OPCODE_INPUT, 0, 0, 0, 0},
                      {DN_OPCODE_INPUT, 1, 0, 0, 0},
                      {DN_OPCODE_MUL, 0, 1, 0, 0},
                      {DN_OPCODE_OUTPUT, 2, 0, 0, 0}},
                     {a, b}, {c}, "multiply");
  }
  dn_status compile() { return dn_program_compile(get(), nullptr); }
  dn_status run() { return dn_program_run(get()); }

 private:
  Handle<dn_program> program_;
};
