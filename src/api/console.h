// The console: the files of web/dist, which are part of the program (tools/embed_console.py).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "api/call.h"

namespace carillon::api {

struct ConsoleFile {
  std::string_view path;                 // "/", "/assets/index-B9f2.js"
  std::string_view type;                 // Content-Type
  std::string_view hash;                 // of the plain bytes, for ETag
  std::string_view plain, gzip, brotli;  // the same content; empty where that is no shorter
  bool is_hashed = false;                // another content has another name: to be kept for ever
};
// Made at build time; empty when the program was built without the console.
[[nodiscard]] std::span<const ConsoleFile> console_files() noexcept;
// nullptr: there is no such file.
[[nodiscard]] const ConsoleFile* find_console_file(std::string_view path) noexcept;

// The file in the form the browser takes, or 304 when it has that, with the security headers of the console.
[[nodiscard]] Reply console_reply(const ConsoleFile& file, const net::HttpRequest& request, bool is_secure);

}  // namespace carillon::api
