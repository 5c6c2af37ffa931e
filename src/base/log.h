// The process log: one line per event on standard error, text on a terminal, JSON elsewhere.
//
// Logs speak of problems and of life-cycle events, never per delivery. Values with control
// characters are escaped, so that input cannot forge a line. Thread-safe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace carillon::base {

enum class LogLevel { Debug, Info, Warn, Error };
enum class LogFormat { Auto, Text, Json };

// Called once by the composition root, before threads start.
void log_setup(LogLevel level, LogFormat format);
bool log_enabled(LogLevel level) noexcept;
void log_write(LogLevel level, std::string_view message);

template <class... A>
void log_debug(fmt::format_string<A...> f, A&&... a) {
  if (log_enabled(LogLevel::Debug)) log_write(LogLevel::Debug, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_info(fmt::format_string<A...> f, A&&... a) {
  if (log_enabled(LogLevel::Info)) log_write(LogLevel::Info, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_warn(fmt::format_string<A...> f, A&&... a) {
  log_write(LogLevel::Warn, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_error(fmt::format_string<A...> f, A&&... a) {
  log_write(LogLevel::Error, fmt::format(f, std::forward<A>(a)...));
}

}  // namespace carillon::base
