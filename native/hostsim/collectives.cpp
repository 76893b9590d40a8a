// What the lanes of a warp do together: meetings, votes, matrix products, ldmatrix.
#include <cuda_fp16.h>

#include <cstring>

#include "block.h"
#include "sanitizers.h"

namespace simt {

namespace {

Meeting& join(Thread* me, unsigned mask, const char* name) {
  Meeting* unused = nullptr;
  for (Meeting& m : me->warp->meetings) {
    if (!m.arrived) {
      if (!unused) unused = &m;
      continue;
    }
    if (m.mask == mask) {
      if (m.name != name && std::strcmp(m.name, name)) {
        fail("divergence: lane %u calls %s, others of mask %08x wait in %s", me->lane, name, mask,
             m.name);
      }
      return m;
    }
    if (m.mask & mask) fail("%s: mask %08x overlaps %08x of %s", name, mask, m.mask, m.name);
  }
  if (!unused) fail("%s: more than %d groups of lanes wait", name, Warp::kMeetings);
  unused->mask = mask;
  unused->name = name;
  return *unused;
}

}  // namespace

void collective(unsigned mask, const char* name, void* operands, Exchange exchange,
                MemoryOrder order) {
  Thread* me = running.current;
  if (!me) fail("%s: outside a kernel", name);
  Warp& warp = *me->warp;
  if (!(mask >> me->lane & 1)) {
    fail("%s: the calling lane %u is not in mask %08x", name, me->lane, mask);
  }
  if (mask & ~warp.alive) {
    fail("%s: mask %08x names lanes that have returned or never were (alive: %08x)", name, mask,
         warp.alive);
  }
  me->operation = name;
  me->mask = mask;
  Meeting& meeting = join(me, mask, name);
  if (!meeting.arrived) meeting.sync = new_sync_address();
  char* sync = meeting.sync;
  if (order == MemoryOrder::Warp) release(sync);
  meeting.operands[me->lane] = operands;
  meeting.arrived |= 1u << me->lane;
  if (meeting.arrived == mask) {
    running.collectives++;
    if (exchange) exchange(meeting.operands, mask);
    meeting.arrived = 0;
    Thread* first = me - me->lane;
    for (unsigned rest = mask; rest; rest &= rest - 1) make_ready(first + __builtin_ctz(rest));
  } else {
    me->state = Thread::State::InCollective;
  }
  run_others();
  if (order == MemoryOrder::Warp) acquire(sync);
}

unsigned vote(unsigned mask, const char* name, int predicate) {
  struct Operands {
    int predicate;
    unsigned result;
  };
  Operands mine{predicate, 0};
  collective(mask, name, &mine, [](void** lanes, unsigned members) {
    unsigned votes = 0;
    for (unsigned rest = members; rest; rest &= rest - 1) {
      int lane = __builtin_ctz(rest);
      if (static_cast<Operands*>(lanes[lane])->predicate) votes |= 1u << lane;
    }
    for (unsigned rest = members; rest; rest &= rest - 1) {
      static_cast<Operands*>(lanes[__builtin_ctz(rest)])->result = votes;
    }
  });
  return mine.result;
}

namespace {

float bf16_half(unsigned pair, int half) {
  return bit_cast<float>(half ? pair & 0xffff0000u : pair << 16);
}
float f16_half(unsigned pair, int half) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(half ? pair >> 16 : pair)));
}
float tf32(unsigned bits) {
  return bit_cast<float>(bits & 0xffffe000u);
}

// d += a b, with a[row][k] and b[k][column] gathered from the lanes' fragments.
template <int kDepth>
struct Tile {
  alignas(64) float a[16][kDepth], b[kDepth][8], d[16][8];

  void load_accumulators(int lane, const float* from) {
    int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) d[g + i / 2 * 8][2 * t + i % 2] = from[i];
  }
  void store_accumulators(int lane, float* to) const {
    int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) to[i] = d[g + i / 2 * 8][2 * t + i % 2];
  }
  void multiply() {
    for (int row = 0; row < 16; row++) {
      for (int k = 0; k < kDepth; k++) {
        for (int column = 0; column < 8; column++) d[row][column] += a[row][k] * b[k][column];
      }
    }
  }
};

template <float (*kHalf)(unsigned pair, int half)>
void mma_m16n8k16(void** lanes) {
  Tile<16> tile;
  for (int lane = 0; lane < 32; lane++) {
    auto* operands = static_cast<MmaOperands*>(lanes[lane]);
    int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; half++) {
      for (int i = 0; i < 4; i++) {
        tile.a[g + i % 2 * 8][2 * t + half + i / 2 * 8] = kHalf(operands->a[i], half);
      }
      for (int i = 0; i < 2; i++) tile.b[2 * t + half + i * 8][g] = kHalf(operands->b[i], half);
    }
    tile.load_accumulators(lane, operands->d);
  }
  tile.multiply();
  for (int lane = 0; lane < 32; lane++) {
    tile.store_accumulators(lane, static_cast<MmaOperands*>(lanes[lane])->d);
  }
}

}  // namespace

void exchange_mma_m16n8k16_bf16(void** lanes, unsigned) {
  mma_m16n8k16<bf16_half>(lanes);
}
void exchange_mma_m16n8k16_f16(void** lanes, unsigned) {
  mma_m16n8k16<f16_half>(lanes);
}

void exchange_mma_m16n8k8_tf32(void** lanes, unsigned) {
  Tile<8> tile;
  for (int lane = 0; lane < 32; lane++) {
    auto* operands = static_cast<MmaOperands*>(lanes[lane]);
    int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) tile.a[g + i % 2 * 8][t + i / 2 * 4] = tf32(operands->a[i]);
    for (int i = 0; i < 2; i++) tile.b[t + i * 4][g] = tf32(operands->b[i]);
    tile.load_accumulators(lane, operands->d);
  }
  tile.multiply();
  for (int lane = 0; lane < 32; lane++) {
    tile.store_accumulators(lane, static_cast<MmaOperands*>(lanes[lane])->d);
  }
}

namespace {

struct LdmatrixOperands {
  const void* row;
  unsigned* out;
  int matrices;
  bool transposed;
};

uint16_t element(void** lanes, int matrix, int row, int column) {
  auto* from = static_cast<LdmatrixOperands*>(lanes[matrix * 8 + row]);
  return static_cast<const uint16_t*>(from->row)[column];
}

void exchange_ldmatrix(void** lanes, unsigned) {
  for (int lane = 0; lane < 32; lane++) {
    auto* to = static_cast<LdmatrixOperands*>(lanes[lane]);
    int g = lane / 4, t = lane % 4;
    for (int m = 0; m < to->matrices; m++) {
      unsigned low = to->transposed ? element(lanes, m, 2 * t, g) : element(lanes, m, g, 2 * t);
      unsigned high =
          to->transposed ? element(lanes, m, 2 * t + 1, g) : element(lanes, m, g, 2 * t + 1);
      to->out[m] = low | high << 16;
    }
  }
}

const char* ldmatrix_name(int matrices, bool transposed) {
  if (matrices == 4) return transposed ? "ldmatrix.x4.trans" : "ldmatrix.x4";
  return transposed ? "ldmatrix.x2.trans" : "ldmatrix.x2";
}

}  // namespace

void ldmatrix(unsigned* out, const void* row, int matrices, bool transposed) {
  const char* name = ldmatrix_name(matrices, transposed);
  if (running.current && lane() < 8 * matrices) {
    if (reinterpret_cast<uintptr_t>(row) % 16) {
      fail_with(cudaErrorMisalignedAddress, "%s: row address %p is not 16-byte aligned", name, row);
    }
    check_shared(row, 16, name);
    note_read(row, 16);
  }
  LdmatrixOperands operands{row, out, matrices, transposed};
  collective(0xffffffffu, name, &operands, exchange_ldmatrix);
}

}  // namespace simt
