# Finds a CUDA toolkit, 11.8 to 13.x: what CMAKE_CUDA_COMPILER, CUDACXX, CUDA_PATH name, nvcc in PATH and
# in /usr/local, what `./deepnative setup cuda` fetched. The first that compiles and links a kernel is used.
#
# Not CMake's own CUDA language: a toolkit that does not work would stop the build there, and the
# same .cu files are C++ for the simulator.
#
# Sets DN_CUDA_NVCC (false: none). dn_add_cuda_library builds with it.
set(DN_CUDA AUTO CACHE STRING "The CUDA device: OFF, AUTO (where a toolkit is found), ON (or fail)")
set(DN_CUDA_ARCHITECTURES "" CACHE STRING "GPUs to compile for, e.g. 80;90a; empty: as the toolkit can")
set(DN_CUDA_NVCC FALSE)

# dn_nvcc_works(nvcc problem): sets DN_CUDA_* for this nvcc, or says in `problem` why it cannot be used.
function(dn_nvcc_works nvcc problem)
  execute_process(COMMAND ${nvcc} --version OUTPUT_VARIABLE text ERROR_QUIET)
  if(NOT text MATCHES "release ([0-9]+)\\.([0-9]+)")
    set(${problem} "${nvcc} does not start" PARENT_SCOPE)
    return()
  endif()
  set(version ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
  if(version VERSION_LESS 11.8 OR version VERSION_GREATER_EQUAL 14)
    set(${problem} "${nvcc} is CUDA ${version}, 11.8 to 13.x can be used" PARENT_SCOPE)
    return()
  endif()

  # Where headers and libraries are differs between installations; nvcc knows.
  execute_process(COMMAND ${nvcc} --dryrun -cuda x.cu OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(REGEX MATCHALL "\"-[IL][^\"]+\"" folders "${text}")
  list(TRANSFORM folders REPLACE "^\"-[IL]|\"$" "")
  cmake_path(GET nvcc PARENT_PATH root)
  cmake_path(GET root PARENT_PATH root)
  list(APPEND folders ${root}/include ${root}/lib64)
  find_path(include cuda_runtime.h PATHS ${folders} NO_DEFAULT_PATH NO_CACHE)
  find_path(include cuda_runtime.h NO_CACHE)
  find_library(cudart cudart_static PATHS ${folders} NO_DEFAULT_PATH NO_CACHE)
  find_library(cudart cudart_static NO_CACHE)
  if(NOT include OR NOT cudart)
    set(${problem} "${nvcc} comes without cuda_runtime.h or libcudart_static.a" PARENT_SCOPE)
    return()
  endif()

  # Each toolkit refuses compilers newer than it knows; the trial below has the last word.
  set(newest 99)
  if(EXISTS ${include}/crt/host_config.h)
    file(STRINGS ${include}/crt/host_config.h text REGEX "gcc versions later than [0-9]+")
    if(text MATCHES "than ([0-9]+)")
      set(newest ${CMAKE_MATCH_1})
    endif()
  endif()
  unset(host)
  if(DEFINED ENV{CUDAHOSTCXX})
    set(host $ENV{CUDAHOSTCXX})
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS "${newest}.99")
    set(host ${CMAKE_CXX_COMPILER})
  else()
    set(names g++)
    foreach(major RANGE 9 ${newest})
      list(PREPEND names g++-${major})
    endforeach()
    if(newest LESS 99)
      list(REMOVE_ITEM names g++)  # which may be newer
    endif()
    find_program(host NAMES ${names} NO_CACHE)
  endif()
  if(NOT host)
    set(${problem} "CUDA ${version} needs g++-${newest} or older" PARENT_SCOPE)
    return()
  endif()

  execute_process(COMMAND ${nvcc} --list-gpu-code OUTPUT_VARIABLE known)
  set(architectures ${DN_CUDA_ARCHITECTURES})
  if(NOT architectures)
    set(architectures 80 90)
    if(version VERSION_GREATER_EQUAL 12)
      set(architectures 80 90a)
    endif()
    if(known MATCHES "sm_100")
      list(APPEND architectures 100)
    endif()
  endif()
  unset(flags)
  foreach(architecture ${architectures})
    list(APPEND flags -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  # GPUs newer than all of these translate the PTX of the oldest; that of 90a runs nowhere else.
  list(GET architectures 0 oldest)
  if(oldest MATCHES "^[0-9]+$")
    list(APPEND flags -gencode=arch=compute_${oldest},code=compute_${oldest})
    list(APPEND architectures "PTX ${oldest}")
  endif()
  list(APPEND flags -ccbin=${host} -std=c++17 -O3 -lineinfo)
  if(version VERSION_LESS 12.8)
    list(APPEND flags -Xfatbin=-compress-all)  # a third of the size; later ones compress by themselves
  endif()
  if(DN_STRICT)
    list(APPEND flags -Werror=all-warnings)
  endif()
  list(APPEND flags -Xcompiler=-fPIC,-fvisibility=hidden)

  # Tried once for each state of the toolkit.
  file(TIMESTAMP ${nvcc} time)
  if(NOT DN_CUDA_TRIED STREQUAL "${time} ${flags}")
    set(trial ${CMAKE_BINARY_DIR}/CMakeFiles/cuda-trial)
    file(WRITE ${trial}.cu "__global__ void kernel(int* x) { *x = 1; }\n"
      "cudaError_t run(int* x) { kernel<<<1, 1>>>(x); return cudaGetLastError(); }\n")
    execute_process(COMMAND ${nvcc} ${flags} -c ${trial}.cu -o ${trial}.o
      OUTPUT_FILE ${trial}.log ERROR_FILE ${trial}.log RESULT_VARIABLE failed)
    if(NOT failed)
      execute_process(COMMAND ${CMAKE_CXX_COMPILER} -shared ${trial}.o ${cudart} -ldl -lrt -pthread -o ${trial}.so
        OUTPUT_FILE ${trial}.log ERROR_FILE ${trial}.log RESULT_VARIABLE failed)
    endif()
    if(failed)
      set(${problem} "${nvcc} cannot compile or link a kernel, see ${trial}.log" PARENT_SCOPE)
      return()
    endif()
    set(DN_CUDA_TRIED "${time} ${flags}" CACHE INTERNAL "")
  endif()

  list(JOIN architectures ", " architectures)
  message(STATUS "CUDA ${version}: ${nvcc} with ${host}, for ${architectures}")
  set(DN_CUDA_NVCC ${nvcc} PARENT_SCOPE)
  set(DN_CUDA_FLAGS ${flags} PARENT_SCOPE)
  set(DN_CUDA_INCLUDE ${include} PARENT_SCOPE)
  set(DN_CUDA_RUNTIME ${cudart} PARENT_SCOPE)
endfunction()

function(dn_find_cuda)
  if(DN_SANITIZE OR (DEFINED ENV{DEEPNATIVE_CUDA} AND "$ENV{DEEPNATIVE_CUDA}" STREQUAL off))
    return()
  endif()
  find_program(in_path nvcc NO_CACHE)
  file(GLOB installed /usr/local/cuda-*/bin/nvcc)
  list(SORT installed COMPARE NATURAL ORDER DESCENDING)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/cmake/setup-cuda --where
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
  unset(problems)
  foreach(nvcc ${CMAKE_CUDA_COMPILER} $ENV{CUDACXX} $ENV{CUDA_PATH}/bin/nvcc ${in_path}
          /usr/local/cuda/bin/nvcc ${installed} ${prefix}/bin/nvcc)
    if(EXISTS ${nvcc})
      unset(problem)
      dn_nvcc_works(${nvcc} problem)
      if(DN_CUDA_NVCC)
        break()
      endif()
      list(APPEND problems "${problem}")
    endif()
  endforeach()
  if(DN_CUDA_NVCC)
    foreach(name NVCC FLAGS INCLUDE RUNTIME)
      set(DN_CUDA_${name} ${DN_CUDA_${name}} PARENT_SCOPE)
    endforeach()
    return()
  endif()
  list(APPEND problems "./deepnative setup cuda fetches one")
  list(REMOVE_DUPLICATES problems)
  list(JOIN problems "; " problems)
  set(text "no CUDA toolkit: libdeepnative_cuda is not built; ${problems}")
  if(DN_CUDA STREQUAL ON)
    message(FATAL_ERROR "${text}")
  endif()
  message(STATUS "${text}")
endfunction()

if(NOT DN_CUDA STREQUAL OFF)
  dn_find_cuda()
endif()
if(NOT DN_CUDA_NVCC)
  # Of an earlier build with a toolkit.
  file(REMOVE ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/libdeepnative_cuda.so)
endif()

# dn_compile_kernels(objects file...): .cu files by nvcc, one object each, beside which FILE.o.resources says
# what each kernel takes. A kernel that spills registers stops the build (with DN_STRICT) unless
# native/cuda/kernels/spills.allowed names it.
function(dn_compile_kernels result)
  set(spills ${CMAKE_SOURCE_DIR}/native/cuda/kernels/spills.allowed)
  set(allowed ${spills})
  if(NOT DN_STRICT)
    set(allowed any)
  endif()
  set(wrapper ${CMAKE_SOURCE_DIR}/cmake/nvcc-resources)
  unset(objects)
  foreach(kernel ${ARGN})
    cmake_path(ABSOLUTE_PATH kernel OUTPUT_VARIABLE source)
    cmake_path(GET kernel FILENAME name)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE shown)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    add_custom_command(OUTPUT ${object}
      BYPRODUCTS ${object}.resources
      COMMAND ${wrapper} ${allowed} ${object} ${DN_CUDA_NVCC} ${DN_CUDA_FLAGS}
        -I${CMAKE_SOURCE_DIR}/native -I${CMAKE_SOURCE_DIR}/native/include
        -MD -MF ${object}.d -c ${source}
      DEPFILE ${object}.d
      DEPENDS ${source} ${spills} ${wrapper}
      COMMENT "Building CUDA object of ${shown}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

# dn_add_cuda_library(target HOST file... KERNELS file... LAUNCH file...): a shared library of C++ files and
# of .cu files, with the CUDA runtime in it; and the static library <target>_kernels of what KERNELS and LAUNCH
# are. What the kernels take goes to cuda-resources.txt.
function(dn_add_cuda_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HOST;KERNELS;LAUNCH")
  dn_compile_kernels(objects ${arg_KERNELS})
  set(resources ${objects})
  list(TRANSFORM resources APPEND .resources)
  set(report ${CMAKE_BINARY_DIR}/cuda-resources.txt)
  add_custom_command(OUTPUT ${report}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/cuda-resources ${report} ${resources}
    DEPENDS ${objects} ${CMAKE_SOURCE_DIR}/cmake/cuda-resources
    VERBATIM)
  add_custom_target(${target}_resources ALL DEPENDS ${report})

  add_library(${target} SHARED ${arg_HOST} ${objects})
  target_include_directories(${target} SYSTEM PRIVATE ${DN_CUDA_INCLUDE})
  target_link_libraries(${target} PRIVATE deepnative dn_warnings ${DN_CUDA_RUNTIME}
    pthread ${CMAKE_DL_LIBS} rt)
  # The runtime's symbols stay inside: a process may hold another version of it.
  target_link_options(${target} PRIVATE LINKER:--exclude-libs,ALL LINKER:-z,defs)

  # The kernels alone, for tests and benchmarks that call launchers; built on request.
  add_library(${target}_kernels STATIC EXCLUDE_FROM_ALL ${objects} ${arg_LAUNCH})
  add_dependencies(${target}_kernels ${target}_resources)
  set_target_properties(${target}_kernels PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${target}_kernels
    PUBLIC ${CMAKE_SOURCE_DIR}/native ${CMAKE_SOURCE_DIR}/native/include)
  target_include_directories(${target}_kernels SYSTEM PUBLIC ${DN_CUDA_INCLUDE})
  target_link_libraries(${target}_kernels
    PUBLIC ${DN_CUDA_RUNTIME} pthread ${CMAKE_DL_LIBS} rt PRIVATE dn_warnings)
endfunction()
