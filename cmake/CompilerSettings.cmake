# What every native target is compiled with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Libraries find each other beside themselves, wherever they are put.
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_BUILD_RPATH $ORIGIN)
set(CMAKE_INSTALL_RPATH $ORIGIN)

# OFF where a compiler that was never tried must not stop the work, such as on a GPU machine.
option(DN_STRICT "Compiler warnings and kernels that spill registers stop the build" ON)

add_library(dn_warnings INTERFACE)
target_compile_options(dn_warnings INTERFACE
  -Wall -Wextra -Wpedantic $<$<BOOL:${DN_STRICT}>:-Werror> -Wno-psabi)

if(DN_SANITIZE)
  add_compile_options(-fsanitize=${DN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DN_SANITIZE})
  # A caller of the C ABI may pass any integer where an enum is declared; check_dtype refuses it.
  add_compile_options(-fno-sanitize=enum)
  # GCC takes what the sanitizers add for paths on which variables stay unset (std::regex, for one).
  target_compile_options(dn_warnings INTERFACE -Wno-maybe-uninitialized)
endif()

if(DN_CPU)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
