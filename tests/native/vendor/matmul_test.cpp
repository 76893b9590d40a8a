// Products by the stand-ins for cuBLAS and cuBLASLt: found, right, raced, refused with a reason.
#include <dlfcn.h>

#include "programs.h"

namespace {

struct Case {
  int64_t batch, rows, columns, depth;
  bool transpose_a = false, transpose_b = false, bias = false, b_without_batch = false;
  dn_dtype input_type = DN_DTYPE_F32, output_type = DN_DTYPE_F32;
};

// Compiles and runs the product, compares it with plain loops (exact: small integers),
// and gives the kernel's name.
std::string run_matmul(dn_device* device, const Case& c, bool tf32 = false, int race = 0) {
  const bool batched = c.batch > 0;
  const int64_t batch = std::max<int64_t>(c.batch, 1);
  const auto dims = [&](int64_t rows, int64_t columns, bool with_batch) {
    return with_batch ? std::vector<int64_t>{batch, rows, columns}
                      : std::vector<int64_t>{rows, columns};
  };
  const bool b_batched = batched && !c.b_without_batch;
  const auto a = small_integers(batch * c.rows * c.depth, 3),
             b = small_integers((b_batched ? batch : 1) * c.depth * c.columns, 5),
             bias = small_integers(c.columns, 7);
  const auto stored = [&](int64_t rows, int64_t columns, bool transposed, bool with_batch) {
    return transposed ? dims(columns, rows, with_batch) : dims(rows, columns, with_batch);
  };
  auto a_tensor =
      make_typed_tensor(device, c.input_type, stored(c.rows, c.depth, c.transpose_a, batched), a);
  auto b_tensor = make_typed_tensor(device, c.input_type,
                                    stored(c.depth, c.columns, c.transpose_b, b_batched), b);
  auto bias_tensor = make_typed_tensor(device, c.output_type, {c.columns}, bias);
  auto y_tensor = make_tensor(device, dims(c.rows, c.columns, batched), {}, c.output_type);
  ProgramBuilder program(device);
  std::vector<int32_t> inputs{program.bind(a_tensor), program.bind(b_tensor)};
  if (c.bias) inputs.push_back(program.bind(bias_tensor));
  const dn_matmul_attributes attributes{sizeof attributes, c.transpose_a, c.transpose_b, 0,
                                        nullptr};
  const int y = program.bind(y_tensor);
  EXPECT_OK(program.add(DN_OPERATOR_MATMUL, &attributes, inputs, {y}, "product"));
  const dn_compile_options options{sizeof options, race, tf32, 0};
  EXPECT_OK(dn_program_compile(program.get(), &options));
  for (int i = 0; i < 3; ++i) EXPECT_OK(program.run());  // step by step, then as a graph
  const auto result =
      read_typed(y_tensor.get(), c.output_type, (size_t)(batch * c.rows * c.columns));
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t i = 0; i < c.rows; ++i)
      for (int64_t j = 0; j < c.columns; ++j) {
        double sum = c.bias ? bias[j] : 0;
        for (int64_t k = 0; k < c.depth; ++k) {
          const int64_t ai = c.transpose_a ? k * c.rows + i : i * c.depth + k;
          const int64_t bi = c.transpose_b ? j * c.depth + k : k * c.columns + j;
          sum += (double)a[n * c.rows * c.depth + ai] *
                 b[(b_batched ? n : 0) * c.depth * c.columns + bi];
        }
        const double found = result[(n * c.rows + i) * c.columns + j];
        const double expected = rounded(sum, c.output_type);
        if (found != expected) {
          ADD_FAILURE() << "[" << n << "," << i << "," << j << "] is " << found << ", expected "
                        << expected;
          return "";
        }
      }
  return kernel_of(program.get());
}

const Case kCases[] = {
    {0, 24, 33, 40},
    {0, 24, 33, 40, true, false},
    {0, 24, 33, 40, false, true},
    {0, 24, 33, 40, true, true},
    {3, 16, 20, 24},
    {3, 16, 20, 24, true, true},
    {3, 16, 20, 24, false, false, false, true},
    {3, 16, 20, 24, true, false, false, true},
    {0, 1, 40, 40},
    {0, 40, 1, 40},
};

}  // namespace

int ask_stand_in(const char* library, const char* function) {
  void* handle = dlopen((std::string(DN_STAND_INS "/") + library).c_str(), RTLD_NOW | RTLD_NOLOAD);
  const auto ask = handle ? reinterpret_cast<int (*)()>(dlsym(handle, function)) : nullptr;
  EXPECT_NE(ask, nullptr) << library;
  return ask ? ask() : -1;
}

TEST(VendorMatMul, CublasIsFoundAndRight) {
  const CudaLibs libs{"cublas"};
  const Prefer prefer("cublas:");
  auto device = open_hostsim();
  for (const Case& c : kCases) EXPECT_EQ(run_matmul(device.get(), c), "cublas:gemm");
}

TEST(VendorMatMul, CublasLtIsFoundAndRight) {
  const CudaLibs libs{"cublaslt"};
  const Prefer prefer("cublaslt:");
  auto device = open_hostsim();
  for (Case c : kCases) {
    EXPECT_EQ(run_matmul(device.get(), c), "cublaslt:matmul");
    c.bias = true;
    EXPECT_EQ(run_matmul(device.get(), c), "cublaslt:matmul");
  }
}

TEST(VendorMatMul, HalvesAreMultipliedToo) {
  const CudaLibs libs{"cublas", "cublaslt"};
  auto device = open_hostsim();
  for (const char* library : {"cublas:", "cublaslt:"}) {
    const Prefer prefer(library);
    for (const dn_dtype input : {DN_DTYPE_BF16, DN_DTYPE_F16})
      for (const dn_dtype output : {input, DN_DTYPE_F32}) {
        Case c{2, 16, 20, 24, false, true};
        c.input_type = input, c.output_type = output;
        EXPECT_EQ(run_matmul(device.get(), c).find(library), 0u);
        c.bias = std::string(library) == "cublaslt:";
        EXPECT_EQ(run_matmul(device.get(), c).find(library), 0u);
      }
  }
}

// The stand-in's loops are many times faster than a simulated kernel.
TEST(VendorMatMul, TheFasterOneWinsARace) {
  const CacheFolder cache;
  const CudaLibs libs{"cublas"};
  auto device = open_hostsim();
  EXPECT_EQ(run_matmul(device.get(), {0, 100, 70, 90}, false, 5000), "cublas:gemm");
}

TEST(VendorMatMul, Float32IsNotCutUnlessAllowed) {
  const CudaLibs libs{"cublas"};
  const Prefer prefer("cublas:");
  auto device = open_hostsim();
  constexpr const char* kLibrary = "cublas/libcublas.so.12";
  ASSERT_EQ(run_matmul(device.get(), kCases[0]), "cublas:gemm");
  EXPECT_EQ(ask_stand_in(kLibrary, "stand_in_last_compute_type"), 68);  // CUBLAS_COMPUTE_32F
  ASSERT_EQ(run_matmul(device.get(), kCases[0], true), "cublas:gemm");
  EXPECT_EQ(ask_stand_in(kLibrary, "stand_in_last_compute_type"), 77);  // ..._FAST_TF32
}

TEST(VendorMatMul, AWorkspaceDoesNotOverlapTensors) {
  // The arena holds the workspace beside a transient that lives longer.
  const CudaLibs libs{"cublas"};
  const Prefer prefer("cublas:");
  auto device = open_hostsim();
  const auto x = small_integers(16 * 16, 1);
  auto x_tensor = make_tensor(device.get(), {16, 16}, x),
       y_tensor = make_tensor(device.get(), {16, 16});
  ProgramBuilder program(device.get());
  const int in = program.bind(x_tensor), out = program.bind(y_tensor);
  const int square = program.transient({16, 16});
  const dn_matmul_attributes product{sizeof product, 0, 0, 0, nullptr};
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &product, {in, in}, {square}));
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &product, {square, in}, {out}));
  ASSERT_OK(program.compile());
  ASSERT_OK(program.run());
  ASSERT_OK(program.run());
  const auto y = read(y_tensor.get(), 16 * 16);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) {
      double sum = 0;
      for (int k = 0; k < 16; ++k)
        for (int l = 0; l < 16; ++l) sum += (double)x[i * 16 + l] * x[l * 16 + k] * x[k * 16 + j];
      ASSERT_EQ(y[i * 16 + j], sum);
    }
}
TEST(VendorMatMul, WithoutARaceTheEnginesOwnKernelRuns) {
  const CudaLibs libs{"cublas", "cublaslt"};
  auto device = open_hostsim();
  const std::string kernel = run_matmul(device.get(), kCases[0]);
  EXPECT_EQ(kernel.find("own:"), 0u) << kernel;
}

TEST(VendorMatMul, AnAlgorithmThatIsMissingIsNoFailure) {
  const CudaLibs libs{"cublaslt"};
  const Prefer prefer("cublaslt:");
  auto device = open_hostsim();
  const std::string kernel = run_matmul(device.get(), {0, 24, 7, 40});  // the stand-in has none
  EXPECT_EQ(kernel.find("own:"), 0u) << kernel;
}

TEST(VendorMatMul, UnusableLibrariesAreNotUsed) {
  const Prefer prefer("cublas");
  for (const char* folder : {"old", "incomplete", "nowhere"}) {
    const CudaLibs libs{folder};
    auto device = open_hostsim();
    const std::string kernel = run_matmul(device.get(), kCases[0]);
    EXPECT_EQ(kernel.find("own:"), 0u) << folder << ": " << kernel;
  }
}
