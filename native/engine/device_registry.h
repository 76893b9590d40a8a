// The device kinds found beside the engine's own library.
#pragma once

#include "engine/device.h"

namespace dn {

// All devices of all kinds, usable or not; the plug-ins are loaded once, at the first call.
DN_API int device_count();
DN_API void describe_device(int index, dn_device_info& info);
DN_API std::shared_ptr<Device> open_device(const std::string& name,
                                           const dn_device_options& options);

}  // namespace dn
