// Failures inside the engine, and the door through which they leave it.
#pragma once

#include <deepnative.h>

#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace dn {

class DN_API Error : public std::exception {
 public:
  Error(dn_status status, std::string text) : status_(status), text_(std::move(text)) {}
  ~Error() override;
  dn_status status() const { return status_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  dn_status status_;
  std::string text_;
};

// Joins its arguments into one text.
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <typename... Parts>
[[noreturn]] void fail(dn_status status, const Parts&... parts) {
  throw Error(status, text(parts...));
}

template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(DN_INVALID_ARGUMENT, parts...);
}

// Turns the exception being handled into a status, and its text into this thread's last error.
DN_API dn_status handle_current_exception() noexcept;

// The body of every exported function: no exception crosses the C ABI.
template <typename Body>
dn_status guard(Body&& body) noexcept {
  try {
    body();
    return DN_OK;
  } catch (...) {
    return handle_current_exception();
  }
}

}  // namespace dn
