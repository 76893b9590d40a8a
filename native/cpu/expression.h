// Expressions, run over blocks of elements.
#pragma once

#include <span>
#include <vector>

#include "engine/types.h"

namespace dn::cpu {

// Writes `count` floats to elements `begin` and on of an array of the data type, rounded to nearest
// even and saturated; for integers NaN becomes 0.
void store_as(DType dtype, const float* in, int64_t begin, int64_t count, void* data);

// Reads `count` elements from `begin` on of an array of the data type as floats.
void load_as(DType dtype, const void* data, int64_t begin, int64_t count, float* out);

// Evaluates an expression block by block, each instruction one vectorised pass over values in the
// first-level cache.
class BlockEvaluator {
 public:
  static constexpr int64_t kBlock = 1024;  // elements; a block of one value is 4 KiB

  // stream: outputs are written past the caches, where they are no input at the same time.
  BlockEvaluator(std::span<const dn_instruction> expression, std::vector<DType> inputs,
                 std::vector<DType> outputs, bool stream = false);

  // What one thread needs.
  int64_t scratch_bytes() const { return slot_count_ * kBlock * (int64_t)sizeof(float); }
  // Whether output 0 may be written over an input: nothing is read after it is written.
  bool in_place() const { return in_place_; }

  // `count` elements of every output; input i is read at inputs[i], the same element over and over
  // where repeat[i]. Scratch is 64-byte aligned.
  void run(const void* const* inputs, const bool* repeat, void* const* outputs, int64_t count,
           float* scratch) const;
  // After a thread's last block: what it streamed is seen by the others.
  void finish() const;

 private:
  enum class Step { Input, Constant, Output, Unary, Binary, Select, Compared };
  struct Instruction {
    Step step;
    int function;     // of a unary or binary step, or by which a select compares
    int a, b, c;      // values
    int slot = -1;    // where the result goes
    int output = -1;  // or straight into this float32 output
    float value;
    int left = -1, right = -1;  // what a select compares, where its condition is nothing else
  };

  std::vector<Instruction> instructions_;
  std::vector<DType> inputs_, outputs_;
  int64_t slot_count_ = 0;
  bool in_place_ = false;
  bool stream_ = false;
  bool ahead_ = false;  // the next block is fetched while one is computed
};

}  // namespace dn::cpu
