# dn_add_isa_sources(target file...): compiles each file once for every instruction set, each time
# with DN_ISA naming it, and adds the objects to the target. See native/cpu/kernels/isa.h.
function(dn_add_isa_sources target)
  set(flags_baseline "")
  set(flags_avx2 -mavx2 -mfma)
  set(flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
                   -mprefer-vector-width=512)
  foreach(isa baseline avx2 avx512)
    set(objects ${target}_${isa})
    add_library(${objects} OBJECT ${ARGN})
    target_compile_definitions(${objects} PRIVATE DN_ISA=${isa})
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      target_compile_options(${objects} PRIVATE ${flags_${isa}})
    endif()
    # A multiply and an add may become one FMA: results are compared with tolerances, never bit
    # by bit between instruction sets.
    target_compile_options(${objects} PRIVATE -fno-math-errno -ffp-contract=fast)
    if(NOT DN_SANITIZE)  # sanitized, these files would take minutes each to optimise
      target_compile_options(${objects} PRIVATE -O3)
    endif()
    target_include_directories(${objects} PRIVATE
      ${PROJECT_SOURCE_DIR}/native ${PROJECT_SOURCE_DIR}/native/include)
    target_link_libraries(${objects} PRIVATE OpenMP::OpenMP_CXX dn_warnings)
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
