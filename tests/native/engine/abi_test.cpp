// The C ABI refuses bad arguments with a text that names the thing, and never throws.
#include <cstring>
#include <thread>

#include "engine/candidate.h"
#include "engine/device_registry.h"
#include "program_builder.h"

TEST(Abi, VersionsAgree) {
  EXPECT_EQ(dn_abi_version(), DN_ABI_VERSION);
  EXPECT_STRNE(dn_version(), "");
}

TEST(Abi, NullIsRefusedEverywhere) {
  dn_device_info device_info{};
  device_info.struct_size = sizeof device_info;
  dn_memory_info memory_info{};
  memory_info.struct_size = sizeof memory_info;
  dn_tensor_info tensor_info{};
  tensor_info.struct_size = sizeof tensor_info;
  dn_report_summary summary{};
  summary.struct_size = sizeof summary;
  dn_report_entry entry{};
  entry.struct_size = sizeof entry;
  dn_device* device = nullptr;
  dn_tensor* tensor = nullptr;
  dn_event* event = nullptr;
  dn_program* program = nullptr;
  dn_report* report = nullptr;
  int32_t number = 0;
  float data[1] = {};
  dn_image_limits limits{};
  limits.struct_size = sizeof limits;
  dn_image_info image{};
  image.struct_size = sizeof image;
  dn_image_request request{};
  request.struct_size = sizeof request;
  request.channels = 1;
  request.values = DN_IMAGE_COLORS;
  request.filter = DN_IMAGE_TRIANGLE;
  int64_t written = 0;
  const dn_status statuses[] = {dn_device_count(nullptr),
                                dn_device_describe(0, nullptr),
                                dn_device_open(nullptr, nullptr, &device),
                                dn_device_open("cpu", nullptr, nullptr),
                                dn_device_get_info(nullptr, &device_info),
                                dn_device_get_memory(nullptr, &memory_info),
                                dn_device_synchronize(nullptr),
                                dn_device_trim(nullptr),
                                dn_device_adopt_stream(nullptr, nullptr),
                                dn_tensor_create(nullptr, DN_DTYPE_F32, 0, nullptr, &tensor),
                                dn_tensor_wrap(nullptr, DN_DTYPE_F32, 0, nullptr, data, 4, &tensor),
                                dn_tensor_get_info(nullptr, &tensor_info),
                                dn_tensor_write(nullptr, data, 4),
                                dn_tensor_read(nullptr, data, 4),
                                dn_tensor_write_async(nullptr, data, 4),
                                dn_tensor_read_async(nullptr, data, 4),
                                dn_tensor_copy(nullptr, nullptr),
                                dn_tensor_zero(nullptr),
                                dn_event_create(nullptr, &event),
                                dn_event_record(nullptr),
                                dn_event_wait(nullptr),
                                dn_event_query(nullptr, &number),
                                dn_program_create(nullptr, "p", &program),
                                dn_program_tensor(nullptr, DN_DTYPE_F32, 0, nullptr, "t", &number),
                                dn_program_bind(nullptr, nullptr, "t", &number),
                                dn_program_operator(nullptr, nullptr),
                                dn_program_compile(nullptr, nullptr),
                                dn_program_run(nullptr),
                                dn_program_profile(nullptr, 1),
                                dn_program_report(nullptr, &report),
                                dn_report_get_summary(nullptr, &summary),
                                dn_report_get_entry(nullptr, 0, &entry),
                                dn_image_probe(nullptr, 4, &limits, &image),
                                dn_image_probe(data, 4, nullptr, &image),
                                dn_image_probe(data, 4, &limits, nullptr),
                                dn_image_decode(nullptr, 4, &limits, &request, data, 4),
                                dn_image_decode(data, 4, nullptr, &request, data, 4),
                                dn_image_decode(data, 4, &limits, nullptr, data, 4),
                                dn_image_decode(data, 4, &limits, &request, nullptr, 4),
                                dn_image_encode_png(nullptr, 4, 1, 2, 2, data, 4, &written),
                                dn_image_encode_png(data, 4, 1, 2, 2, nullptr, 4, &written),
                                dn_image_encode_png(data, 4, 1, 2, 2, data, 4, nullptr)};
  for (dn_status status : statuses) EXPECT_EQ(status, DN_INVALID_ARGUMENT);
  EXPECT_EQ(tensor, nullptr);
  dn_device_release(nullptr);
  dn_tensor_release(nullptr);
  dn_event_release(nullptr);
  dn_program_release(nullptr);
  dn_report_release(nullptr);
}

TEST(Abi, LastErrorBelongsToItsThread) {
  EXPECT_FAILS(dn_device_open("abacus", nullptr, nullptr), DN_INVALID_ARGUMENT, "device is null");
  std::thread([] { EXPECT_STREQ(dn_last_error(), ""); }).join();
}

TEST(Abi, UnknownDeviceListsTheKnown) {
  dn_device* device = nullptr;
  EXPECT_FAILS(dn_device_open("abacus", nullptr, &device), DN_NOT_FOUND, "cpu");
  EXPECT_EQ(device, nullptr);
}

TEST(Abi, StructsOfAnotherVersionAreRefused) {
  dn_device_info info{};
  info.struct_size = 8;
  EXPECT_FAILS(dn_device_describe(0, &info), DN_INVALID_ARGUMENT, "struct_size is 8");
}

TEST(Abi, TheCpuIsListedAndOpens) {
  int32_t count = 0;
  ASSERT_OK(dn_device_count(&count));
  bool found = false;
  for (int32_t i = 0; i < count; ++i) {
    dn_device_info info{};
    info.struct_size = sizeof info;
    ASSERT_OK(dn_device_describe(i, &info));
    found |= std::strcmp(info.name, "cpu") == 0 && info.available && info.thread_count > 0;
  }
  EXPECT_TRUE(found);
  EXPECT_NE(open_cpu(), nullptr);
}

TEST(Abi, TensorsKeepTheirValues) {
  auto device = open_cpu();
  auto tensor = make_tensor(device.get(), {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(read(tensor.get(), 6), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  auto other = make_tensor(device.get(), {2, 3});
  EXPECT_EQ(read(other.get(), 6), std::vector<float>(6));
  EXPECT_OK(dn_tensor_copy(other.get(), tensor.get()));
  EXPECT_OK(dn_tensor_zero(tensor.get()));
  EXPECT_EQ(read(other.get(), 6), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read(tensor.get(), 6), std::vector<float>(6));
  float data[6];
  EXPECT_FAILS(dn_tensor_read(tensor.get(), data, 20), DN_INVALID_ARGUMENT, "20 bytes");
  auto third = make_tensor(device.get(), {3, 2});
  EXPECT_FAILS(dn_tensor_copy(third.get(), tensor.get()), DN_SHAPE_MISMATCH, "(2, 3)");
}

TEST(Abi, WrappedMemoryIsShared) {
  auto device = open_cpu();
  float data[4] = {1, 2, 3, 4};
  const int64_t dims[] = {4};
  dn_tensor* raw = nullptr;
  EXPECT_FAILS(dn_tensor_wrap(device.get(), DN_DTYPE_F32, 1, dims, data, 12, &raw),
               DN_INVALID_ARGUMENT, "12 bytes");
  ASSERT_OK(dn_tensor_wrap(device.get(), DN_DTYPE_F32, 1, dims, data, 16, &raw));
  Handle<dn_tensor> tensor(raw);
  data[0] = 9;
  EXPECT_EQ(read(tensor.get(), 4), (std::vector<float>{9, 2, 3, 4}));
}

TEST(Abi, BadShapesAndDtypesAreRefused) {
  auto device = open_cpu();
  dn_tensor* tensor = nullptr;
  const int64_t negative[] = {2, -1};
  EXPECT_FAILS(dn_tensor_create(device.get(), DN_DTYPE_F32, 2, negative, &tensor),
               DN_INVALID_ARGUMENT, "-1");
  const int64_t huge[] = {int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_FAILS(dn_tensor_create(device.get(), DN_DTYPE_F32, 2, huge, &tensor), DN_INVALID_ARGUMENT,
               "2^62");
  const int64_t large[] = {int64_t{1} << 45};
  EXPECT_FAILS(dn_tensor_create(device.get(), DN_DTYPE_F32, 1, large, &tensor), DN_OUT_OF_MEMORY,
               "was asked for");
  EXPECT_FAILS(dn_tensor_create(device.get(), (dn_dtype)99, 1, large, &tensor), DN_INVALID_ARGUMENT,
               "99");
  EXPECT_FAILS(dn_tensor_create(device.get(), DN_DTYPE_F32, 9, large, &tensor), DN_INVALID_ARGUMENT,
               "rank is 9");
}

TEST(Abi, MemoryIsCountedAndGivenBack) {
  auto device = open_cpu();
  dn_memory_info before{};
  before.struct_size = sizeof before;
  ASSERT_OK(dn_device_get_memory(device.get(), &before));
  dn_memory_info during = before;
  {
    auto tensor = make_tensor(device.get(), {1000});
    ASSERT_OK(dn_device_get_memory(device.get(), &during));
    EXPECT_EQ(during.used_bytes, before.used_bytes + 4000);
    EXPECT_EQ(during.live_count, before.live_count + 1);
  }
  ASSERT_OK(dn_device_get_memory(device.get(), &during));
  EXPECT_EQ(during.used_bytes, before.used_bytes);
  EXPECT_EQ(during.live_count, before.live_count);
  EXPECT_EQ(during.peak_bytes, before.used_bytes + 4000);
}

TEST(Abi, ChildrenOutliveTheirDevice) {
  auto device = open_cpu();
  auto tensor = make_tensor(device.get(), {2}, {3, 4});
  ProgramBuilder program(device.get());
  const int x = program.bind(tensor);
  ASSERT_OK(program.multiply(x, x, x));
  device.reset();
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  EXPECT_EQ(read(tensor.get(), 2), (std::vector<float>{9, 16}));
}

// Every kind has a rule, and every rule a kernel on the CPU.
TEST(Registry, IsComplete) {
  const auto device = dn::open_device("cpu", {sizeof(dn_device_options), 1});
  for (int kind = DN_OPERATOR_POINTWISE; kind <= DN_OPERATOR_CTC_LOSS; ++kind) {
    const dn::OperatorRule* rule = dn::find_rule(kind);
    ASSERT_NE(rule, nullptr) << "kind " << kind << " has no rule";
    if (kind == DN_OPERATOR_RESHAPE) continue;  // another name for the same elements
    EXPECT_FALSE(device->candidates().of_kind(kind).empty()) << rule->name << " has no CPU kernel";
  }
  EXPECT_EQ(dn::find_rule(DN_OPERATOR_CTC_LOSS + 1), nullptr) << "a kind is missing in this test";
  auto names = device->candidates().names();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << "two share a name";
}
