// Launching a kernel: the arguments are copied now, the threads run when the stream is drained.
#pragma once

#include <simt/runtime_api.h>

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace simt {

struct Launch {
  const void* kernel;
  dim3 grid, block;
  size_t dynamic_shared_bytes;
  std::function<void()> body;             // what every thread runs
  std::vector<const void*> pointer_args;  // each null or in memory that a device may use
};

// Names this thread's next launch in diagnostics and for fail_next(); kept by pointer.
void name_next_launch(const char* name);
cudaError_t submit(Launch&& launch, cudaStream_t stream);

template <typename... P, typename... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t dynamic_shared_bytes,
                   cudaStream_t stream, A&&... args) {
  static_assert(sizeof...(P) == sizeof...(A), "a kernel takes exactly its parameters");
  // Shared, because a captured launch is copied with its graph.
  auto values =
      std::make_shared<std::tuple<std::decay_t<P>...>>(static_cast<P>(std::forward<A>(args))...);
  Launch result{reinterpret_cast<const void*>(kernel), grid, block, dynamic_shared_bytes, {}, {}};
  std::apply(
      [&](const auto&... value) {
        [[maybe_unused]] auto collect = [&](const auto& v) {
          if constexpr (std::is_pointer_v<std::decay_t<decltype(v)>>) {
            result.pointer_args.push_back(reinterpret_cast<const void*>(v));
          }
        };
        (collect(value), ...);
      },
      *values);
  result.body = [kernel, values] { std::apply(kernel, *values); };
  return submit(std::move(result), stream);
}

}  // namespace simt
