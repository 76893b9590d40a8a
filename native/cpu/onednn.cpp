#include "cpu/onednn.h"

namespace dn::cpu::onednn {

using dnnl::memory;

namespace {

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

// The weight of the forward pass, which has the input's type; its gradient may be float32.
memory::desc forward_weight(const memory::desc& input, const memory::desc& grad_weight) {
  if (input.data_type() == grad_weight.data_type()) return grad_weight;
  return {grad_weight.dims(), input.data_type(), memory::format_tag::any};
}

}  // namespace

bool has_bfloat16() {
  const auto known = (unsigned)dnnl::get_effective_cpu_isa();
  const auto needed = (unsigned)dnnl::cpu_isa::avx512_core;
  return (known & needed) == needed;
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::convolution_forward::primitive_desc convolution_forward(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& input,
    const memory::desc& weight, const memory::desc* bias, const memory::desc& output,
    const ConvolutionGeometry& g) {
  return {engine,        dnnl::prop_kind::forward_training,
          algorithm,     input,
          weight,        bias ? *bias : memory::desc(),
          output,        g.strides,
          g.dilations,   g.padding_begin,
          g.padding_end, attributes()};
}

// oneDNN wants the forward descriptor as a hint; the layouts are left to it there.
static dnnl::convolution_forward::primitive_desc hint(const dnnl::engine& engine,
                                                      const memory::desc& input,
                                                      const memory::desc& weight,
                                                      const memory::desc& output,
                                                      const ConvolutionGeometry& g) {
  return convolution_forward(engine, dnnl::algorithm::convolution_direct, input, weight, nullptr,
                             output, g);
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& grad_input,
    const memory::desc& weight, const memory::desc& grad_output, const ConvolutionGeometry& g) {
  return {engine,        algorithm,
          grad_input,    weight,
          grad_output,   g.strides,
          g.dilations,   g.padding_begin,
          g.padding_end, hint(engine, grad_input, weight, grad_output, g),
          attributes()};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weight(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& input,
    const memory::desc& grad_weight, const memory::desc* grad_bias, const memory::desc& grad_output,
    const ConvolutionGeometry& g) {
  return {engine,
          algorithm,
          input,
          grad_weight,
          grad_bias ? *grad_bias : memory::desc(),
          grad_output,
          g.strides,
          g.dilations,
          g.padding_begin,
          g.padding_end,
          hint(engine, input, forward_weight(input, grad_weight), grad_output, g),
          attributes()};
}

dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const memory::desc& a,
                                    const memory::desc& b, const memory::desc* bias,
                                    const memory::desc& c) {
  return bias ? dnnl::matmul::primitive_desc(engine, a, b, *bias, c, attributes())
              : dnnl::matmul::primitive_desc(engine, a, b, c, attributes());
}

std::string inner_blocks(const memory::desc& desc) {
  std::string name;
  const auto blocks = desc.get_inner_blks(), axes = desc.get_inner_idxs();
  for (size_t i = 0; i < blocks.size(); ++i)
    name += text(i ? "," : ":", blocks[i], (char)('a' + axes[i]));
  return name;
}

memory::dims strides(const memory::desc& desc) {
  return desc.get_strides();
}

#else

dnnl::convolution_forward::primitive_desc convolution_forward(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& input,
    const memory::desc& weight, const memory::desc* bias, const memory::desc& output,
    const ConvolutionGeometry& g) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto desc =
      bias ? dnnl::convolution_forward::desc(kind, algorithm, input, weight, *bias, output,
                                             g.strides, g.dilations, g.padding_begin, g.padding_end)
           : dnnl::convolution_forward::desc(kind, algorithm, input, weight, output, g.strides,
                                             g.dilations, g.padding_begin, g.padding_end);
  return {desc, attributes(), engine};
}

// oneDNN wants the forward descriptor as a hint; the layouts are left to it there.
static dnnl::convolution_forward::primitive_desc hint(const dnnl::engine& engine,
                                                      const memory::desc& input,
                                                      const memory::desc& weight,
                                                      const memory::desc& output,
                                                      const ConvolutionGeometry& g) {
  return convolution_forward(engine, dnnl::algorithm::convolution_direct, input, weight, nullptr,
                             output, g);
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& grad_input,
    const memory::desc& weight, const memory::desc& grad_output, const ConvolutionGeometry& g) {
  const dnnl::convolution_backward_data::desc desc(algorithm, grad_input, weight, grad_output,
                                                   g.strides, g.dilations, g.padding_begin,
                                                   g.padding_end);
  return {desc, attributes(), engine, hint(engine, grad_input, weight, grad_output, g)};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weight(
    const dnnl::engine& engine, dnnl::algorithm algorithm, const memory::desc& input,
    const memory::desc& grad_weight, const memory::desc* grad_bias, const memory::desc& grad_output,
    const ConvolutionGeometry& g) {
  using Backward = dnnl::convolution_backward_weights;
  const auto desc = grad_bias
                        ? Backward::desc(algorithm, input, grad_weight, *grad_bias, grad_output,
                                         g.strides, g.dilations, g.padding_begin, g.padding_end)
                        : Backward::desc(algorithm, input, grad_weight, grad_output, g.strides,
                                         g.dilations, g.padding_begin, g.padding_end);
  return {desc, attributes(), engine,
          hint(engine, input, forward_weight(input, grad_weight), grad_output, g)};
}

dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const memory::desc& a,
                                    const memory::desc& b, const memory::desc* bias,
                                    const memory::desc& c) {
  const auto desc = bias ? dnnl::matmul::desc(a, b, *bias, c) : dnnl::matmul::desc(a, b, c);
  return {desc, attributes(), engine};
}

std::string inner_blocks(const memory::desc& desc) {
  std::string name;
  const auto& blocking = desc.data.format_desc.blocking;
  for (int i = 0; i < blocking.inner_nblks; ++i)
    name += text(i ? "," : ":", blocking.inner_blks[i], (char)('a' + blocking.inner_idxs[i]));
  return name;
}

memory::dims strides(const memory::desc& desc) {
  const auto& blocking = desc.data.format_desc.blocking;
  return {blocking.strides, blocking.strides + desc.data.ndims};
}

#endif

}  // namespace dn::cpu::onednn
