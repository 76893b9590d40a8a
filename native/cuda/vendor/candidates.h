// What the candidates of NVIDIA's libraries share. They stand behind the engine's own kernels, so
// that without a race nothing depends on what is installed.
#pragma once

#include "cuda/candidates.h"
#include "cuda/vendor/libraries.h"

namespace dn::cuda::vendor {

constexpr int kPreference = 1000;

template <typename Library>
using Getter = Library* (Libraries::*)(std::string& reason);

// The library for the view's device; null with the reason.
template <typename Library>
Library* find_library(const CompileView& view, Getter<Library> get, std::string& reason) {
  CudaDevice& device = device_of(view);
  return device.ordered("", [&] { return (device.libraries().*get)(reason); });
}

template <typename Library>
class VendorCandidate : public Candidate {
 public:
  VendorCandidate(const char* name, int kind, Getter<Library> get)
      : name_(name), kind_(kind), get_(get) {}

  std::string name() const override { return name_; }
  int kind() const override { return kind_; }
  int preference() const override { return kPreference; }
  bool costly() const override { return true; }
  std::string version(const CompileView& view) const override {
    std::string reason;
    const Library* library = find_library(view, get_, reason);
    return library ? library->version() : "";
  }
  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    reason = refuse(view, first);
    Library* library = reason.empty() ? find_library(view, get_, reason) : nullptr;
    if (!library) return {};
    try {
      device_of(view).ordered("", [&] { try_out(view, first, *library); });
    } catch (const Error& error) {
      if (error.status() != DN_UNSUPPORTED) throw;
      reason = error.what();
      return {};
    }
    return {first};
  }
  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    std::string reason;
    Library* library = find_library(view, get_, reason);
    require(library != nullptr, name_, ": ", reason);
    return device_of(view).ordered(name_, [&] { return plan(view, operators[0], *library); });
  }

 protected:
  // Why it cannot do it, whatever is installed.
  virtual std::string refuse(const CompileView& view, int op) const = 0;
  // Throws DN_UNSUPPORTED when this library cannot do it on this device.
  virtual void try_out(const CompileView&, int, Library&) const {}
  virtual KernelPlan plan(const CompileView& view, int op, Library& library) const = 0;

 private:
  const char* name_;
  int kind_;
  Getter<Library> get_;
};

}  // namespace dn::cuda::vendor
