// Times every kernel of the CUDA device against its floor on the GPU at hand.
//   cuda_kernels_bench [--filter PART] [--seconds S] [--json FILE] [--markdown FILE] [--tiny]
//   [--list]
// floor = the larger of bytes / bandwidth and operations / their rate. Both ceilings are measured
// first: the bandwidth by a copy of 1 GiB, counted as read and written, the rates by products of
// large matrices. Times are medians of graph replays on random data that does not fit the cache.
// --tiny: small sizes, for the simulator; built for it, the program writes no times.
// Exit code 1: a case failed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "cuda_cases.h"
#include "cuda_vendor.h"

namespace dn::bench {

namespace {

const bool kSimulated = std::strcmp(DN_DEVICE_KIND, "hostsim") == 0;

struct Options {
  std::string filter, json, markdown;
  double seconds = 1e9;
  bool tiny = false, list = false;
};

struct Ceilings {
  double copy_gb_per_s = 0;
  double tflops[5] = {};  // by Unit
  std::string products_by;
};

struct Result {
  const Case* what;
  std::optional<Times> own, vendor;
  std::string error;  // empty: done
};

const char* dtype_name(dn_dtype dtype) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return "f32";
    case DN_DTYPE_BF16:
      return "bf16";
    case DN_DTYPE_F16:
      return "f16";
    case DN_DTYPE_U8:
      return "u8";
    case DN_DTYPE_I32:
      return "i32";
    default:
      return "other";
  }
}

const char* const kUnitNames[] = {"none", "f32", "tf32", "bf16", "f16"};

double measure_copy(Timer& timer, bool tiny) {
  const int64_t bytes = tiny ? 1 << 12 : int64_t{1} << 30;
  const Times times = timer.time([bytes](Memory& memory) -> Run {
    void* from = memory.random(DN_DTYPE_F32, bytes / 4);
    void* to = memory.empty(bytes);
    return [=](cudaStream_t stream) {
      check(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyDeviceToDevice, stream), "copy");
    };
  });
  return 2e-3 * double(bytes) / times.median_us;
}

// TFLOP/s of large products on random data: cuBLAS's where it is found, else our own.
double measure_products(Timer& timer, Unit unit, bool tiny) {
  using cuda::vendor::Transpose;
  const int32_t size = tiny ? 32 : unit == Unit::F32 ? 4096 : 8192;
  const Case c =
      product_case(size, size, size, Transpose::No, Transpose::Yes, unit, timer.multiprocessors());
  const Times times = timer.time(c.make_vendor ? c.make_vendor : c.make);
  return c.operations / times.median_us * 1e-6;
}

// 0 where a ceiling that it needs was not measured.
double floor_us(const Case& c, const Ceilings& ceilings) {
  const double by_bytes = ceilings.copy_gb_per_s > 0 ? c.bytes / ceilings.copy_gb_per_s * 1e-3 : 0;
  const double rate = ceilings.tflops[int(c.unit)];
  return std::max(by_bytes, rate > 0 ? c.operations / rate * 1e-6 : 0);
}

// ---- what is written ----

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += uint8_t(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return value > 0 ? text : "null";
}

void write_json(const std::string& path, const Timer& timer, const Ceilings& ceilings,
                const std::vector<Result>& results) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (!file) throw std::runtime_error("cannot write " + path);
  std::fprintf(file, "{\"device\": %s, \"l2_bytes\": %lld, \"multiprocessors\": %d,\n",
               quoted(timer.device()).c_str(), (long long)timer.l2_bytes(),
               timer.multiprocessors());
  std::fprintf(file, "\"ceilings\": {\"copy_gb_per_s\": %s",
               number(ceilings.copy_gb_per_s).c_str());
  for (int unit = 1; unit < 5; ++unit)
    std::fprintf(file, ", \"%s_tflop_per_s\": %s", kUnitNames[unit],
                 number(ceilings.tflops[unit]).c_str());
  std::fprintf(file, ", \"products_by\": %s},\n\"cases\": [", quoted(ceilings.products_by).c_str());
  const char* separator = "\n";
  for (const Result& result : results) {
    const Case& c = *result.what;
    const Times times = result.own.value_or(Times{});
    const double floor = floor_us(c, ceilings);
    std::fprintf(file,
                 "%s{\"kernel\": %s, \"shape\": %s, \"dtype\": \"%s\", \"bytes\": %.0f, "
                 "\"operations\": %.0f, \"unit\": \"%s\", \"floor_us\": %s, \"median_us\": %s, "
                 "\"p10_us\": %s, \"p90_us\": %s, \"share_of_floor\": %s, ",
                 separator, quoted(c.kernel).c_str(), quoted(c.shape).c_str(), dtype_name(c.dtype),
                 c.bytes, c.operations, kUnitNames[int(c.unit)], number(floor).c_str(),
                 number(times.median_us).c_str(), number(times.p10_us).c_str(),
                 number(times.p90_us).c_str(),
                 number(times.median_us > 0 ? floor / times.median_us : 0).c_str());
    std::fprintf(
        file, "\"vendor\": %s, \"vendor_us\": %s, \"error\": %s}", quoted(c.vendor).c_str(),
        number(result.vendor ? result.vendor->median_us : 0).c_str(), quoted(result.error).c_str());
    separator = ",\n";
  }
  std::fprintf(file, "\n]}\n");
  std::fclose(file);
}

void print_row(std::FILE* file, const char* format, const Result& result,
               const Ceilings& ceilings) {
  const auto cell = [](double value, const char* digits) {
    char text[32];
    std::snprintf(text, sizeof text, digits, value);
    return std::string(value > 0 ? text : "-");
  };
  const Case& c = *result.what;
  const Times t = result.own.value_or(Times{});
  const double floor = floor_us(c, ceilings), us = t.median_us;
  const std::string spread = cell(t.p10_us, "%.2f") + " .. " + cell(t.p90_us, "%.2f");
  std::string vendor = cell(result.vendor ? result.vendor->median_us : 0, "%.2f");
  if (!result.error.empty()) vendor = result.error;
  std::fprintf(file, format, c.kernel.c_str(), c.shape.c_str(), dtype_name(c.dtype),
               cell(us, "%.2f").c_str(), spread.c_str(), cell(floor, "%.2f").c_str(),
               cell(us > 0 ? 100 * floor / us : 0, "%.0f %%").c_str(),
               cell(us > 0 ? c.bytes / us * 1e-3 : 0, "%.0f").c_str(),
               cell(us > 0 ? c.operations / us * 1e-6 : 0, "%.1f").c_str(), vendor.c_str());
}

void write_markdown(const std::string& path, const Ceilings& ceilings,
                    const std::vector<Result>& results, int left_out) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (!file) throw std::runtime_error("cannot write " + path);
  if (kSimulated) {
    std::fprintf(file, "%zu cases ran on the simulator, which has no times.\n", results.size());
  } else {
    std::fprintf(file, "Ceilings measured here: copy %.0f GB/s", ceilings.copy_gb_per_s);
    for (int unit = 1; unit < 5; ++unit)
      if (ceilings.tflops[unit] > 0)
        std::fprintf(file, ", %s %.1f TFLOP/s", kUnitNames[unit], ceilings.tflops[unit]);
    std::fprintf(file, " (products by %s)", ceilings.products_by.c_str());
    std::fprintf(file,
                 ".\n\n| kernel | shape | | us | 10 to 90 %% | floor | share | GB/s | TFLOP/s | "
                 "vendor us |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (const Result& result : results)
      print_row(file, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", result, ceilings);
  }
  if (left_out > 0) std::fprintf(file, "\n%d cases were left out for want of time.\n", left_out);
  std::fclose(file);
}

// ---- the run ----

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--tiny" || name == "--list") {
      (name == "--tiny" ? options.tiny : options.list) = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(name + " takes a value, or is not known");
    const char* value = argv[++i];
    if (name == "--filter")
      options.filter = value;
    else if (name == "--seconds")
      options.seconds = std::atof(value);
    else if (name == "--json")
      options.json = value;
    else if (name == "--markdown")
      options.markdown = value;
    else
      throw std::runtime_error("unknown option " + name);
  }
  return options;
}

Result run(const Case& c, Timer& timer) {
  Result result{&c, {}, {}, ""};
  try {
    const Times own = timer.time(c.make);
    if (!kSimulated) result.own = own;
    if (c.make_vendor && !kSimulated) result.vendor = timer.time(c.make_vendor);
  } catch (const std::exception& error) {
    result.error = error.what();
  }
  return result;
}

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto started = std::chrono::steady_clock::now();
  const auto age = [started] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  Timer timer(kSimulated);
  Suite suite(options.tiny, timer.multiprocessors());
  gemm_cases(suite);
  convolution_cases(suite);
  norm_cases(suite);
  pointwise_cases(suite);
  data_cases(suite);
  index_cases(suite);
  layout_cases(suite);
  if (options.list) {
    for (const Case& c : suite.cases())
      std::printf("%s, %s, %s\n", c.kernel.c_str(), c.shape.c_str(), dtype_name(c.dtype));
    return 0;
  }

  Ceilings ceilings;
  ceilings.copy_gb_per_s = measure_copy(timer, options.tiny);
  for (const Unit unit : {Unit::F32, Unit::Tf32, Unit::Bf16, Unit::F16})
    ceilings.tflops[int(unit)] = measure_products(timer, unit, options.tiny);
  ceilings.products_by = find_cublas() ? "cuBLAS " + find_cublas()->version() : "own kernels";
  if (kSimulated) ceilings = {};
  std::printf("%s, %d multiprocessors, copy %.0f GB/s\n", timer.device().c_str(),
              timer.multiprocessors(), ceilings.copy_gb_per_s);

  std::vector<Result> results;
  int left_out = 0;
  bool failed = false;
  for (const Case& c : suite.cases()) {
    if ((c.kernel + ", " + c.shape).find(options.filter) == std::string::npos) continue;
    if (age() > options.seconds) {
      ++left_out;
      continue;
    }
    results.push_back(run(c, timer));
    failed |= !results.back().error.empty();
    print_row(stdout, "%-28s %-40s %-4s %9s us %20s floor %9s %6s %6s GB/s %6s TFLOP/s  %s\n",
              results.back(), ceilings);
    std::fflush(stdout);
  }
  if (left_out > 0) std::printf("%d cases left out: no time\n", left_out);
  if (!options.json.empty()) write_json(options.json, timer, ceilings, results);
  if (!options.markdown.empty()) write_markdown(options.markdown, ceilings, results, left_out);
  return failed || results.empty() ? 1 : 0;
}

}  // namespace

}  // namespace dn::bench

int main(int argc, char** argv) {
  try {
    return dn::bench::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_kernels_bench: %s\n", error.what());
    return 2;
  }
}
