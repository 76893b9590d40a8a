// Layout and type changes.
#include "cuda/kernels/layout_change.h"
#include "cuda_cases.h"

namespace dn::bench {

namespace {

// (N, C, H W) seen as (N, H W, C), or back.
void add_transpose(Suite& suite, dn_dtype dtype, int64_t batch, int64_t channels, int64_t positions,
                   bool to_channels_last) {
  const int64_t count = batch * channels * positions, size = bytes_of(dtype);
  const int64_t from = to_channels_last ? positions : channels;
  const int64_t to = to_channels_last ? channels : positions;
  suite.add({.kernel = "change_layout",
             .shape = join(to_channels_last ? "to NHWC" : "to NCHW", "N", batch, "C", channels,
                           "HW", positions),
             .dtype = dtype,
             .bytes = 2.0 * double(count * size),
             .make = [=](Memory& memory) -> Run {
               cuda::LayoutChange p;
               p.source = memory.random(dtype, count);
               p.destination = memory.empty(count * size);
               p.element_bytes = int32_t(size);
               p.rank = 3;
               // The destination's inner axis steps over rows of the source.
               p.dims[0] = batch, p.dims[1] = from, p.dims[2] = to;
               p.source_strides[0] = from * to, p.source_strides[1] = 1;
               p.source_strides[2] = from;
               return [p](cudaStream_t stream) { cuda::change_layout(stream, p); };
             }});
}

void add_type_change(Suite& suite, dn_dtype from, dn_dtype to, int64_t count) {
  suite.add({.kernel = "change_type",
             .shape = join("count", count, to == DN_DTYPE_F32 ? "to f32" : "to bf16"),
             .dtype = from,
             .bytes = double(count * (bytes_of(from) + bytes_of(to))),
             .make = [=](Memory& memory) -> Run {
               cuda::TypeChange p;
               p.source = memory.random(from, count);
               p.destination = memory.empty(count * bytes_of(to));
               p.from = from, p.to = to, p.count = count;
               return [p](cudaStream_t stream) { cuda::change_type(stream, p); };
             }});
}

}  // namespace

void layout_cases(Suite& suite) {
  const int64_t batch = suite.pick(256, 2);
  for (const bool to_channels_last : {true, false}) {
    add_transpose(suite, DN_DTYPE_F32, batch, 3, suite.pick(224 * 224, 35), to_channels_last);
    add_transpose(suite, DN_DTYPE_F32, batch, suite.pick(256, 40), suite.pick(56 * 56, 33),
                  to_channels_last);
    add_transpose(suite, DN_DTYPE_BF16, batch, suite.pick(256, 40), suite.pick(56 * 56, 33),
                  to_channels_last);
  }
  add_type_change(suite, DN_DTYPE_F32, DN_DTYPE_BF16, suite.pick<int64_t>(1 << 26, 1000));
  add_type_change(suite, DN_DTYPE_BF16, DN_DTYPE_F32, suite.pick<int64_t>(1 << 26, 1000));
  add_type_change(suite, DN_DTYPE_U8, DN_DTYPE_F32, suite.pick<int64_t>(1 << 26, 1000));
}

}  // namespace dn::bench
