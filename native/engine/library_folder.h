// The folder of the engine's own library, beside which the libraries lie that are loaded on demand.
#pragma once

#include <filesystem>

namespace dn {

std::filesystem::path library_folder();

}  // namespace dn
