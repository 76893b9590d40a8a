#include "recurrent.h"

#include "recurrent_backward.h"
#include "recurrent_forward.h"

namespace dn::cpu::DN_ISA {

namespace {

template <RecurrentCell kCell>
struct CellTag {
  static constexpr RecurrentCell kValue = kCell;
};

template <typename Body>
auto with_cell(RecurrentCell cell, const Body& body) {
  switch (cell) {
    case RecurrentCell::Relu:
      return body(CellTag<RecurrentCell::Relu>{});
    case RecurrentCell::Lstm:
      return body(CellTag<RecurrentCell::Lstm>{});
    case RecurrentCell::Gru:
      return body(CellTag<RecurrentCell::Gru>{});
    default:
      return body(CellTag<RecurrentCell::Tanh>{});
  }
}

int64_t forward_scratch_bytes(const RecurrentShape& shape) {
  return with_cell(shape.cell, [&](auto cell) {
    return Forward<decltype(cell)::kValue>::scratch_floats(shape) * int64_t(sizeof(float));
  });
}

int64_t backward_scratch_bytes(const RecurrentShape& shape) {
  return with_cell(shape.cell, [&](auto cell) {
    return Backward<decltype(cell)::kValue>::scratch_floats(shape) * int64_t(sizeof(float));
  });
}

void forward(const RecurrentForward& params, int threads) {
  with_cell(params.shape.cell,
            [&](auto cell) { Forward<decltype(cell)::kValue>(params).run(threads); });
}

void backward(const RecurrentBackward& params, int threads) {
  with_cell(params.shape.cell,
            [&](auto cell) { Backward<decltype(cell)::kValue>(params).run(threads); });
}

}  // namespace

extern const RecurrentTable recurrent_table = {forward_scratch_bytes, backward_scratch_bytes,
                                               forward, backward};

}  // namespace dn::cpu::DN_ISA
