// Convolutions by the stand-in for cuDNN, in all directions, against plain loops.
#include "programs.h"

namespace {

struct Case {
  std::vector<int64_t> input;   // (N, C, ...)
  int64_t channels;             // K
  std::vector<int64_t> kernel;  // spatial
  int64_t stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  bool bias = false;
  dn_dtype type = DN_DTYPE_F32;
};

// The sizes of a case on three spatial axes, the missing ones of extent 1.
struct Sizes {
  explicit Sizes(const Case& c) : rank((int)c.kernel.size()), groups(c.groups) {
    n = c.input[0], channels = c.input[1], k = c.channels;
    for (int i = 0; i < rank; ++i) {
      const int axis = 3 - rank + i;
      in[axis] = c.input[2 + i];
      tap[axis] = c.kernel[i];
      stride[axis] = c.stride, padding[axis] = c.padding, dilation[axis] = c.dilation;
      out[axis] = (in[axis] + 2 * c.padding - c.dilation * (c.kernel[i] - 1) - 1) / c.stride + 1;
    }
  }
  int64_t volume(const int64_t (&extent)[3]) const { return extent[0] * extent[1] * extent[2]; }
  int64_t x_count() const { return n * channels * volume(in); }
  int64_t w_count() const { return k * channels / groups * volume(tap); }
  int64_t y_count() const { return n * k * volume(out); }
  std::vector<int64_t> dims(int64_t outer, int64_t inner, const int64_t (&extent)[3]) const {
    std::vector<int64_t> result{outer, inner};
    result.insert(result.end(), extent + 3 - rank, extent + 3);
    return result;
  }

  // Calls body(x index, w index, y index) for each product, all in the order of the C ABI.
  template <typename Body>
  void for_each_product(const Body& body) const {
    const int64_t c_group = channels / groups, k_group = k / groups;
    int64_t p[3], t[3];
    for (int64_t in_ = 0; in_ < n; ++in_)
      for (int64_t ik = 0; ik < k; ++ik)
        for (p[0] = 0; p[0] < out[0]; ++p[0])
          for (p[1] = 0; p[1] < out[1]; ++p[1])
            for (p[2] = 0; p[2] < out[2]; ++p[2])
              for (int64_t ic = 0; ic < c_group; ++ic)
                for (t[0] = 0; t[0] < tap[0]; ++t[0])
                  for (t[1] = 0; t[1] < tap[1]; ++t[1])
                    for (t[2] = 0; t[2] < tap[2]; ++t[2]) {
                      int64_t x = in_ * channels + ik / k_group * c_group + ic;
                      int64_t w = ik * c_group + ic, y = in_ * k + ik;
                      bool inside = true;
                      for (int axis = 0; axis < 3; ++axis) {
                        const int64_t at =
                            p[axis] * stride[axis] - padding[axis] + t[axis] * dilation[axis];
                        inside = inside && at >= 0 && at < in[axis];
                        x = x * in[axis] + at;
                        w = w * tap[axis] + t[axis];
                        y = y * out[axis] + p[axis];
                      }
                      if (inside) body(x, w, y);
                    }
  }

  int rank, groups;
  int64_t n, channels, k;
  int64_t in[3] = {1, 1, 1}, tap[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
};

dn_convolution_attributes attributes_of(const Case& c, dn_direction direction) {
  dn_convolution_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.direction = direction;
  attributes.spatial_rank = (int32_t)c.kernel.size();
  attributes.groups = c.groups;
  for (size_t i = 0; i < c.kernel.size(); ++i) {
    attributes.stride[i] = c.stride;
    attributes.padding_begin[i] = attributes.padding_end[i] = c.padding;
    attributes.dilation[i] = c.dilation;
  }
  return attributes;
}

void expect_equal(dn_tensor* tensor, dn_dtype type, const std::vector<double>& expected) {
  const auto found = read_typed(tensor, type, expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_EQ(found[i], rounded(expected[i], type)) << "element " << i;
}

// Compiles and runs one direction, compares, and gives the kernel's name.
std::string run_convolution(dn_device* device, const Case& c, dn_direction direction,
                            bool tf32 = false) {
  const Sizes s(c);
  const auto x = small_integers(s.x_count(), 1), w = small_integers(s.w_count(), 2),
             y = small_integers(s.y_count(), 3), bias = small_integers(s.k, 4);
  const auto x_dims = s.dims(s.n, s.channels, s.in), y_dims = s.dims(s.n, s.k, s.out),
             w_dims = s.dims(s.k, s.channels / s.groups, s.tap);
  auto x_tensor = make_typed_tensor(device, c.type, x_dims, x),
       w_tensor = make_typed_tensor(device, c.type, w_dims, w),
       y_tensor = make_typed_tensor(device, c.type, y_dims, y),
       bias_tensor = make_typed_tensor(device, c.type, {s.k}, bias);
  ProgramBuilder program(device);
  const int x_id = program.bind(x_tensor), w_id = program.bind(w_tensor),
            y_id = program.bind(y_tensor), bias_id = program.bind(bias_tensor);
  const auto attributes = attributes_of(c, direction);
  std::vector<int32_t> inputs, outputs;
  switch (direction) {
    case DN_FORWARD:
      inputs = {x_id, w_id}, outputs = {y_id};
      if (c.bias) inputs.push_back(bias_id);
      break;
    case DN_BACKWARD_DATA:
      inputs = {y_id, w_id}, outputs = {x_id};
      break;
    default:
      inputs = {x_id, y_id}, outputs = {w_id};
      if (c.bias) outputs.push_back(bias_id);
  }
  EXPECT_OK(program.add(DN_OPERATOR_CONVOLUTION, &attributes, inputs, outputs, "conv"));
  const dn_compile_options options{sizeof options, 0, tf32, 0};
  EXPECT_OK(dn_program_compile(program.get(), &options));
  for (int i = 0; i < 2; ++i) EXPECT_OK(program.run());  // step by step, then as a graph

  std::vector<double> expected;
  if (direction == DN_FORWARD) {
    expected.resize(y.size());
    if (c.bias)
      for (size_t i = 0; i < y.size(); ++i) expected[i] = bias[i / s.volume(s.out) % s.k];
    s.for_each_product(
        [&](int64_t xi, int64_t wi, int64_t yi) { expected[yi] += (double)x[xi] * w[wi]; });
    expect_equal(y_tensor.get(), c.type, expected);
  } else if (direction == DN_BACKWARD_DATA) {
    expected.resize(x.size());
    s.for_each_product(
        [&](int64_t xi, int64_t wi, int64_t yi) { expected[xi] += (double)y[yi] * w[wi]; });
    expect_equal(x_tensor.get(), c.type, expected);
  } else {
    expected.resize(w.size());
    s.for_each_product(
        [&](int64_t xi, int64_t wi, int64_t yi) { expected[wi] += (double)x[xi] * y[yi]; });
    expect_equal(w_tensor.get(), c.type, expected);
    if (c.bias) {
      std::vector<double> sums((size_t)s.k);
      for (size_t i = 0; i < y.size(); ++i) sums[i / s.volume(s.out) % s.k] += y[i];
      expect_equal(bias_tensor.get(), c.type, sums);
    }
  }
  return kernel_of(program.get());
}

const Case kCases[] = {
    {{2, 3, 6, 5}, 4, {3, 3}},
    {{2, 4, 7, 7}, 6, {3, 2}, 2, 1, 1, 2, true},
    {{1, 2, 9, 8}, 3, {3, 3}, 1, 2, 2, 1, true},
    {{2, 1, 6, 6}, 2, {5, 5}, 1, 2},
    {{3, 4, 11}, 5, {3}, 2, 1, 1, 1, true},
    {{1, 2, 4, 5, 6}, 3, {2, 3, 3}, 1, 1, 1, 1, true},
    {{2, 4, 5, 5}, 4, {3, 3}, 1, 1, 1, 4},
};

}  // namespace

TEST(VendorConvolution, Forward) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  for (const Case& c : kCases)
    EXPECT_EQ(run_convolution(device.get(), c, DN_FORWARD), "cudnn:convolution_forward");
}

TEST(VendorConvolution, BackwardData) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  for (const Case& c : kCases)
    EXPECT_EQ(run_convolution(device.get(), c, DN_BACKWARD_DATA),
              "cudnn:convolution_backward_data");
}

TEST(VendorConvolution, BackwardWeight) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  for (const Case& c : kCases)
    EXPECT_EQ(run_convolution(device.get(), c, DN_BACKWARD_WEIGHT),
              "cudnn:convolution_backward_weight");
}

TEST(VendorConvolution, HalvesAreConvolvedToo) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  for (const dn_dtype type : {DN_DTYPE_BF16, DN_DTYPE_F16})
    for (const dn_direction direction : {DN_FORWARD, DN_BACKWARD_DATA, DN_BACKWARD_WEIGHT}) {
      Case c = kCases[1];
      c.type = type;
      c.bias = direction == DN_BACKWARD_WEIGHT;  // forward it would be rounded a second time
      EXPECT_EQ(run_convolution(device.get(), c, direction).find("cudnn:"), 0u);
    }
}

TEST(VendorConvolution, CuDnn8DoesTheSame) {
  const CudaLibs libs{"cudnn8"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  for (const dn_direction direction : {DN_FORWARD, DN_BACKWARD_DATA, DN_BACKWARD_WEIGHT})
    EXPECT_EQ(run_convolution(device.get(), kCases[1], direction).find("cudnn:"), 0u);
}

TEST(VendorConvolution, Float32IsNotCutUnlessAllowed) {
  const CudaLibs libs{"cudnn"};
  const Prefer prefer("cudnn:");
  auto device = open_hostsim();
  constexpr const char* kLibrary = "cudnn/libcudnn.so.9";
  run_convolution(device.get(), kCases[0], DN_FORWARD);
  EXPECT_EQ(ask_stand_in(kLibrary, "stand_in_last_math_type"), 3);  // CUDNN_FMA_MATH
  run_convolution(device.get(), kCases[0], DN_FORWARD, true);
  EXPECT_EQ(ask_stand_in(kLibrary, "stand_in_last_math_type"), 0);  // CUDNN_DEFAULT_MATH
}

TEST(VendorConvolution, WithoutAUsableLibraryTheEnginesOwnKernelRuns) {
  const Prefer prefer("cudnn:");
  for (const char* folder : {"old", "nowhere"}) {
    const CudaLibs libs{folder};
    auto device = open_hostsim();
    const std::string kernel = run_convolution(device.get(), kCases[0], DN_FORWARD);
    EXPECT_EQ(kernel.find("own:"), 0u) << folder << ": " << kernel;
  }
}
