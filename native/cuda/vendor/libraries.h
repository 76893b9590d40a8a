// NVIDIA's libraries for one device, each opened when first asked for; absence is normal.
#pragma once

#include <memory>
#include <mutex>

#include "cuda/vendor/cublas.h"
#include "cuda/vendor/cudnn.h"
#include "cuda/vendor/nvrtc.h"

namespace dn::cuda::vendor {

class Libraries {
 public:
  // With the device current. Null when there is no usable one, with the reason.
  Cublas* cublas(std::string& reason) { return cublas_.get(reason); }
  CublasLt* cublas_lt(std::string& reason) { return cublas_lt_.get(reason); }
  Cudnn* cudnn(std::string& reason) { return cudnn_.get(reason); }
  Nvrtc* nvrtc(std::string& reason) { return nvrtc_.get(reason); }

 private:
  template <typename Library>
  class Lazy {
   public:
    Library* get(std::string& reason) {
      const std::lock_guard lock(mutex_);
      if (!asked_) {
        asked_ = true;
        try {
          library_ = std::make_unique<Library>();
        } catch (const Error& error) {
          reason_ = error.what();
        }
      }
      if (!library_) reason = reason_;
      return library_.get();
    }

   private:
    std::mutex mutex_;
    bool asked_ = false;
    std::string reason_;
    std::unique_ptr<Library> library_;
  };

  Lazy<Cublas> cublas_;
  Lazy<CublasLt> cublas_lt_;
  Lazy<Cudnn> cudnn_;
  Lazy<Nvrtc> nvrtc_;
};

}  // namespace dn::cuda::vendor
