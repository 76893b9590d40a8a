// Random numbers from Philox 4x32-10; definition: dn_random_attributes.
#include "cuda/kernels/random.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_random_attributes>();
  RandomParams p;
  p.count = view.tensor(operation.output(0)).shape.numel();
  p.distribution = (dn_distribution)attributes.distribution;
  p.a = attributes.a;
  p.b = attributes.b;
  p.stream = attributes.stream;
  // Zero when allocated, and again after each run.
  const auto finished = device_of(view).allocate(sizeof(unsigned), "a random generator");
  p.finished = static_cast<unsigned*>(finished->data());
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0)), row_major_slot(operation.output(1))};
  plan.kernel = make_launcher(view, [p, finished](cudaStream_t stream, const Arguments& a) mutable {
    p.state = out<int64_t>(a, 1);
    p.values = out(a, 0);
    random(stream, p);
  });
  return plan;
}

const RegisterOperator philox({"own:philox", DN_OPERATOR_RANDOM, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
