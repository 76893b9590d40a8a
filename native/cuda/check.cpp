#include "cuda/check.h"

namespace dn::cuda {

std::string error_text(cudaError_t error) {
  return text(cudaGetErrorString(error), " (", cudaGetErrorName(error), ")");
}

bool is_sticky(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

CudaError::CudaError(cudaError_t error, const std::string& what)
    : Error(is_sticky(error) ? DN_DEVICE_LOST : DN_VENDOR_ERROR,
            text(what, " failed: ", error_text(error))),
      error_(error) {}

}  // namespace dn::cuda
