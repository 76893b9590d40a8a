#include "cpu/layout.h"

#include <algorithm>

#include "cpu/onednn.h"

namespace dn::cpu {

namespace {

using Tag = dnnl::memory::format_tag;
using dnnl::memory;

struct NamedTag {
  Tag tag;
  const char* name;
  int rank;
  int block;  // channels side by side; -1: all; 0: not an activation's layout
};

constexpr const char* kTransposed = "ba";

// The layouts that have a name in reports; others are called by their inner blocks.
constexpr NamedTag kTags[] = {{Tag::nwc, "nwc", 3, -1},
                              {Tag::nCw16c, "nCw16c", 3, 16},
                              {Tag::nCw8c, "nCw8c", 3, 8},
                              {Tag::nhwc, "nhwc", 4, -1},
                              {Tag::nChw16c, "nChw16c", 4, 16},
                              {Tag::nChw8c, "nChw8c", 4, 8},
                              {Tag::ndhwc, "ndhwc", 5, -1},
                              {Tag::nCdhw16c, "nCdhw16c", 5, 16},
                              {Tag::nCdhw8c, "nCdhw8c", 5, 8},
                              {Tag::OIhw16i16o, "OIhw16i16o", 4, 0},
                              {Tag::OIhw16o16i, "OIhw16o16i", 4, 0},
                              {Tag::OIhw8i8o, "OIhw8i8o", 4, 0},
                              {Tag::OIhw8o8i, "OIhw8o8i", 4, 0},
                              {Tag::Ohwi16o, "Ohwi16o", 4, 0},
                              {Tag::Ohwi8o, "Ohwi8o", 4, 0},
                              {Tag::Oihw16o, "Oihw16o", 4, 0},
                              {Tag::hwio, "hwio", 4, 0},
                              {Tag::Goihw16g, "Goihw16g", 5, 0},
                              {Tag::Goihw8g, "Goihw8g", 5, 0},
                              {Tag::gOIhw16i16o, "gOIhw16i16o", 5, 0},
                              {Tag::gOIhw8i8o, "gOIhw8i8o", 5, 0}};

}  // namespace

memory::data_type dnnl_type(DType dtype) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return memory::data_type::f32;
    case DN_DTYPE_F16:
      return memory::data_type::f16;
    case DN_DTYPE_BF16:
      return memory::data_type::bf16;
    case DN_DTYPE_U8:
      return memory::data_type::u8;
    case DN_DTYPE_I32:
      return memory::data_type::s32;
    default:
      fail(DN_UNSUPPORTED, "oneDNN has no data type for ", dn::name_of(dtype));
  }
}

memory::dims dnnl_dims(const Shape& shape) {
  return {shape.data(), shape.data() + shape.rank()};
}

memory::desc row_major(memory::data_type type, const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  for (int axis = (int)dims.size() - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * std::max<int64_t>(dims[axis + 1], 1);
  return {dims, type, strides};
}

memory::desc desc_of(DType dtype, const Shape& shape, const LayoutRef& layout) {
  if (layout) return static_cast<const DnnlLayout&>(*layout).desc();
  return row_major(dnnl_type(dtype), dnnl_dims(shape));
}

LayoutRef layout_of(const memory::desc& desc) {
  const memory::dims dims = desc.dims();
  if (desc == row_major(desc.data_type(), dims)) return nullptr;
  for (const NamedTag& named : kTags) {
    if (named.rank != (int)dims.size()) continue;
    const memory::desc tagged(dims, desc.data_type(), named.tag, true);
    if (!tagged || !(tagged == desc)) continue;
    const int64_t block = named.block < 0 ? dims[1] : named.block;
    const bool padded = block > 0 && dims[1] % block != 0;
    return std::make_shared<DnnlLayout>(desc, named.name, padded ? 0 : block);
  }
  if (dims.size() == 2 && onednn::inner_blocks(desc).empty() && onednn::strides(desc)[0] == 1)
    return std::make_shared<DnnlLayout>(desc, kTransposed, 0);
  return std::make_shared<DnnlLayout>(desc, "blocked" + onednn::inner_blocks(desc), 0);
}

LayoutRef layout_of(DType dtype, const Shape& shape, Tag tag) {
  return layout_of(memory::desc(dnnl_dims(shape), dnnl_type(dtype), tag));
}

LayoutRef retyped(const LayoutRef& layout, DType dtype) {
  if (!layout) return nullptr;
  const memory::desc& desc = static_cast<const DnnlLayout&>(*layout).desc();
  const memory::dims dims = desc.dims();
  if (desc.data_type() == dnnl_type(dtype)) return layout;
  for (const NamedTag& named : kTags)
    if (named.rank == (int)dims.size() && layout->name() == named.name)
      return layout_of(memory::desc(dims, dnnl_type(dtype), named.tag));
  return nullptr;
}

LayoutRef transposed_matrix(const Shape& shape) {
  constexpr int64_t kLine = 16;  // floats in a cache line
  const bool align = shape[0] >= 4 * kLine;
  const int64_t distance = align ? (shape[0] + kLine - 1) / kLine * kLine : shape[0];
  return layout_of(memory::desc(dnnl_dims(shape), memory::data_type::f32, {1, distance}));
}

int64_t column_distance(const LayoutRef& layout) {
  if (!layout || layout->name() != kTransposed) return 0;
  return onednn::strides(static_cast<const DnnlLayout&>(*layout).desc())[1];
}

std::optional<ChannelView> channel_view(const Shape& shape, const LayoutRef& layout) {
  if (shape.rank() < 2) return std::nullopt;
  int64_t positions = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) positions *= shape[axis];
  const int64_t block = layout ? static_cast<const DnnlLayout&>(*layout).channel_block() : 1;
  if (block == 0) return std::nullopt;
  return ChannelView{shape[0], shape[1] / block, positions, block};
}

}  // namespace dn::cpu
