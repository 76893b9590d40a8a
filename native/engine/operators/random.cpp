#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 2, 2);
  const auto& attributes = view.op().attributes<dn_random_attributes>();
  view.expect_dtype("state", view.input(0), DN_DTYPE_I64);
  view.expect_shape("state", view.input(0), {2});
  view.require(view.op().output(1) == view.op().input(0), "output 1 must be the state of input 0");
  view.expect_dtype("values", view.output(0), DN_DTYPE_F32);
  switch (attributes.distribution) {
    case DN_DISTRIBUTION_UNIFORM:
      view.require(attributes.a <= attributes.b, "the range is [", attributes.a, ", ", attributes.b,
                   ")");
      break;
    case DN_DISTRIBUTION_NORMAL:
      view.require(attributes.b >= 0, "the standard deviation is ", attributes.b);
      break;
    case DN_DISTRIBUTION_BERNOULLI:
      view.require(attributes.a >= 0 && attributes.a <= 1, "the probability is ", attributes.a);
      break;
    default:
      view.require(false, "distribution is ", attributes.distribution, ", expected 1 to 3");
  }
}

const RegisterRule rule({DN_OPERATOR_RANDOM, "Random", sizeof(dn_random_attributes), nullptr, check,
                         nullptr});

}  // namespace

}  // namespace dn
