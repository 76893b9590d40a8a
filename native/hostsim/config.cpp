#include <simt.h>

#include <cstdlib>
#include <cstring>

#include "block.h"
#include "random.h"

namespace simt {

namespace {

Config config_from_environment() {
  Config result;
  if (const char* order = std::getenv("DEEPNATIVE_HOSTSIM_ORDER")) {
    if (!std::strcmp(order, "ascending")) {
      result.order = Order::Ascending;
    } else if (!std::strcmp(order, "descending")) {
      result.order = Order::Descending;
    } else if (!std::strcmp(order, "random")) {
      result.order = Order::Random;
    } else if (std::strcmp(order, "pct")) {
      die("DEEPNATIVE_HOSTSIM_ORDER is '%s'; it may be ascending, descending, random, pct", order);
    }
  }
  return result;
}

uint64_t seed_from_environment() {
  const char* text = std::getenv("DEEPNATIVE_HOSTSIM_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}

uint64_t scrambled(uint64_t seed) {
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + 0x1234567ull;
  return state ? state : 1;
}

struct Generator {
  uint64_t seed = seed_from_environment();
  uint64_t state = scrambled(seed);
};
Generator& generator() {
  static Generator instance;
  return instance;
}

}  // namespace

Config& config() {
  static Config instance = config_from_environment();
  return instance;
}

void set_seed(uint64_t seed) {
  generator().seed = seed;
  generator().state = scrambled(seed);
}

uint64_t seed() {
  return generator().seed;
}

uint32_t random_bits() {
  uint64_t& x = generator().state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return static_cast<uint32_t>(x >> 32);
}

}  // namespace simt
