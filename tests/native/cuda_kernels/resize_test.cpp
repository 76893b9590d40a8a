// Resizing, against the weights of the definition in double; and its transpose.
#include "cuda/kernels/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t planes;
  std::array<int64_t, 3> in, out;
};

double weight(dn_resize_mode mode, dn_resize_coordinates coordinates, int64_t in, int64_t out,
              int64_t p, int64_t h) {
  if (mode == DN_RESIZE_NEAREST) return p * in / out == h ? 1 : 0;
  if (mode == DN_RESIZE_AREA) {
    const int64_t begin = p * in / out, end = ((p + 1) * in + out - 1) / out;
    return h >= begin && h < end ? 1.0 / (double)(end - begin) : 0;
  }
  const double place = coordinates == DN_RESIZE_HALF_PIXEL
                           ? std::max(0.0, ((double)p + 0.5) * (double)in / (double)out - 0.5)
                       : out == 1 ? 0
                                  : (double)(p * (in - 1)) / (double)(out - 1);
  return std::max(0.0, 1 - std::abs(std::min(place, (double)(in - 1)) - (double)h));
}

class Resize : public ::testing::TestWithParam<Case> {};

TEST_P(Resize, WeighsByTheDefinition) {
  const Case& c = GetParam();
  const int64_t in = c.in[0] * c.in[1] * c.in[2], out = c.out[0] * c.out[1] * c.out[2];
  for (const dn_resize_mode mode : {DN_RESIZE_NEAREST, DN_RESIZE_LINEAR, DN_RESIZE_AREA}) {
    for (const dn_resize_coordinates coordinates :
         {DN_RESIZE_HALF_PIXEL, DN_RESIZE_ALIGN_CORNERS}) {
      if (mode != DN_RESIZE_LINEAR && coordinates == DN_RESIZE_ALIGN_CORNERS) continue;
      const auto small = random_floats((size_t)(c.planes * in), 1);
      const auto large = random_floats((size_t)(c.planes * out), 2);
      std::vector<double> forward(large.size()), backward(small.size());
      for (int64_t to = 0; to < out; ++to) {
        for (int64_t from = 0; from < in; ++from) {
          double factor = 1;
          int64_t p = to, h = from;
          for (size_t axis = 3; axis-- > 0;) {
            factor *=
                weight(mode, coordinates, c.in[axis], c.out[axis], p % c.out[axis], h % c.in[axis]);
            p /= c.out[axis];
            h /= c.in[axis];
          }
          for (int64_t plane = 0; factor != 0 && plane < c.planes; ++plane) {
            forward[(size_t)(plane * out + to)] += factor * small[(size_t)(plane * in + from)];
            backward[(size_t)(plane * in + from)] += factor * large[(size_t)(plane * out + to)];
          }
        }
      }
      ResizeParams p;
      p.mode = mode;
      p.coordinates = coordinates;
      p.planes = c.planes;
      std::ranges::copy(c.in, p.in);
      std::ranges::copy(c.out, p.out);
      TypedArray<float> x(small), y(large.size()), gradient(large), grad_input(small.size());
      p.x = x.data();
      p.y = y.data();
      resize(nullptr, p);
      p.direction = DN_BACKWARD_DATA;
      p.x = gradient.data();
      p.y = grad_input.data();
      resize(nullptr, p);
      const auto found = y.read(), found_gradient = grad_input.read();
      for (size_t i = 0; i < forward.size(); ++i)
        ASSERT_NEAR(found[i], forward[i], 4e-6) << "mode " << mode << ", output " << i;
      for (size_t i = 0; i < backward.size(); ++i)
        ASSERT_NEAR(found_gradient[i], backward[i],
                    4e-6 * std::max<double>(1, (double)out / (double)in))
            << "mode " << mode << ", input " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Resize,
    ::testing::Values(Case{2, {1, 1, 5}, {1, 1, 9}}, Case{1, {1, 1, 7}, {1, 1, 1}},
                      Case{3, {1, 4, 4}, {1, 8, 8}}, Case{2, {1, 9, 17}, {1, 4, 35}},
                      Case{1, {1, 3, 2}, {1, 40, 50}},  // more than eight readers of an element
                      Case{1, {3, 4, 5}, {5, 7, 3}}, Case{2, {2, 1, 1}, {3, 3, 4}},
                      Case{0, {1, 2, 2}, {1, 3, 3}}));

}  // namespace
}  // namespace dn::cuda
