// Physical layouts of the CPU device: oneDNN's memory descriptors.
#pragma once

#include <dnnl.hpp>
#include <optional>

#include "engine/candidate.h"

namespace dn::cpu {

class DnnlLayout final : public Layout {
 public:
  DnnlLayout(const dnnl::memory::desc& desc, std::string name, int64_t channel_block)
      : desc_(desc), name_(std::move(name)), channel_block_(channel_block) {}
  int64_t bytes() const override { return (int64_t)desc_.get_size(); }
  bool equals(const Layout& other) const override {
    return desc_ == static_cast<const DnnlLayout&>(other).desc_;
  }
  std::string name() const override { return name_; }
  const dnnl::memory::desc& desc() const { return desc_; }
  // How many channels lie side by side at one position; 0: not such a layout.
  int64_t channel_block() const { return channel_block_; }

 private:
  dnnl::memory::desc desc_;
  std::string name_;
  int64_t channel_block_;
};

dnnl::memory::data_type dnnl_type(DType dtype);
dnnl::memory::dims dnnl_dims(const Shape& shape);

// The descriptor of a tensor; row-major where the layout is null.
dnnl::memory::desc desc_of(DType dtype, const Shape& shape, const LayoutRef& layout);
dnnl::memory::desc row_major(dnnl::memory::data_type type, const dnnl::memory::dims& dims);

// The layout of a descriptor; null when it is row-major.
LayoutRef layout_of(const dnnl::memory::desc& desc);
LayoutRef layout_of(DType dtype, const Shape& shape, dnnl::memory::format_tag tag);

// The same arrangement of elements of another type; null where there is none by that name.
LayoutRef retyped(const LayoutRef& layout, DType dtype);

// A matrix stored column by column ("ba"). Columns of some length start on whole cache lines.
LayoutRef transposed_matrix(const Shape& shape);
// The distance of its columns in elements; 0 for any other layout.
int64_t column_distance(const LayoutRef& layout);

// An activation (N, C, spatial...) as (batch, blocks, positions, block): block channels lie side by
// side at each position. Row-major is block 1, channels last block C, nChw16c block 16.
struct ChannelView {
  int64_t batch, blocks, positions, block;
  int64_t channels() const { return blocks * block; }
};
// Nothing when the layout is not of that form, or pads the channels.
std::optional<ChannelView> channel_view(const Shape& shape, const LayoutRef& layout);

}  // namespace dn::cpu
