// Expected failures of our own code: what went wrong and whether trying again can help.
//
// A provider that refuses a message is not an Error, it is a `model::Outcome`. Exceptions are left
// for allocation, programmer errors and third-party constructors; they are caught in `main`, in the
// request handler and in the worker task only.
#pragma once

#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

// The code answers one question: may the caller try again, and at which level?
enum class Errc : std::uint8_t {
  InvalidArgument,    // the input is wrong; do not retry until it is changed
  NotFound,           // no such object
  AlreadyExists,      // an object of that key exists
  Conflict,           // somebody else changed it first; redo the whole transaction
  FailedPrecondition, // the system is not in a state for this; do not retry until it is
  Unauthenticated,    // credential missing or wrong
  PermissionDenied,   // credential known, right missing
  ResourceExhausted,  // a limit is reached; slow down, then retry the call
  Unavailable,        // a dependency is away; retry the call later
  DeadlineExceeded,   // time ran out; the effect is unknown
  Cancelled,          // we are stopping
  Corruption,         // stored bytes do not make sense; a person has to look
  Internal,           // our bug
};

// The name as it appears in logs: "invalid_argument".
std::string_view name(Errc code) noexcept;

struct Error {
  Errc code = Errc::Internal;
  std::string message;  // tells the reader what to change; never holds a secret
  std::source_location where = std::source_location::current();
};

template <class T>
using Result = std::expected<T, Error>;

// Makes the unexpected value of a Result. `message` says what to change.
[[nodiscard]] inline std::unexpected<Error> fail(
    Errc code, std::string message,
    std::source_location where = std::source_location::current()) {
  return std::unexpected<Error>(Error{code, std::move(message), where});
}

// Prints `what` with its place and aborts. Called by CARILLON_ASSERT.
[[noreturn]] void assertion_failed(const char* what, std::source_location where) noexcept;

}  // namespace carillon

// Checks for our own bugs, never for input. Active in every build.
#define CARILLON_ASSERT(condition)                                                       \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::carillon::assertion_failed(#condition, std::source_location::current());         \
  } while (false)

#define CARILLON_DETAIL_CAT2(a, b) a##b
#define CARILLON_DETAIL_CAT(a, b) CARILLON_DETAIL_CAT2(a, b)
#define CARILLON_DETAIL_TRY(return_, tmp, target, ...)             \
  auto tmp = (__VA_ARGS__);                                        \
  if (!tmp) [[unlikely]] return_ std::unexpected(std::move(tmp).error()); \
  target = std::move(*tmp)
#define CARILLON_DETAIL_CHECK(return_, tmp, ...) \
  if (auto tmp = (__VA_ARGS__); !tmp) [[unlikely]] return_ std::unexpected(std::move(tmp).error())

// CARILLON_TRY(auto x, f());  assigns the value of f() or returns its error from this function.
#define CARILLON_TRY(target, ...) \
  CARILLON_DETAIL_TRY(return, CARILLON_DETAIL_CAT(try_, __LINE__), target, __VA_ARGS__)
// The same inside a coroutine: CARILLON_CO_TRY(auto x, co_await f());
#define CARILLON_CO_TRY(target, ...) \
  CARILLON_DETAIL_TRY(co_return, CARILLON_DETAIL_CAT(try_, __LINE__), target, __VA_ARGS__)
// CARILLON_CHECK(f());  for a Result whose value is not wanted.
#define CARILLON_CHECK(...) \
  CARILLON_DETAIL_CHECK(return, CARILLON_DETAIL_CAT(try_, __LINE__), __VA_ARGS__)
#define CARILLON_CO_CHECK(...) \
  CARILLON_DETAIL_CHECK(co_return, CARILLON_DETAIL_CAT(try_, __LINE__), __VA_ARGS__)
