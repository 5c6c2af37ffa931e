#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace carillon {

std::string_view name(Errc code) noexcept {
  switch (code) {
    case Errc::InvalidArgument: return "invalid_argument";
    case Errc::NotFound: return "not_found";
    case Errc::AlreadyExists: return "already_exists";
    case Errc::Conflict: return "conflict";
    case Errc::FailedPrecondition: return "failed_precondition";
    case Errc::Unauthenticated: return "unauthenticated";
    case Errc::PermissionDenied: return "permission_denied";
    case Errc::ResourceExhausted: return "resource_exhausted";
    case Errc::Unavailable: return "unavailable";
    case Errc::DeadlineExceeded: return "deadline_exceeded";
    case Errc::Cancelled: return "cancelled";
    case Errc::Corruption: return "corruption";
    case Errc::Internal: return "internal";
  }
  return "unknown";
}

void assertion_failed(const char* what, std::source_location where) noexcept {
  std::fprintf(stderr, "%s:%u: assertion failed: %s (in %s)\n", where.file_name(), where.line(), what,
               where.function_name());
  std::abort();
}

}  // namespace carillon
