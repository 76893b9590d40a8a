// Sums by index, elements along an axis, the best of a line, running sums, other extents.
#include "cuda/kernels/cumulative_sum.h"
#include "cuda/kernels/gather.h"
#include "cuda/kernels/resize.h"
#include "cuda/kernels/top_k.h"
#include "cuda_cases.h"

namespace dn::bench {

namespace {

unsigned long long* no_fault(Memory& memory) {
  return static_cast<unsigned long long*>(memory.empty(8));
}

void add_scatter(Suite& suite, int64_t count, int64_t rows, int64_t width) {
  suite.add({.kernel = "scatter_rows",
             .shape = join(count, "rows of", width, "to", rows),
             .bytes = double(4 * (count * width + count + rows * width)),
             .operations = double(count * width),
             .unit = Unit::F32,
             .make = [=, multiprocessors = suite.multiprocessors()](Memory& memory) -> Run {
               cuda::ScatterRowsParams p;
               p.gradient = static_cast<float*>(memory.random(DN_DTYPE_F32, count * width));
               p.indices = memory.below(count, int32_t(rows));
               p.y = static_cast<float*>(memory.empty(4 * rows * width));
               p.rows = rows, p.count = count, p.width = width;
               p.multiprocessors = multiprocessors;
               p.bad_index = no_fault(memory);
               return [p](cudaStream_t stream) { cuda::scatter_rows(stream, p); };
             }});
}

void add_along(Suite& suite, int64_t outer, int64_t extent, int64_t count) {
  for (const bool forward : {true, false})
    suite.add({.kernel = forward ? "gather_along" : "scatter_along",
               .shape = join(count, "of", extent, "in", outer),
               .bytes = double(4 * outer * (forward ? 3 * count : 2 * count + extent)),
               .make = [=, multiprocessors = suite.multiprocessors()](Memory& memory) -> Run {
                 const int64_t large = outer * extent, small = outer * count;
                 cuda::AlongParams p;
                 p.x = memory.random(DN_DTYPE_F32, forward ? large : small);
                 p.indices = memory.below(small, int32_t(extent));
                 p.y = memory.empty(4 * (forward ? small : large));
                 p.outer = outer, p.extent = extent, p.count = count;
                 p.multiprocessors = multiprocessors;
                 p.bad_index = no_fault(memory);
                 return [p, forward](cudaStream_t stream) {
                   (forward ? cuda::gather_along : cuda::scatter_along)(stream, p);
                 };
               }});
}

void add_top_k(Suite& suite, int64_t lines, int64_t extent, int k) {
  suite.add({.kernel = "top_k",
             .shape = join(k, "of", extent, "in", lines),
             .bytes = double(lines * (4 * extent + 8 * k)),
             .make = [=, multiprocessors = suite.multiprocessors()](Memory& memory) -> Run {
               cuda::TopKParams p;
               p.x = static_cast<float*>(memory.random(DN_DTYPE_F32, lines * extent));
               p.values = static_cast<float*>(memory.empty(4 * lines * k));
               p.indices = static_cast<int32_t*>(memory.empty(4 * lines * k));
               p.outer = lines, p.extent = extent, p.k = k;
               p.multiprocessors = multiprocessors;
               p.scratch = memory.empty(cuda::top_k_scratch_bytes(p));
               return [p](cudaStream_t stream) { cuda::top_k(stream, p); };
             }});
}

void add_cumulative(Suite& suite, int64_t outer, int64_t extent, int64_t inner) {
  suite.add({.kernel = "cumulative_sum",
             .shape = join(outer, extent, inner),
             .bytes = double(8 * outer * extent * inner),
             .operations = double(outer * extent * inner),
             .unit = Unit::F32,
             .make = [=, multiprocessors = suite.multiprocessors()](Memory& memory) -> Run {
               const int64_t numel = outer * extent * inner;
               cuda::CumulativeSumParams p;
               p.x = static_cast<float*>(memory.random(DN_DTYPE_F32, numel));
               p.y = static_cast<float*>(memory.empty(4 * numel));
               p.outer = outer, p.extent = extent, p.inner = inner;
               p.multiprocessors = multiprocessors;
               p.scratch = memory.empty(cuda::cumulative_sum_scratch_bytes(p));
               return [p](cudaStream_t stream) { cuda::cumulative_sum(stream, p); };
             }});
}

void add_resize(Suite& suite, dn_resize_mode mode, int64_t planes, int64_t in, int64_t out) {
  const char* name = mode == DN_RESIZE_NEAREST  ? "nearest"
                     : mode == DN_RESIZE_LINEAR ? "linear"
                                                : "area";
  for (const dn_direction direction : {DN_FORWARD, DN_BACKWARD_DATA})
    suite.add({.kernel = direction == DN_FORWARD ? "resize_forward" : "resize_backward",
               .shape = join(name, planes, "planes of", in, "to", out),
               .bytes = double(4 * planes * (in * in + out * out)),
               .make = [=](Memory& memory) -> Run {
                 const int64_t small = planes * in * in, large = planes * out * out;
                 const bool forward = direction == DN_FORWARD;
                 cuda::ResizeParams p;
                 p.x = static_cast<float*>(memory.random(DN_DTYPE_F32, forward ? small : large));
                 p.y = static_cast<float*>(memory.empty(4 * (forward ? large : small)));
                 p.direction = direction, p.mode = mode, p.planes = planes;
                 p.in[1] = p.in[2] = in, p.out[1] = p.out[2] = out;
                 return [p](cudaStream_t stream) { cuda::resize(stream, p); };
               }});
}

}  // namespace

void index_cases(Suite& suite) {
  add_scatter(suite, suite.pick(2048, 20), suite.pick(10000, 50), suite.pick(512, 40));
  add_scatter(suite, suite.pick(16384, 20), suite.pick(50000, 60), suite.pick(768, 40));
  add_along(suite, suite.pick(2048, 4), suite.pick(10000, 30), 1);
  add_along(suite, suite.pick(256, 4), suite.pick(1000, 30), 5);
  add_top_k(suite, suite.pick(256, 3), suite.pick(1000, 40), 5);
  add_top_k(suite, suite.pick(64, 2), suite.pick(32000, 200), suite.pick(50, 20));
  add_top_k(suite, suite.pick(256, 2), suite.pick(16384, 64), suite.pick(16384, 64));
  add_cumulative(suite, suite.pick(4096, 3), suite.pick(4096, 50), 1);
  add_cumulative(suite, 1, suite.pick(1 << 24, 5000), 1);
  add_cumulative(suite, 1, suite.pick(4096, 20), suite.pick(4096, 40));
  for (const dn_resize_mode mode : {DN_RESIZE_NEAREST, DN_RESIZE_LINEAR})
    add_resize(suite, mode, suite.pick(1024, 2), suite.pick(64, 5), suite.pick(128, 10));
  add_resize(suite, DN_RESIZE_AREA, suite.pick(4096, 2), 13, 6);
}

}  // namespace dn::bench
