#include "engine/tensor.h"

#include "engine/candidate.h"

namespace dn {

Layout::~Layout() = default;
Storage::~Storage() = default;
Event::~Event() = default;
Runner::~Runner() = default;
Device::~Device() = default;

bool same_layout(const LayoutRef& a, const LayoutRef& b) {
  if (a == b) return true;
  return a && b && a->equals(*b);
}

std::string name_of(const LayoutRef& layout) {
  return layout ? layout->name() : "row-major";
}

namespace {
void change_layout(Device& device, DType dtype, const Shape& shape, const LayoutRef& from,
                   void* source, const LayoutRef& to, void* destination) {
  auto kernel = device.change_layout(dtype, shape, from, to);
  kernel->run({&source, &destination, nullptr});
}
}  // namespace

Tensor::Tensor(std::shared_ptr<Device> device, DType dtype, const Shape& shape)
    : device_(std::move(device)),
      dtype_(dtype),
      shape_(shape),
      storage_(device_->allocate(bytes(), purpose())) {}

Tensor::Tensor(std::shared_ptr<Device> device, DType dtype, const Shape& shape, void* data,
               int64_t given_bytes)
    : device_(std::move(device)), dtype_(dtype), shape_(shape), wrapped_(true) {
  require(data != nullptr || bytes() == 0, "data is null for a tensor of ", bytes(), " bytes");
  require(given_bytes >= bytes(), "the memory has ", given_bytes, " bytes, but ", shape, " of ",
          name_of(dtype), " takes ", bytes());
  storage_ = device_->wrap(data, given_bytes);
}

std::string Tensor::purpose() const {
  return text("tensor ", name_.empty() ? "" : text("'", name_, "' "), dn::name_of(dtype_), " ",
              shape_);
}

void Tensor::set_name(const std::string& name) {
  if (name.empty() || !name_.empty()) return;
  name_ = name;
  storage_->rename(purpose());
  if (staging_) staging_->rename(text("staging of ", purpose()));
}

void Tensor::set_layout(const LayoutRef& layout) {
  if (same_layout(layout_, layout)) return;
  if (pinned_ || wrapped_)
    fail(DN_INTERNAL, "the layout of a ", wrapped_ ? "wrapped" : "pinned", " tensor cannot change");
  auto storage = device_->allocate(layout ? layout->bytes() : bytes(), purpose());
  change_layout(*device_, dtype_, shape_, layout_, storage_->data(), layout, storage->data());
  storage_ = std::move(storage);
  layout_ = layout;
}

void Tensor::check_bytes(int64_t given) const {
  require(given == bytes(), "the host buffer has ", given, " bytes, but the tensor ", shape_,
          " of ", name_of(dtype_), " has ", bytes());
}

Storage& Tensor::staging() {
  if (!staging_) staging_ = device_->allocate(bytes(), text("staging of ", purpose()));
  return *staging_;
}

void Tensor::write(const void* host, int64_t given, bool blocking) {
  check_bytes(given);
  if (given == 0) return;
  require(host != nullptr, "data is null");
  if (!layout_) return device_->write(data(), host, given, blocking);
  Storage& row_major = staging();
  device_->write(row_major.data(), host, given, blocking);
  change_layout(*device_, dtype_, shape_, nullptr, row_major.data(), layout_, data());
  if (blocking) device_->synchronize();
}

void Tensor::read(void* host, int64_t given, bool blocking) {
  check_bytes(given);
  if (given == 0) return;
  require(host != nullptr, "data is null");
  if (!layout_) return device_->read(host, data(), given, blocking);
  Storage& row_major = staging();
  change_layout(*device_, dtype_, shape_, layout_, data(), nullptr, row_major.data());
  device_->read(host, row_major.data(), given, blocking);
}

void Tensor::copy_from(Tensor& source) {
  require(source.device_ == device_, "the tensors are on different devices");
  if (!(source.shape_ == shape_) || source.dtype_ != dtype_)
    fail(DN_SHAPE_MISMATCH, "cannot copy ", source.shape_, " of ", name_of(source.dtype_), " into ",
         shape_, " of ", name_of(dtype_));
  if (bytes() == 0 || &source == this) return;
  if (same_layout(layout_, source.layout_))
    device_->copy(data(), source.data(), physical_bytes());
  else
    change_layout(*device_, dtype_, shape_, source.layout_, source.data(), layout_, data());
}

void Tensor::zero() {
  if (bytes() != 0) device_->zero(data(), physical_bytes());
}

}  // namespace dn
