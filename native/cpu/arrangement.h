// The order of an activation's axes in memory, for operators that move whole axes.
#pragma once

#include "cpu/candidates.h"
#include "engine/moved_axes.h"

namespace dn::cpu {

struct Arrangement {
  LayoutRef layout;  // null: row-major
  enum { RowMajor, ChannelsLast, ChannelBlocks } kind = RowMajor;
  int64_t block = 1;  // of ChannelBlocks
};

// The arrangement in which a tensor exists, where it is one of these; else row-major.
inline Arrangement arrangement_of(const CompileView& view, int tensor) {
  const LayoutRef layout = channel_layout(view, tensor);
  if (!layout) return {};
  const auto& dnnl = static_cast<const DnnlLayout&>(*layout);
  if (dnnl.name()[1] == 'C') return {layout, Arrangement::ChannelBlocks, dnnl.channel_block()};
  return {layout, Arrangement::ChannelsLast};
}

// The axes in the order of memory. False where the channels do not move in whole blocks.
inline bool arrange(MovedAxes& axes, const Arrangement& arrangement) {
  if (arrangement.kind == Arrangement::ChannelsLast) put_channels_last(axes);
  if (arrangement.kind != Arrangement::ChannelBlocks) return true;
  MovedAxis& c = axes[1];
  const int64_t block = arrangement.block;
  if (c.x % block || c.y % block || c.begin % block || c.end % block || c.step != 1) return false;
  c = {c.x / block, c.y / block, c.begin / block, c.end / block, 1};
  axes.push_back({block, block, 0, 0, 1});
  return true;
}

}  // namespace dn::cpu
