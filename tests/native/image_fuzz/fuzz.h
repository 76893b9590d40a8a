// What the fuzz targets share: small limits, and the one way in which a picture may fail.
#pragma once

#include "engine/error.h"
#include "engine/image.h"

extern "C" const dn::ImagePlugin* dn_image_plugin();

inline const dn::ImagePlugin& plugin() {
  return *dn_image_plugin();
}

constexpr dn_image_limits kLimits{sizeof kLimits, 20, 1 << 20, 1 << 20};

// False when the picture is refused; every other failure ends the program.
template <typename Body>
bool survives(Body&& body) {
  try {
    body();
    return true;
  } catch (const dn::Error& error) {
    if (error.status() != DN_INVALID_DATA) throw;
    return false;
  }
}
