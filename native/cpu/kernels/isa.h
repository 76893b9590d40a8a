// One kernel source, several instruction sets. A kernel file is compiled once for each of them
// (cmake/CpuIsa.cmake) with DN_ISA set to that set's name, and puts its code in namespace
// dn::cpu::DN_ISA; the family's header declares one table of function pointers, and
// DN_SELECT_ISA picks the table of the best set that this CPU has.
#pragma once

namespace dn::cpu {

enum class Isa { Baseline, Avx2, Avx512 };

// The best set that this CPU (and its operating system) supports. DEEPNATIVE_ISA=baseline|avx2|avx512
// in the environment lowers it, so that every path can be tested on one machine.
Isa best_isa();
const char* isa_name(Isa isa);

template <typename Table>
const Table& select_isa(const Table& baseline, const Table& avx2, const Table& avx512) {
  switch (best_isa()) {
    case Isa::Avx512: return avx512;
    case Isa::Avx2: return avx2;
    default: return baseline;
  }
}

}  // namespace dn::cpu

// Declares the three tables of a family; each is defined in its own compilation of the family's file.
#define DN_DECLARE_ISA_TABLES(Table, name)         \
  namespace dn::cpu::baseline { extern const Table name; } \
  namespace dn::cpu::avx2 { extern const Table name; }     \
  namespace dn::cpu::avx512 { extern const Table name; }

#define DN_SELECT_ISA(name) \
  ::dn::cpu::select_isa(::dn::cpu::baseline::name, ::dn::cpu::avx2::name, ::dn::cpu::avx512::name)
