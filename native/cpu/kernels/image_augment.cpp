#include "image_augment.h"

#include "simd.h"

namespace dn::cpu::DN_ISA {

namespace {

using augment::Sample;
using augment::Settings;

// Parts of a scratch memory, one after the other.
class Carver {
 public:
  explicit Carver(void* memory) : next_(static_cast<char*>(memory)) {}
  template <typename T>
  T* take(int64_t count) {
    T* part = reinterpret_cast<T*>(next_);
    next_ += (count * (int64_t)sizeof(T) + 63) / 64 * 64;
    return part;
  }

 private:
  char* next_;
};

struct Work {
  Work(const Settings& s, void* scratch) {
    Carver carver(scratch);
    const int64_t columns = s.out_width, nodes = augment_nodes(s);
    row = carver.take<float>(columns);
    column = carver.take<float>(columns);
    row_part = carver.take<float>(columns);
    column_part = carver.take<float>(columns);
    index = carver.take<int32_t>(columns);
    for (float*& channel : values) channel = carver.take<float>(columns);
    for (float*& weight : weights) weight = carver.take<float>(columns);
    cells = carver.take<int32_t>(columns);
    node_row = carver.take<float>(nodes);
    node_column = carver.take<float>(nodes);
    lines = carver.take<float>(2 * (int64_t)s.node_columns);
    bytes = carver.take<uint8_t>(2 * ((int64_t)s.width + 3));
    taps = carver.take<uint32_t>((int64_t)s.channels * (s.height + 2) * (s.width + 2));
  }

  float *row, *column;            // of an output row: its places in the image
  float *row_part, *column_part;  // how far they lie behind `index`
  int32_t* index;                 // of taps
  float* values[DN_MAX_IMAGE_CHANNELS];
  float* weights[4];              // of the spline along the output's columns,
  int32_t* cells;                 // and the first of the four nodes
  float *node_row, *node_column;  // displacements
  float* lines;                   // of one output row: every node column's, down, then right
  uint8_t* bytes;                 // two image rows within zeros
  // Of the place (h, w) in -1 .. H, -1 .. W its byte, and those to the right, below and both, from the
  // lowest bits: one load a channel and output.
  uint32_t* taps;
};

void copy_row(const Settings& s, const uint8_t* image, int32_t row, uint8_t* bytes) {
  bytes[0] = bytes[s.width + 1] = bytes[s.width + 2] = 0;
  if (row >= 0 && row < s.height)
    std::memcpy(bytes + 1, image + (int64_t)row * s.width, (size_t)s.width);
  else
    std::memset(bytes + 1, 0, (size_t)s.width);
}

void pack_taps(const Settings& s, const uint8_t* image, const Work& work, uint32_t* taps) {
  const int32_t width = s.width + 2;
  uint8_t *above = work.bytes, *below = work.bytes + width + 1;
  copy_row(s, image, -1, above);
  for (int32_t row = -1; row <= s.height; ++row) {
    copy_row(s, image, row + 1, below);
    for (int32_t i = 0; i < width; ++i)
      taps[i] = (uint32_t)above[i] | (uint32_t)above[i + 1] << 8 | (uint32_t)below[i] << 16 |
                (uint32_t)below[i + 1] << 24;
    taps += width;
    uint8_t* const free = above;
    above = below;
    below = free;
  }
}

void prepare_elastic(const Settings& s, const uint32_t* words, const Work& work) {
  const int64_t nodes = augment_nodes(s);
  words += 4 * augment::kBlocks;
  for (int64_t k = 0; k < nodes; ++k)
    augment::elastic_node(s, words[2 * k], words[2 * k + 1], work.node_column + k,
                          work.node_row + k);
  for (int32_t j = 0; j < s.out_width; ++j) {
    const float place = (float)j / s.attributes.elastic_pitch, cell = floorf(place);
    float weights[4];
    augment::spline_weights(place - cell, weights);
    for (int k = 0; k < 4; ++k) work.weights[k][j] = weights[k];
    work.cells[j] = (int32_t)cell;
  }
}

// Adds the displacements of output row i.
void displace(const Settings& s, int32_t i, const Work& work) {
  const float place = (float)i / s.attributes.elastic_pitch, cell = floorf(place);
  float w[4];
  augment::spline_weights(place - cell, w);
  const int64_t columns = s.node_columns, first = (int64_t)cell * columns;
  float *down = work.lines, *right = work.lines + columns;
  for (int64_t k = 0; k < columns; ++k) {
    const float *r = work.node_row + first + k, *c = work.node_column + first + k;
    down[k] =
        augment::spline(w[0], w[1], w[2], w[3], r[0], r[columns], r[2 * columns], r[3 * columns]);
    right[k] =
        augment::spline(w[0], w[1], w[2], w[3], c[0], c[columns], c[2 * columns], c[3 * columns]);
  }
  const float *w0 = work.weights[0], *w1 = work.weights[1], *w2 = work.weights[2],
              *w3 = work.weights[3];
  float *row = work.row, *column = work.column;
  for (int32_t j = 0; j < s.out_width;) {
    const int32_t cell_j = work.cells[j];
    int32_t end = j + 1;
    while (end < s.out_width && work.cells[end] == cell_j) ++end;
    const float *d = down + cell_j, *r = right + cell_j;
    const float d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], r0 = r[0], r1 = r[1], r2 = r[2],
                r3 = r[3];
    for (; j < end; ++j) {
      row[j] += augment::spline(w0[j], w1[j], w2[j], w3[j], d0, d1, d2, d3);
      column[j] += augment::spline(w0[j], w1[j], w2[j], w3[j], r0, r1, r2, r3);
    }
  }
}

void find_places(const Settings& s, const Sample& sample, int32_t i, const Work& work) {
  const float v = fmaf(-0.5f, (float)(s.out_height - 1), (float)i);
  const float row_0 = fmaf(sample.row_v, v, sample.row_0);
  const float column_0 = fmaf(sample.column_v, v, sample.column_0);
  const float half = 0.5f * (float)(s.out_width - 1);
  float *row = work.row, *column = work.column;
  const int32_t n = s.out_width, height = s.height, width = s.width;
  for (int32_t j = 0; j < n; ++j) {
    const float u = (float)j - half;
    row[j] = fmaf(sample.row_u, u, row_0);
    column[j] = fmaf(sample.column_u, u, column_0);
  }
  if (s.node_rows > 0) displace(s, i, work);
  if (s.attributes.padding_mode == DN_PADDING_ZERO) {
    for (int32_t j = 0; j < n; ++j) {
      row[j] = augment::bounded_place(row[j], height, DN_PADDING_ZERO);
      column[j] = augment::bounded_place(column[j], width, DN_PADDING_ZERO);
    }
  } else {
    for (int32_t j = 0; j < n; ++j) {
      row[j] = augment::bounded_place(row[j], height, DN_PADDING_REFLECT);
      column[j] = augment::bounded_place(column[j], width, DN_PADDING_REFLECT);
    }
  }
}

void find_taps(const Settings& s, const Work& work) {
  const int32_t width = s.width + 2;
  const float *row = work.row, *column = work.column;
  float *row_part = work.row_part, *column_part = work.column_part;
  int32_t* index = work.index;
  for (int32_t j = 0; j < s.out_width; ++j) {
    const float top = floorf(row[j]), left = floorf(column[j]);
    row_part[j] = row[j] - top;
    column_part[j] = column[j] - left;
    index[j] = ((int32_t)top + 1) * width + (int32_t)left + 1;
  }
}

void sample_row(const Settings& s, const uint32_t* taps, const Work& work, float* values) {
  const float *row_part = work.row_part, *column_part = work.column_part;
  const int32_t* index = work.index;
  for (int32_t j = 0; j < s.out_width; ++j) {
    const uint32_t four = taps[index[j]];
    const float a = (float)(int32_t)(four & 255), b = (float)(int32_t)(four >> 8 & 255);
    const float c = (float)(int32_t)(four >> 16 & 255), d = (float)(int32_t)(four >> 24);
    values[j] = augment::between(row_part[j], augment::between(column_part[j], a, b),
                                 augment::between(column_part[j], c, d));
  }
}

void recolor_row(const Settings& s, const Sample& sample, const Work& work) {
  const int32_t n = s.out_width;
  if (s.channels == 3) {
    float *red = work.values[0], *green = work.values[1], *blue = work.values[2];
    for (int32_t j = 0; j < n; ++j) augment::recolor(sample, red[j], green[j], blue[j]);
    return;
  }
  for (int32_t channel = 0; channel < s.channels; ++channel) {
    float* values = work.values[channel];
    const float gain = sample.color[0], offset = sample.color_offset[channel];
    for (int32_t j = 0; j < n; ++j) values[j] = augment::limited(fmaf(gain, values[j], offset));
  }
}

template <typename Label>
void sample_mask(const Settings& s, const Work& work, const Label* mask, int32_t* y) {
  for (int32_t j = 0; j < s.out_width; ++j) {
    const int32_t row = (int32_t)floorf(work.row[j] + 0.5f);
    const int32_t column = (int32_t)floorf(work.column[j] + 0.5f);
    const bool inside = row >= 0 && row < s.height && column >= 0 && column < s.width;
    y[j] = inside ? (int32_t)mask[(int64_t)row * s.width + column] : s.attributes.ignore_index;
  }
}

void cut_out(const Settings& s, const Sample& sample, int32_t i, float* y) {
  if (i < sample.cut_top || i >= sample.cut_top + s.attributes.cutout) return;
  const int32_t begin = sample.cut_left > 0 ? sample.cut_left : 0;
  const int32_t end = sample.cut_left + s.attributes.cutout;
  for (int32_t j = begin; j < end && j < s.out_width; ++j) y[j] = 0;
}

void run_sample(const AugmentJob& job) {
  const Settings& s = *job.settings;
  const Work work(s, job.scratch);
  Sample sample;
  augment::draw_sample(s, job.words, sample);
  if (s.node_rows > 0) prepare_elastic(s, job.words, work);
  const int64_t plane = (int64_t)s.height * s.width,
                out_plane = (int64_t)s.out_height * s.out_width;
  const int64_t taps_plane = (int64_t)(s.height + 2) * (s.width + 2);
  for (int32_t channel = 0; channel < s.channels; ++channel)
    pack_taps(s, job.image + channel * plane, work, work.taps + channel * taps_plane);
  for (int32_t i = 0; i < s.out_height; ++i) {
    find_places(s, sample, i, work);
    find_taps(s, work);
    for (int32_t channel = 0; channel < s.channels; ++channel)
      sample_row(s, work.taps + channel * taps_plane, work, work.values[channel]);
    if (s.colors) recolor_row(s, sample, work);
    for (int32_t channel = 0; channel < s.channels; ++channel) {
      float* y = job.y + channel * out_plane + (int64_t)i * s.out_width;
      const float mean = s.attributes.mean[channel], scale = s.attributes.scale[channel];
      const float* values = work.values[channel];
      for (int32_t j = 0; j < s.out_width; ++j) y[j] = (values[j] - mean) * scale;
      cut_out(s, sample, i, y);
    }
    if (!job.mask) continue;
    int32_t* y = job.mask_y + (int64_t)i * s.out_width;
    if (job.wide_mask)
      sample_mask(s, work, static_cast<const int32_t*>(job.mask), y);
    else
      sample_mask(s, work, static_cast<const uint8_t*>(job.mask), y);
  }
}

void normalize(const uint8_t* x, int64_t n, bool backwards, float mean, float scale, float* y) {
  if (backwards)
    for (int64_t i = 0; i < n; ++i) y[i] = ((float)x[n - 1 - i] - mean) * scale;
  else
    for (int64_t i = 0; i < n; ++i) y[i] = ((float)x[i] - mean) * scale;
}

}  // namespace

extern const AugmentTable augment_table = {run_sample, normalize};

}  // namespace dn::cpu::DN_ISA
