// What brings a batch to the net: rows of a data set on the device, decoded images.
#include "cuda/kernels/gather.h"
#include "cuda/kernels/image_decode.h"
#include "cuda_cases.h"

namespace dn::bench {

namespace {

void add_gather(Suite& suite, const char* data, int64_t table_rows, int64_t rows,
                int64_t row_bytes) {
  suite.add({.kernel = "gather_rows",
             .shape = join(data, "rows", rows, "of", table_rows, "bytes", row_bytes),
             .dtype = DN_DTYPE_U8,
             .bytes = double(rows * (2 * row_bytes + 4)),
             .make = [=](Memory& memory) -> Run {
               cuda::GatherParams p;
               p.x = memory.random(DN_DTYPE_U8, table_rows * row_bytes);
               p.indices = memory.below(rows, int32_t(table_rows));
               p.y = memory.empty(rows * row_bytes);
               p.table_rows = table_rows, p.index_count = p.rows = rows, p.row_bytes = row_bytes;
               p.bad_index = static_cast<unsigned long long*>(memory.empty(8));
               p.bad_position = static_cast<unsigned long long*>(memory.empty(8));
               return [p](cudaStream_t stream) { cuda::gather_rows(stream, p); };
             }});
}

void add_decode(Suite& suite, const char* data, int64_t count, int32_t channels, int32_t size,
                int32_t out_size, int32_t padding, dn_dtype dtype, bool bent = false) {
  const int64_t in = count * channels * size * size, out = count * channels * out_size * out_size;
  // A crop reads only what it keeps.
  const double read = double(std::min(in, out));
  suite.add({.kernel = bent ? "image_decode_sampled" : "image_decode",
             .shape = join(data, "N", count, "C", channels, size, "to", out_size),
             .dtype = dtype,
             .bytes = read + double(out * bytes_of(dtype)),
             .make = [=](Memory& memory) -> Run {
               cuda::ImageDecodeParams p;
               p.images = static_cast<uint8_t*>(memory.random(DN_DTYPE_U8, in));
               p.state = static_cast<int64_t*>(memory.zeros(16));
               p.y = memory.empty(out * bytes_of(dtype));
               p.dtype = dtype, p.count = count, p.channels = channels;
               p.height = p.width = size, p.out_height = p.out_width = out_size;
               dn_image_decode_attributes& a = p.attributes;
               a.padding_mode = DN_PADDING_ZERO, a.padding = padding, a.flip_probability = 0.5f;
               if (bent) {
                 a.shift = 0.1f, a.rotation = 0.03f, a.log_zoom = 0.1f, a.elastic = 1;
                 a.elastic_pitch = float(size) / 4;
               }
               for (int32_t i = 0; i < channels; ++i) a.mean[i] = 127, a.scale[i] = 1.0f / 64;
               return [p](cudaStream_t stream) { cuda::image_decode(stream, p); };
             }});
}

}  // namespace

void data_cases(Suite& suite) {
  add_gather(suite, "MNIST", suite.pick(60000, 50), suite.pick(100, 5), 784);
  add_gather(suite, "ImageNet", suite.pick(2048, 6), suite.pick(256, 3), suite.pick(150528, 300));
  add_decode(suite, "MNIST", suite.pick(100, 2), 1, 28, 28, 0, DN_DTYPE_F32);
  add_decode(suite, "CIFAR-10", suite.pick(1024, 2), 3, 32, 32, 4, DN_DTYPE_BF16);
  add_decode(suite, "ImageNet", suite.pick(256, 2), 3, suite.pick(256, 12), suite.pick(224, 9), 0,
             DN_DTYPE_BF16);
  add_decode(suite, "MNIST", suite.pick(100, 2), 1, 28, 28, 0, DN_DTYPE_F32, true);
  add_decode(suite, "ImageNet", suite.pick(256, 2), 3, suite.pick(256, 12), suite.pick(224, 9), 0,
             DN_DTYPE_BF16, true);
}

}  // namespace dn::bench
