// Pointwise expressions: flat over any layout that all operands share, else by rows with
// broadcasting.
#include <unistd.h>

#include <algorithm>
#include <cstring>

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
  std::vector<char> tile;                     // the input's first `period` elements repeat
  int64_t period = 1;
  bool has_tiles() const { return period > 1; }
};

constexpr int64_t kBlock = BlockEvaluator::kBlock;

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
  const size_t count = dims.size();
  const auto moves_in = [&](size_t axis, size_t input) { return moves[axis][input] != 0; };
  // Short rows of which some inputs have only one are joined: that row repeats.
  size_t inner = std::min<size_t>(count, 1);
  if (count >= 2 && dims[count - 1] > 0 && dims[count - 1] <= kBlock / 4) {
    bool joins = true;
    for (size_t i = 0; i < inputs.size(); ++i)
      joins = joins && (moves_in(count - 1, i) || !moves_in(count - 2, i));
    if (joins) {
      inner = 2;
      walk.period = dims[count - 1];
    }
  }
  walk.dims.assign(dims.begin(), dims.end() - (std::ptrdiff_t)inner);
  for (size_t axis = count - inner; axis < count; ++axis) walk.columns *= dims[axis];
  for (size_t i = 0; i < inputs.size(); ++i) {
    walk.repeat.push_back(count == 0 || !moves_in(count - 1, i));
    walk.tile.push_back(inner == 2 && !walk.repeat[i] && !moves_in(count - 2, i));
    std::vector<int64_t> strides(walk.dims.size(), 0);
    int64_t stride = walk.repeat[i] ? 1 : walk.tile[i] ? walk.period : walk.columns;
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
      const int64_t blocks = (walk_.columns + block() - 1) / block();
      parallel(threads_, blocks, walk_.columns, [&](int64_t begin, int64_t end) {
        const int64_t first = begin * block(), last = std::min(end * block(), walk_.columns);
        run_rows(a, 0, 1, first, last - first);
      });
    } else {
      parallel(threads_, rows_, rows_ * walk_.columns,
               [&](int64_t begin, int64_t end) { run_rows(a, begin, end, 0, walk_.columns); });
    }
  }

  // What one thread needs: the evaluator's values, and a block of each tile.
  static int64_t scratch_bytes(const BlockEvaluator& evaluator, const Walk& walk) {
    const auto tiles = std::count(walk.tile.begin(), walk.tile.end(), 1);
    return evaluator.scratch_bytes() + tiles * kBlock * kMaxElement;
  }

 private:
  static constexpr int64_t kMaxElement = 8;  // bytes
  static constexpr int kMaxArguments = 64;   // the rule's limit

  // Elements that are evaluated together: whole tiles.
  int64_t block() const { return kBlock / walk_.period * walk_.period; }

  void run_rows(const Arguments& a, int64_t begin, int64_t end, int64_t first, int64_t count) {
    char* scratch =
        static_cast<char*>(a.scratch) + omp_get_thread_num() * scratch_bytes(evaluator_, walk_);
    char* tiles = scratch + evaluator_.scratch_bytes();
    const void* inputs[kMaxArguments];
    void* outputs[kMaxArguments];
    bool repeat[kMaxArguments];
    const size_t input_count = input_bytes_.size();
    for (int64_t row = begin; row < end; ++row) {
      int tile = 0;
      for (size_t i = 0; i < input_count; ++i) {
        int64_t offset = walk_.repeat[i] || walk_.tile[i] ? 0 : first, rest = row;
        for (int axis = (int)walk_.dims.size() - 1; axis >= 0; --axis) {
          offset += rest % walk_.dims[axis] * walk_.strides[i][axis];
          rest /= walk_.dims[axis];
        }
        inputs[i] = static_cast<const char*>(a.inputs[i]) + offset * input_bytes_[i];
        repeat[i] = walk_.repeat[i] != 0;
        if (!walk_.tile[i]) continue;
        char* copy = tiles + tile++ * kBlock * kMaxElement;
        const int64_t bytes = walk_.period * input_bytes_[i];
        for (int64_t at = 0; at < std::min(block(), count); at += walk_.period)
          std::memcpy(copy + at * input_bytes_[i], inputs[i], bytes);
        inputs[i] = copy;
      }
      for (size_t i = 0; i < output_bytes_.size(); ++i)
        outputs[i] =
            static_cast<char*>(a.outputs[i]) + (row * walk_.columns + first) * output_bytes_[i];
      if (!walk_.has_tiles()) {
        evaluator_.run(inputs, repeat, outputs, count, reinterpret_cast<float*>(scratch));
        continue;
      }
      for (int64_t at = 0; at < count; at += block()) {
        evaluator_.run(inputs, repeat, outputs, std::min(block(), count - at),
                       reinterpret_cast<float*>(scratch));
        for (size_t i = 0; i < input_count; ++i)
          if (!walk_.repeat[i] && !walk_.tile[i])
            inputs[i] = static_cast<const char*>(inputs[i]) + block() * input_bytes_[i];
        for (size_t i = 0; i < output_bytes_.size(); ++i)
          outputs[i] = static_cast<char*>(outputs[i]) + block() * output_bytes_[i];
      }
    }
  }

  BlockEvaluator evaluator_;
  Walk walk_;
  std::vector<int64_t> input_bytes_, output_bytes_;
  int threads_;
  int64_t rows_ = 1;
};

bool is_float(DType dtype) {
  return dtype == DN_DTYPE_F32 || dtype == DN_DTYPE_BF16 || dtype == DN_DTYPE_F16;
}

// Whether an operand has one number for each channel of (N, C, ..), or of each sample's channels.
bool is_per_channel(const TensorDeclaration& tensor, const Shape& shape) {
  const int missing = shape.rank() - tensor.shape.rank();
  if (missing > 1 || shape.rank() < 3) return false;
  for (int axis = missing; axis < shape.rank(); ++axis) {
    const int64_t extent = tensor.shape[axis - missing];
    const bool fits = axis == 0   ? extent == 1 || extent == shape[0]
                      : axis == 1 ? extent == shape[1]
                                  : extent == 1;
    if (!fits) return false;
  }
  return true;
}

// The layout in which all operands can be walked: of the outputs' shape, numbers or per channel.
LayoutRef common_layout(const CompileView& view, const Operator& op, const Shape& shape) {
  LayoutRef common;
  bool per_channel = false;
  for (int id : op.inputs()) {
    const TensorDeclaration& tensor = view.tensor(id);
    if (tensor.shape.numel() == 1) continue;
    if (!is_float(tensor.dtype)) return nullptr;
    if (!(tensor.shape == shape)) {
      if (!is_per_channel(tensor, shape)) return nullptr;
      per_channel = true;
      continue;
    }
    const LayoutRef layout = view.free(id) ? nullptr : view.layout(id);
    if (!common && layout) common = layout;
  }
  if (!common) return nullptr;
  // Padding of a layout must stay zero, which an expression may not keep.
  const auto usable = [&](int id) {
    const TensorDeclaration& tensor = view.tensor(id);
    if (!(tensor.shape == shape) || tensor.shape.numel() == 1) return true;
    const LayoutRef own = is_float(tensor.dtype) ? retyped(common, tensor.dtype) : nullptr;
    return own && own->bytes() == tensor.bytes();
  };
  if (!std::ranges::all_of(op.inputs(), usable) || !std::ranges::all_of(op.outputs(), usable))
    return nullptr;
  if (per_channel) {
    const std::optional<ChannelView> channels = channel_view(shape, common);
    if (!channels || channels->block > kBlock / 4) return nullptr;
  }
  return common;
}

// A shape as its layout places it: (N, blocks of channels, positions, channels of a block).
Shape placed(const Shape& shape, const Shape& output, const ChannelView& view) {
  const bool full = shape == output;
  if (shape.numel() == 1 && !full) return Shape{};
  const int missing = output.rank() - shape.rank();
  const int64_t samples = missing == 0 ? shape[0] : 1;
  const int64_t dims[] = {samples, view.blocks, full ? view.positions : 1, view.block};
  return Shape(4, dims);
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
    result.inputs.push_back({id, full ? retyped(layout, tensor.dtype) : nullptr});
    input_types.push_back(tensor.dtype);
    input_bytes.push_back(size_of(tensor.dtype));
    shapes.push_back(tensor.shape);
  }
  for (int id : operation.outputs()) {
    result.outputs.push_back({id, layout ? retyped(layout, view.tensor(id).dtype) : nullptr});
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
      if (shapes[i] == shape && input_types[i] == output_types[0]) result.in_place = {(int)i};
  }
  const int threads = device_of(view).threads();
  Shape output = shape;
  if (const auto channels = layout ? channel_view(shape, layout) : std::nullopt) {
    output = placed(shape, shape, *channels);
    for (Shape& input : shapes) input = placed(input, shape, *channels);
  }
  Walk walk = make_walk(output, shapes);
  result.scratch_bytes = threads * PointwiseKernel::scratch_bytes(evaluator, walk);
  result.kernel =
      std::make_unique<PointwiseKernel>(std::move(evaluator), std::move(walk),
                                        std::move(input_bytes), std::move(output_bytes), threads);
  return result;
}

const RegisterOperator pointwise({"own:expression", DN_OPERATOR_POINTWISE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
