#include "api/console.h"

#include <algorithm>

namespace carillon::api {
namespace {

// Mantine writes style elements of its own; scripts are files of this origin only. Pictures of messages are
// anywhere.
constexpr std::string_view kPolicy =
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
constexpr std::string_view kForAYear = "max-age=31536000";
constexpr std::string_view kKept = "public, max-age=31536000, immutable";

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Whether a list of encodings has this one, and not with q=0 (RFC 9110 §12.5.3).
bool accepts(std::string_view list, std::string_view encoding) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const std::size_t semicolon = std::min(entry.find(';'), entry.size());
    if (trimmed(entry.substr(0, semicolon)) != encoding) continue;
    std::string_view weight = trimmed(entry.substr(std::min(semicolon + 1, entry.size())));
    if (!weight.starts_with("q=")) return true;
    weight.remove_prefix(2);
    return weight.find_first_not_of("0.") != std::string_view::npos;
  }
  return false;
}

// If-None-Match is a list, or *; W/ makes no difference here (RFC 9110 §13.1.2).
bool has_etag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view entry = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (entry == "*") return true;
    if (entry.starts_with("W/")) entry.remove_prefix(2);
    if (entry == etag) return true;
  }
  return false;
}

void add_page_headers(net::Headers& headers, bool is_secure) {
  headers.emplace_back("Content-Security-Policy", kPolicy);
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("X-Frame-Options", "DENY");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  headers.emplace_back("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
  if (is_secure) headers.emplace_back("Strict-Transport-Security", kForAYear);
}

}  // namespace

const ConsoleFile* find_console_file(std::string_view path) noexcept {
  const auto files = console_files();
  const auto it = std::ranges::find(files, path, &ConsoleFile::path);
  return it == files.end() ? nullptr : &*it;
}

Reply console_reply(const ConsoleFile& file, const net::HttpRequest& request, bool is_secure) {
  const std::string_view accepted = request.header("Accept-Encoding");
  std::string_view content = file.plain, encoding;
  if (!file.brotli.empty() && accepts(accepted, "br")) {
    content = file.brotli;
    encoding = "br";
  } else if (!file.gzip.empty() && accepts(accepted, "gzip")) {
    content = file.gzip;
    encoding = "gzip";
  }
  const std::string etag = fmt::format("\"{}{}{}\"", file.hash, encoding.empty() ? "" : "-", encoding);
  Reply reply;
  reply.content_type = std::string(file.type);
  reply.headers.emplace_back("ETag", etag);
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  reply.headers.emplace_back("Cache-Control", file.is_hashed ? kKept : "no-cache");
  add_page_headers(reply.headers, is_secure);
  if (has_etag(request.header("If-None-Match"), etag)) {
    reply.status = 304;
    return reply;
  }
  if (!encoding.empty()) reply.headers.emplace_back("Content-Encoding", encoding);
  reply.body = std::string(content);
  return reply;
}

}  // namespace carillon::api
