// The calls in which oneDNN 2.x and 3.x differ, and what every primitive needs.
#pragma once

#include <dnnl.hpp>
#include <string>

#include "engine/error.h"

namespace dn::cpu::onednn {

struct ConvolutionGeometry {
  dnnl::memory::dims strides, dilations, padding_begin, padding_end;  // dilation 0 is dense
};

// Scratch memory is the caller's, so that a run allocates nothing. The algorithm: convolution_direct or
// convolution_winograd.
dnnl::convolution_forward::primitive_desc convolution_forward(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const dnnl::memory::desc& input,
    const dnnl::memory::desc& weight, const dnnl::memory::desc* bias,
    const dnnl::memory::desc& output, const ConvolutionGeometry& geometry);
dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const dnnl::memory::desc& grad_input,
    const dnnl::memory::desc& weight, const dnnl::memory::desc& grad_output,
    const ConvolutionGeometry& geometry);
dnnl::convolution_backward_weights::primitive_desc convolution_backward_weight(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const dnnl::memory::desc& input,
    const dnnl::memory::desc& grad_weight, const dnnl::memory::desc* grad_bias,
    const dnnl::memory::desc& grad_output, const ConvolutionGeometry& geometry);
dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                    const dnnl::memory::desc& b, const dnnl::memory::desc* bias,
                                    const dnnl::memory::desc& c);

// Whether it multiplies bfloat16 by vector instructions here.
bool has_bfloat16();

// The inner blocks of a descriptor, e.g. ":16b,16a"; empty when it has none.
std::string inner_blocks(const dnnl::memory::desc& desc);

// Of a descriptor's axes, in elements.
dnnl::memory::dims strides(const dnnl::memory::desc& desc);

// Runs `create`; a failure of oneDNN becomes an Error that names what was being made.
template <typename Create>
auto checked(const char* what, const Create& create) -> decltype(create()) {
  try {
    return create();
  } catch (const dnnl::error& error) {
    fail(error.status == dnnl_unimplemented ? DN_UNSUPPORTED : DN_VENDOR_ERROR, "oneDNN, ", what,
         ": ", error.what());
  }
}

}  // namespace dn::cpu::onednn
