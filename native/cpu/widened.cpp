#include "cpu/widened.h"

#include "cpu/epilogue.h"
#include "cpu/expression.h"

namespace dn::cpu {

namespace {

constexpr int64_t kBlock = 4096;  // elements that a thread converts together

// An argument, and where its float32 array lies in the scratch memory.
struct Conversion {
  int argument;
  DType dtype;
  int64_t numel, offset;
};

void for_blocks(const Conversion& c, int threads,
                const std::function<void(int64_t, int64_t)>& convert) {
  parallel(threads, (c.numel + kBlock - 1) / kBlock, c.numel, [&](int64_t begin, int64_t end) {
    convert(begin * kBlock, std::min(end * kBlock, c.numel) - begin * kBlock);
  });
}

class WidenedKernel final : public Kernel {
 public:
  WidenedKernel(std::unique_ptr<Kernel> kernel, std::vector<Conversion> inputs,
                std::vector<Conversion> outputs, size_t input_count, size_t output_count,
                int threads)
      : kernel_(std::move(kernel)),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        input_addresses_(input_count),
        output_addresses_(output_count),
        threads_(threads) {}

  void run(const Arguments& a) override {
    char* scratch = static_cast<char*>(a.scratch);
    std::copy_n(a.inputs, input_addresses_.size(), input_addresses_.begin());
    std::copy_n(a.outputs, output_addresses_.size(), output_addresses_.begin());
    for (const Conversion& c : inputs_) {
      float* to = reinterpret_cast<float*>(scratch + c.offset);
      const void* from = a.inputs[c.argument];
      input_addresses_[(size_t)c.argument] = to;
      for_blocks(c, threads_, [&](int64_t begin, int64_t count) {
        load_as(c.dtype, from, begin, count, to + begin);
      });
    }
    for (const Conversion& c : outputs_) output_addresses_[(size_t)c.argument] = scratch + c.offset;
    kernel_->run({input_addresses_.data(), output_addresses_.data(), scratch});
    for (const Conversion& c : outputs_) {
      const float* from = reinterpret_cast<const float*>(scratch + c.offset);
      void* to = a.outputs[c.argument];
      for_blocks(c, threads_, [&](int64_t begin, int64_t count) {
        store_as(c.dtype, from + begin, begin, count, to);
      });
    }
  }

 private:
  std::unique_ptr<Kernel> kernel_;
  std::vector<Conversion> inputs_, outputs_;
  std::vector<void*> input_addresses_, output_addresses_;
  int threads_;
};

}  // namespace

KernelPlan widened(const CompileView& view, KernelPlan plan) {
  const auto conversions = [&](const std::vector<Slot>& slots) {
    std::vector<Conversion> found;
    for (size_t i = 0; i < slots.size(); ++i) {
      const TensorDeclaration& tensor = view.tensor(slots[i].tensor);
      if (tensor.dtype != DN_DTYPE_BF16 && tensor.dtype != DN_DTYPE_F16) continue;
      require(!slots[i].layout, "a widened kernel has the layout ", name_of(slots[i].layout));
      const int64_t numel = tensor.shape.numel();
      plan.scratch_bytes = scratch_aligned(plan.scratch_bytes);
      found.push_back({(int)i, tensor.dtype, numel, plan.scratch_bytes});
      plan.scratch_bytes += numel * (int64_t)sizeof(float);
    }
    return found;
  };
  auto inputs = conversions(plan.inputs), outputs = conversions(plan.outputs);
  plan.kernel = std::make_unique<WidenedKernel>(std::move(plan.kernel), std::move(inputs),
                                                std::move(outputs), plan.inputs.size(),
                                                plan.outputs.size(), device_of(view).threads());
  plan.in_place.clear();
  return plan;
}

}  // namespace dn::cpu
