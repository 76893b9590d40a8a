// A tensor in device memory: logical shape outside, the device's own layout inside.
#pragma once

#include "engine/device.h"

namespace dn {

class DN_API Tensor {
 public:
  Tensor(std::shared_ptr<Device> device, DType dtype, const Shape& shape);
  Tensor(std::shared_ptr<Device> device, DType dtype, const Shape& shape, void* data,
         int64_t bytes);

  const std::shared_ptr<Device>& device() const { return device_; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t bytes() const { return shape_.numel() * size_of(dtype_); }
  int64_t physical_bytes() const { return layout_ ? layout_->bytes() : bytes(); }
  bool wrapped() const { return wrapped_; }
  const LayoutRef& layout() const { return layout_; }
  void* data() const { return storage_->data(); }

  // A program that was compiled with this tensor holds its address and layout: from then on both
  // are fixed.
  bool pinned() const { return pinned_; }
  void pin() { pinned_ = true; }
  // Rearranges the elements; only before pin().
  void set_layout(const LayoutRef& layout);
  // The name under which a program binds it; the first one stays.
  void set_name(const std::string& name);

  void write(const void* host, int64_t bytes, bool blocking);
  void read(void* host, int64_t bytes, bool blocking);
  void copy_from(Tensor& source);
  void zero();

 private:
  void check_bytes(int64_t bytes) const;
  std::string purpose() const;
  // The same elements in row-major order, in memory kept for such transfers.
  Storage& staging();

  std::shared_ptr<Device> device_;
  DType dtype_;
  Shape shape_;
  std::string name_;
  LayoutRef layout_;
  std::shared_ptr<Storage> storage_;
  std::shared_ptr<Storage> staging_;
  bool wrapped_ = false;
  bool pinned_ = false;
};

}  // namespace dn
