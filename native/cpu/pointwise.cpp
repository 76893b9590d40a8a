// Pointwise expressions: flat over any layout that all operands share, else by rows with
// broadcasting.
#include <unistd.h>

#include "cpu/candidates.h"
#include "cpu/expression.h"

namespace dn::cpu {

namespace {

// How to walk the outputs: `rows` runs of `columns` elements that lie side by side.
struct Walk {
  int64_t columns = 1;
  std::vector<int64_t> dims;                  // outer dimensions
  std::vector<std::vector<int64_t>> strides;  // of each input, in elements, by outer dimension
  std::vector<char> repeat;                   // the input does not move within a row
};

Walk make_walk(const Shape& output, const std::vector<Shape>& inputs) {
  // A dimension is joined with its inner neighbour where every input treats both alike.
  std::vector<int64_t> dims;
  std::vector<std::vector<char>> moves;  // by dimension, by input
  for (int axis = 0; axis < output.rank(); ++axis) {
    if (output[axis] == 1) continue;
    std::vector<char> move;
    for (const Shape& input : inputs) {
      const int own = axis - (output.rank() - input.rank());
      move.push_back(own >= 0 && input[own] != 1);
    }
    if (!dims.empty() && moves.back() == move) {
      dims.back() *= output[axis];
    } else {
      dims.push_back(output[axis]);
      moves.push_back(std::move(move));
    }
  }
  Walk walk;
  walk.repeat.assign(inputs.size(), 1);
  if (!dims.empty()) {
    walk.columns = dims.back();
    for (size_t i = 0; i < inputs.size(); ++i) walk.repeat[i] = !moves.back()[i];
    walk.dims.assign(dims.begin(), dims.end() - 1);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<int64_t> strides(walk.dims.size(), 0);
    int64_t stride = walk.repeat[i] ? 1 : walk.columns;
    for (int axis = (int)walk.dims.size() - 1; axis >= 0; --axis) {
      if (!moves[axis][i]) continue;
      strides[axis] = stride;
      stride *= walk.dims[axis];
    }
    walk.strides.push_back(std::move(strides));
  }
  return walk;
}

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(BlockEvaluator evaluator, Walk walk, std::vector<int64_t> input_bytes,
                  std::vector<int64_t> output_bytes, int threads)
      : evaluator_(std::move(evaluator)),
        walk_(std::move(walk)),
        input_bytes_(std::move(input_bytes)),
        output_bytes_(std::move(output_bytes)),
        threads_(threads) {
    for (int64_t dim : walk_.dims) rows_ *= dim;
  }

  void run(const Arguments& a) override {
    if (rows_ == 1) {
      // Divided on whole blocks, so that the vectors stay aligned.
      const int64_t blocks = (walk_.columns + kBlock - 1) / kBlock;
      parallel(threads_, blocks, walk_.columns, [&](int64_t begin, int64_t end) {
        const int64_t first = begin * kBlock, last = std::min(end * kBlock, walk_.columns);
        run_rows(a, 0, 1, first, last - first);
      });
    } else {
      parallel(threads_, rows_, rows_ * walk_.columns,
               [&](int64_t begin, int64_t end) { run_rows(a, begin, end, 0, walk_.columns); });
    }
  }

 private:
  static constexpr int64_t kBlock = BlockEvaluator::kBlock;
  static constexpr int kMaxArguments = 64;  // the rule's limit

  void run_rows(const Arguments& a, int64_t begin, int64_t end, int64_t first, int64_t count) {
    float* scratch = static_cast<float*>(a.scratch) +
                     omp_get_thread_num() * (evaluator_.scratch_bytes() / (int64_t)sizeof(float));
    const void* inputs[kMaxArguments];
    void* outputs[kMaxArguments];
    bool repeat[kMaxArguments];
    const size_t input_count = input_bytes_.size();
    for (int64_t row = begin; row < end; ++row) {
      for (size_t i = 0; i < input_count; ++i) {
        int64_t offset = walk_.repeat[i] ? 0 : first, rest = row;
        for (int axis = (int)walk_.dims.size() - 1; axis >= 0; --axis) {
          offset += rest % walk_.dims[axis] * walk_.strides[i][axis];
          rest /= walk_.dims[axis];
        }
        inputs[i] = static_cast<const char*>(a.inputs[i]) + offset * input_bytes_[i];
        repeat[i] = walk_.repeat[i] != 0;
      }
      for (size_t i = 0; i < output_bytes_.size(); ++i)
        outputs[i] =
            static_cast<char*>(a.outputs[i]) + (row * walk_.columns + first) * output_bytes_[i];
      evaluator_.run(inputs, repeat, outputs, count, scratch);
    }
    evaluator_.finish();
  }

  BlockEvaluator evaluator_;
  Walk walk_;
  std::vector<int64_t> input_bytes_, output_bytes_;
  int threads_;
  int64_t rows_ = 1;
};

// The layout in which all operands of the outputs' shape can be walked flat.
LayoutRef common_layout(const CompileView& view, const Operator& op, const Shape& shape) {
  LayoutRef common;
  for (int id : op.inputs()) {
    const TensorDeclaration& tensor = view.tensor(id);
    if (tensor.shape.numel() == 1) continue;
    if (!(tensor.shape == shape) || tensor.dtype != DN_DTYPE_F32) return nullptr;
    const LayoutRef layout = view.free(id) ? nullptr : view.layout(id);
    if (!common && layout) common = layout;
  }
  for (int id : op.outputs())
    if (view.tensor(id).dtype != DN_DTYPE_F32) return nullptr;
  // Padding of a layout must stay zero, which an expression may not keep.
  if (common && common->bytes() != shape.numel() * (int64_t)sizeof(float)) return nullptr;
  return common;
}

// Whether operands of this size are not in the caches anyway when they are read next.
bool exceeds_caches(int64_t bytes) {
  static const int64_t level3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes >= (level3 > 0 ? level3 : int64_t{32} << 20) * 3 / 4;
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& shape = view.tensor(operation.output(0)).shape;
  const LayoutRef layout = common_layout(view, operation, shape);
  KernelPlan result;
  std::vector<DType> input_types, output_types;
  std::vector<int64_t> input_bytes, output_bytes;
  std::vector<Shape> shapes;
  for (int id : operation.inputs()) {
    const TensorDeclaration& tensor = view.tensor(id);
    const bool full = layout && tensor.shape == shape && tensor.shape.numel() != 1;
    result.inputs.push_back({id, full ? layout : nullptr});
    input_types.push_back(tensor.dtype);
    input_bytes.push_back(size_of(tensor.dtype));
    shapes.push_back(tensor.shape);
  }
  for (int id : operation.outputs()) {
    result.outputs.push_back({id, layout});
    output_types.push_back(view.tensor(id).dtype);
    output_bytes.push_back(size_of(view.tensor(id).dtype));
  }
  int64_t bytes = 0;
  for (size_t i = 0; i < shapes.size(); ++i) bytes += shapes[i].numel() * input_bytes[i];
  for (int64_t size : output_bytes) bytes += shape.numel() * size;
  BlockEvaluator evaluator(operation.expression(), input_types, output_types,
                           exceeds_caches(bytes));
  if (evaluator.in_place()) {
    for (size_t i = 0; i < operation.inputs().size() && result.in_place.empty(); ++i)
      if (shapes[i] == shape && input_types[i] == DN_DTYPE_F32) result.in_place = {(int)i};
  }
  const int threads = device_of(view).threads();
  result.scratch_bytes = threads * evaluator.scratch_bytes();
  result.kernel =
      std::make_unique<PointwiseKernel>(std::move(evaluator), make_walk(shape, shapes),
                                        std::move(input_bytes), std::move(output_bytes), threads);
  return result;
}

const RegisterOperator pointwise({"own:expression", DN_OPERATOR_POINTWISE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
