// Images of bytes to normalised numbers, cropped and mirrored; definition:
// dn_image_decode_attributes.
#include <algorithm>

#include "cpu/candidates.h"
#include "cpu/expression.h"
#include "engine/philox.h"

namespace dn::cpu {

namespace {

// What every byte of a channel becomes, as the output holds it.
template <typename Element>
using Table = std::vector<Element>;  // (C, 256)

template <typename Element>
Table<Element> make_table(const dn_image_decode_attributes& attributes, int64_t channels,
                          DType dtype) {
  Table<Element> table(channels * 256);
  for (int64_t channel = 0; channel < channels; ++channel) {
    float values[256];
    for (int byte = 0; byte < 256; ++byte)
      values[byte] = ((float)byte - attributes.mean[channel]) * attributes.scale[channel];
    store_as(dtype, values, channel * 256, 256, table.data());
  }
  return table;
}

struct Window {
  int64_t top, left;
  bool flip;
};

struct Images {
  dn_image_decode_attributes attributes;
  int64_t count, channels, height, width, out_height, out_width;

  int64_t tops() const { return height + 2 * attributes.padding - out_height + 1; }
  int64_t lefts() const { return width + 2 * attributes.padding - out_width + 1; }

  Window middle() const { return {(tops() - 1) / 2, (lefts() - 1) / 2, false}; }
  Window draw(int64_t sample, uint64_t seed, uint32_t offset) const {
    const PhiloxBlock words =
        philox({(uint32_t)sample, (uint32_t)(sample >> 32), offset, (uint32_t)attributes.stream},
               (uint32_t)seed, (uint32_t)(seed >> 32));
    return {(int64_t)(words[0] * (uint64_t)tops() >> 32),
            (int64_t)(words[1] * (uint64_t)lefts() >> 32),
            philox_uniform(words[2]) < attributes.flip_probability};
  }

  // The place in the image of a place with padding; -1: a byte of 0.
  int64_t source(int64_t place, int64_t extent) const {
    place -= attributes.padding;
    if (place >= 0 && place < extent) return place;
    if (attributes.padding_mode == DN_PADDING_ZERO) return -1;
    return place < 0 ? -place : 2 * (extent - 1) - place;
  }
};

// One channel of one image.
template <typename Element>
void decode(const Images& s, const Window& window, const uint8_t* image, const Element* table,
            Element* y) {
  for (int64_t i = 0; i < s.out_height; ++i) {
    const int64_t row = s.source(window.top + i, s.height);
    for (int64_t j = 0; j < s.out_width; ++j) {
      const int64_t column =
          s.source(window.left + (window.flip ? s.out_width - 1 - j : j), s.width);
      y[i * s.out_width + j] =
          table[row < 0 || column < 0 ? uint8_t{0} : image[row * s.width + column]];
    }
  }
}

template <typename Element>
std::unique_ptr<Kernel> make_decoder(const Images& s, DType dtype, bool random, int threads) {
  return make_kernel([=, table = make_table<Element>(s.attributes, s.channels, dtype)](
                         const Arguments& a) {
    int64_t* state = random ? static_cast<int64_t*>(a.outputs[1]) : nullptr;
    const uint64_t seed = random ? (uint64_t)state[0] : 0;
    const uint32_t offset = random ? (uint32_t)state[1] : 0;
    const auto* images = static_cast<const uint8_t*>(a.inputs[0]);
    auto* y = static_cast<Element*>(a.outputs[0]);
    const int64_t plane = s.height * s.width, out_plane = s.out_height * s.out_width;
    parallel(threads, s.count * s.channels, s.count * s.channels * out_plane,
             [&](int64_t begin, int64_t end) {
               for (int64_t i = begin; i < end; ++i) {
                 const Window window = random ? s.draw(i / s.channels, seed, offset) : s.middle();
                 decode(s, window, images + i * plane, table.data() + i % s.channels * 256,
                        y + i * out_plane);
               }
             });
    if (random) ++state[1];
  });
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& images = view.tensor(operation.input(0)).shape;
  const TensorDeclaration& y = view.tensor(operation.output(0));
  const bool random = operation.has_input(1);
  const Images s{operation.attributes<dn_image_decode_attributes>(),
                 images[0],
                 images[1],
                 images[2],
                 images[3],
                 y.shape[2],
                 y.shape[3]};
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0))};
  if (random) {
    plan.inputs.push_back(row_major_slot(operation.input(1)));
    plan.outputs.push_back(row_major_slot(operation.output(1)));
  }
  plan.kernel = y.dtype == DN_DTYPE_F32 ? make_decoder<float>(s, y.dtype, random, threads)
                                        : make_decoder<uint16_t>(s, y.dtype, random, threads);
  return plan;
}

const RegisterOperator image_decode({"own:image_decode", DN_OPERATOR_IMAGE_DECODE, 100, nullptr,
                                     plan});

}  // namespace

}  // namespace dn::cpu
