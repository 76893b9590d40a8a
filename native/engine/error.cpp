#include "engine/error.h"

#include <cstring>
#include <new>

namespace dn {

namespace {

// Fixed and per thread: reporting that memory ran out must not need any.
constexpr int kTextBytes = 4096;
thread_local char last_error[kTextBytes] = "";

dn_status report(dn_status status, const char* message) noexcept {
  std::strncpy(last_error, message, kTextBytes - 1);
  last_error[kTextBytes - 1] = 0;
  return status;
}

}  // namespace

Error::~Error() = default;

dn_status handle_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return report(error.status(), error.what());
  } catch (const std::bad_alloc&) {
    return report(DN_OUT_OF_MEMORY, "the host is out of memory");
  } catch (const std::exception& error) {
    return report(DN_INTERNAL, error.what());
  } catch (...) {
    return report(DN_INTERNAL, "an exception of unknown type");
  }
}

}  // namespace dn

extern "C" const char* dn_last_error(void) {
  return dn::last_error;
}
