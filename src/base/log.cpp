#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "base/error.h"
#include "base/json.h"

namespace carillon::base {
namespace {

constexpr std::size_t kMaxMessageBytes = 16 * 1024;  // the rest is cut off

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::Debug: return spdlog::level::debug;
    case LogLevel::Info: return spdlog::level::info;
    case LogLevel::Warn: return spdlog::level::warn;
    case LogLevel::Error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

struct Log {
  Log(LogLevel level_wanted, LogFormat format) : level(level_wanted) {
    is_json = format == LogFormat::Json || (format == LogFormat::Auto && ::isatty(STDERR_FILENO) == 0);
    spdlog::sink_ptr sink;
    std::string pattern;
    if (is_json) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
      pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})";
    } else {
      sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
      pattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v";
    }
    logger = std::make_unique<spdlog::logger>("carillon", std::move(sink));
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
  }
  LogLevel level;
  bool is_json = false;
  std::unique_ptr<spdlog::logger> logger;
};

// The logger is the one thing of a process that may be used before main and after it: never freed.
std::atomic<Log*>& instance() {
  static std::atomic<Log*> log{new Log(LogLevel::Info, LogFormat::Auto)};
  return log;
}

// Line breaks, escape sequences and C1 controls (two bytes in UTF-8) become visible text.
std::string escape_controls(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto c = static_cast<unsigned char>(message[i]);
    const auto next = i + 1 < message.size() ? static_cast<unsigned char>(message[i + 1]) : 0U;
    if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
    } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", next);
      ++i;
    } else {
      out += message[i];
    }
  }
  return out;
}

}  // namespace

void log_setup(LogLevel level, LogFormat format) { delete instance().exchange(new Log(level, format)); }

bool log_enabled(LogLevel level) noexcept {
  return level >= instance().load(std::memory_order_relaxed)->level;
}

void log_write(LogLevel level, std::string_view message) {
  const Log& log = *instance().load();
  if (level < log.level) return;
  std::string line;
  if (message.size() > kMaxMessageBytes) message = message.substr(0, kMaxMessageBytes);
  if (log.is_json) {
    append_json_string(line, message);
  } else {
    line = escape_controls(to_valid_utf8(message));
  }
  log.logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace carillon::base
