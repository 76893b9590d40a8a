// The result of compiling: steps with fixed addresses, and what the report tells of them.
#pragma once

#include "engine/candidate.h"

namespace dn {

struct Step {
  std::string name;    // the operators' names
  std::string kernel;  // the candidate's name
  std::string shape;
  int kind = 0;  // of the first operator; 0: a change of layout
  int operator_count = 0;
  int candidate_count = 0;
  int64_t bytes = 0;
  int64_t operations = 0;
  std::shared_ptr<Kernel> work;
  std::vector<void*> inputs, outputs;
  void* scratch = nullptr;

  void run() const { work->run({inputs.data(), outputs.data(), scratch}); }
};

struct Compiled {
  std::vector<Step> steps;
  std::shared_ptr<Storage> arena;
  std::unique_ptr<Runner> runner;
  std::vector<double> microseconds;  // of each step, over the profiled runs
  int64_t profiled_run_count = 0;
  int64_t transient_sum_bytes = 0;
  int64_t persistent_bytes = 0;
  int64_t scratch_bytes = 0;
};

// Chooses kernels and layouts, plans the arena.
std::unique_ptr<Compiled> compile_program(const Program& program,
                                          const dn_compile_options& options);

}  // namespace dn
