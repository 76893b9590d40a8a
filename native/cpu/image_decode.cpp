// Images of bytes to normalised numbers, placed, bent and recoloured at random; definition:
// dn_image_decode_attributes.
#include <algorithm>

#include "cpu/candidates.h"
#include "cpu/expression.h"
#include "cpu/kernels/image_augment.h"
#include "engine/optional_slots.h"
#include "engine/philox.h"

namespace dn::cpu {

int64_t augment_scratch_bytes(const augment::Settings& s) {
  constexpr int64_t kLine = 64, kParts = 20, kColumnParts = 14;
  const int64_t nodes = 2 * augment_nodes(s) + 2 * (int64_t)s.node_columns;
  const int64_t taps = s.channels * (int64_t)(s.height + 2) * (s.width + 2);
  // Every part begins a line.
  return (4 * (kColumnParts * s.out_width + nodes + taps) + 2 * ((int64_t)s.width + 3)) / kLine *
             kLine +
         kParts * kLine;
}

namespace {

struct Images {
  augment::Settings settings;
  int64_t count;
  DType dtype;
  bool random, wide_mask;
  int threads;

  int64_t channels() const { return settings.channels; }
  int64_t plane() const { return (int64_t)settings.height * settings.width; }
  int64_t out_plane() const { return (int64_t)settings.out_height * settings.out_width; }
};

struct Pointers {
  const uint8_t* images;
  int64_t* state;  // null: not random
  const void* masks;
  void* y;
  int32_t* mask_y;

  void words(int64_t sample, int32_t stream, int64_t blocks, uint32_t* words) const {
    const uint64_t seed = (uint64_t)state[0];
    for (int64_t block = 0; block < blocks; ++block) {
      const PhiloxBlock four =
          philox({(uint32_t)sample, (uint32_t)block, (uint32_t)state[1], (uint32_t)stream},
                 (uint32_t)seed, (uint32_t)(seed >> 32));
      std::copy(four.begin(), four.end(), words + 4 * block);
    }
  }
};

// What every byte of a channel becomes, as the output holds it.
template <typename Element>
using Table = std::vector<Element>;  // (C, 256)

template <typename Element>
Table<Element> make_table(const Images& images) {
  const dn_image_decode_attributes& attributes = images.settings.attributes;
  Table<Element> table(images.channels() * 256);
  for (int64_t channel = 0; channel < images.channels(); ++channel) {
    float values[256];
    for (int byte = 0; byte < 256; ++byte)
      values[byte] = ((float)byte - attributes.mean[channel]) * attributes.scale[channel];
    store_as(images.dtype, values, channel * 256, 256, table.data());
  }
  return table;
}

// The output's columns begin .. end-1 lie inside the image's row.
struct Inside {
  Inside(const augment::Settings& s, const augment::Sample& sample) {
    // With more padding than the output is wide, none may.
    const int32_t first = std::clamp(-sample.left, 0, s.out_width);
    const int32_t last = std::clamp(s.width - sample.left, first, s.out_width);
    begin = sample.flip ? s.out_width - last : first;
    end = sample.flip ? s.out_width - first : last;
  }
  int32_t begin, end;
};

void copy_inside(const uint8_t* x, int32_t n, bool backwards, const float*, float mean, float scale,
                 float* y) {
  DN_SELECT_ISA(augment_table).normalize(x, n, backwards, mean, scale, y);
}
void copy_inside(const uint8_t* x, int32_t n, bool backwards, const uint16_t* table, float, float,
                 uint16_t* y) {
  for (int32_t i = 0; i < n; ++i) y[i] = table[x[backwards ? n - 1 - i : i]];
}

// One channel of one image.
template <typename Element>
void decode(const augment::Settings& s, const augment::Sample& sample, const uint8_t* image,
            int64_t channel, const Element* table, Element* y) {
  const dn_image_decode_attributes& a = s.attributes;
  const Inside inside(s, sample);
  const auto place_of = [&](int32_t j) {
    return sample.left + (sample.flip ? s.out_width - 1 - j : j);
  };
  for (int32_t i = 0; i < s.out_height; ++i, y += s.out_width) {
    const int32_t row = augment::whole_place(
        sample.top + (sample.vertical_flip ? s.out_height - 1 - i : i), s.height, a.padding_mode);
    if (row < 0) {
      std::fill(y, y + s.out_width, table[0]);
    } else {
      const uint8_t* x = image + (int64_t)row * s.width;
      const auto around = [&](int32_t begin, int32_t end) {
        for (int32_t j = begin; j < end; ++j) {
          const int32_t column = augment::whole_place(place_of(j), s.width, a.padding_mode);
          y[j] = table[column < 0 ? uint8_t{0} : x[column]];
        }
      };
      around(0, inside.begin);
      if (inside.end > inside.begin)
        copy_inside(x + place_of(sample.flip ? inside.end - 1 : inside.begin),
                    inside.end - inside.begin, sample.flip, table, a.mean[channel],
                    a.scale[channel], y + inside.begin);
      around(inside.end, s.out_width);
    }
    if (i < sample.cut_top || i >= sample.cut_top + a.cutout) continue;
    const int32_t end = std::min(s.out_width, sample.cut_left + a.cutout);
    for (int32_t j = std::max(0, sample.cut_left); j < end; ++j) y[j] = 0;
  }
}

template <typename Label>
void decode_mask(const augment::Settings& s, const augment::Sample& sample, const Label* mask,
                 int32_t* y) {
  const int32_t mode = s.attributes.padding_mode;
  for (int32_t i = 0; i < s.out_height; ++i)
    for (int32_t j = 0; j < s.out_width; ++j) {
      const int32_t row = augment::whole_place(
          sample.top + (sample.vertical_flip ? s.out_height - 1 - i : i), s.height, mode);
      const int32_t column = augment::whole_place(
          sample.left + (sample.flip ? s.out_width - 1 - j : j), s.width, mode);
      *y++ = row < 0 || column < 0 ? s.attributes.ignore_index
                                   : (int32_t)mask[(int64_t)row * s.width + column];
    }
}

void decode_masks(const Images& images, const augment::Sample& sample, const Pointers& p,
                  int64_t n) {
  int32_t* y = p.mask_y + n * images.out_plane();
  const int64_t first = n * images.plane();
  if (images.wide_mask)
    decode_mask(images.settings, sample, static_cast<const int32_t*>(p.masks) + first, y);
  else
    decode_mask(images.settings, sample, static_cast<const uint8_t*>(p.masks) + first, y);
}

// Bytes are copied: places are whole.
template <typename Element>
void run_whole(const Images& images, const Table<Element>& table, const Pointers& p) {
  const int64_t channels = images.channels(), count = images.count * channels;
  parallel(images.threads, count, count * images.out_plane(), [&](int64_t begin, int64_t end) {
    augment::Sample sample{};
    int64_t drawn = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / channels, channel = i % channels;
      if (n != drawn) {
        uint32_t words[4 * augment::kBlocks];
        if (p.state)
          p.words(n, images.settings.attributes.stream,
                  images.settings.attributes.cutout > 0 ? 3 : 1, words);
        augment::draw_window(images.settings, p.state ? words : nullptr, sample);
        drawn = n;
      }
      decode(images.settings, sample, p.images + i * images.plane(), channel,
             table.data() + channel * 256, static_cast<Element*>(p.y) + i * images.out_plane());
      if (p.masks && channel == 0) decode_masks(images, sample, p, n);
    }
  });
}

struct ScratchParts {
  explicit ScratchParts(const Images& images)
      : work(augment_scratch_bytes(images.settings)),
        words((augment_blocks(images.settings) * 16 + 63) / 64 * 64),
        numbers(images.dtype == DN_DTYPE_F32
                    ? 0
                    : (images.channels() * images.out_plane() * 4 + 63) / 64 * 64) {}
  int64_t total() const { return work + words + numbers; }
  int64_t work, words;
  int64_t numbers;  // of 16-bit outputs in float32
};

void run_sampled(const Images& images, const Pointers& p, void* scratch) {
  const ScratchParts parts(images);
  const int64_t numbers = images.channels() * images.out_plane();
  const int64_t most = std::max<int64_t>(images.threads, 1);
  // A division into at most as many parts as there is scratch for.
  parallel(images.threads, most, images.count * numbers, [&](int64_t first, int64_t last) {
    char* mine = static_cast<char*>(scratch) + first * parts.total();
    uint32_t* words = reinterpret_cast<uint32_t*>(mine + parts.work);
    float* floats = reinterpret_cast<float*>(mine + parts.work + parts.words);
    for (int64_t n = images.count * first / most; n < images.count * last / most; ++n) {
      p.words(n, images.settings.attributes.stream, augment_blocks(images.settings), words);
      AugmentJob job{};
      job.settings = &images.settings;
      job.words = words;
      job.image = p.images + n * images.channels() * images.plane();
      const bool narrow = images.dtype != DN_DTYPE_F32;
      job.y = narrow ? floats : static_cast<float*>(p.y) + n * numbers;
      job.scratch = mine;
      if (p.masks) {
        job.mask = static_cast<const uint8_t*>(p.masks) +
                   n * images.plane() * (images.wide_mask ? (int64_t)sizeof(int32_t) : 1);
        job.wide_mask = images.wide_mask;
        job.mask_y = p.mask_y + n * images.out_plane();
      }
      DN_SELECT_ISA(augment_table).sample(job);
      if (narrow) store_as(images.dtype, floats, n * numbers, numbers, p.y);
    }
  });
}

template <typename Element>
KernelPlan make_plan(const Images& images, const Operator& operation) {
  KernelPlan plan;
  const OptionalSlots inputs(operation.inputs(), plan.inputs),
      outputs(operation.outputs(), plan.outputs);
  const bool whole = !images.settings.samples && !images.settings.colors;
  if (!whole) plan.scratch_bytes = ScratchParts(images).total() * std::max(images.threads, 1);
  const bool masks = operation.has_input(2);
  plan.kernel = make_kernel([=, table = make_table<Element>(images)](const Arguments& a) {
    Pointers p;
    p.images = inputs.get<const uint8_t>(a.inputs, 0);
    p.masks = inputs.get<const void>(a.inputs, 2);
    p.state = images.random ? outputs.get<int64_t>(a.outputs, masks ? 2 : 1) : nullptr;
    p.y = a.outputs[0];
    p.mask_y = masks ? outputs.get<int32_t>(a.outputs, 1) : nullptr;
    if (whole)
      run_whole(images, table, p);
    else
      run_sampled(images, p, a.scratch);
    if (p.state) ++p.state[1];
  });
  return plan;
}

std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const int64_t padding = operation.attributes<dn_image_decode_attributes>().padding;
  const Shape& images = view.tensor(operation.input(0)).shape;
  const Shape& y = view.tensor(operation.output(0)).shape;
  constexpr int64_t kMost = int64_t{1} << 29;
  const int64_t height = images[2] + 2 * padding + 2, width = images[3] + 2 * padding + 2;
  if (height > augment::kMaxSide || width > augment::kMaxSide) return augment::kSideTooLong;
  return height * width <= kMost && y[2] * y[3] <= kMost ? "" : "more than 2^29 positions";
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& images = view.tensor(operation.input(0)).shape;
  const TensorDeclaration& y = view.tensor(operation.output(0));
  const bool random = operation.has_input(1);
  Images s{};
  s.settings = augment::settings_of(operation.attributes<dn_image_decode_attributes>(), random,
                                    (int32_t)images[1], (int32_t)images[2], (int32_t)images[3],
                                    (int32_t)y.shape[2], (int32_t)y.shape[3]);
  s.count = images[0];
  s.dtype = y.dtype;
  s.random = random;
  s.wide_mask = operation.has_input(2) && view.tensor(operation.input(2)).dtype == DN_DTYPE_I32;
  s.threads = device_of(view).threads();
  return y.dtype == DN_DTYPE_F32 ? make_plan<float>(s, operation)
                                 : make_plan<uint16_t>(s, operation);
}

const RegisterOperator image_decode({"own:image_decode", DN_OPERATOR_IMAGE_DECODE, 100, refuse,
                                     plan});

}  // namespace

}  // namespace dn::cpu
