#include "api/cors.h"

#include <algorithm>

namespace carillon::api {
namespace {

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";
constexpr std::string_view kAllowedHeaders =
    "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id";
constexpr std::string_view kExposedHeaders = "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";
constexpr std::string_view kPreflightKept = "600";  // seconds

bool lists(const pipeline::ProjectView& view, std::string_view origin) {
  return std::ranges::find(view.settings.cors_origins, origin) != view.settings.cors_origins.end();
}

bool is_listed_anywhere(const pipeline::Snapshot& snapshot, std::string_view origin) {
  return !origin.empty() && std::ranges::any_of(snapshot.projects, [&](const auto& entry) {
    return lists(*entry.second, origin);
  });
}

}  // namespace

bool is_cross_site(const net::HttpRequest& request) {
  return request.header("Sec-Fetch-Site") == "cross-site" && request.method != "GET" &&
         request.method != "HEAD";
}

void answer_preflight(const Router::Path& path, const net::HttpRequest& request,
                      const pipeline::Snapshot& snapshot, net::Headers& headers) {
  std::string methods;
  for (const Route* route : path.routes) {
    if (route->access.is_for_clients()) methods.append(methods.empty() ? "" : ", ").append(route->method);
  }
  if (methods.empty()) return;
  headers.emplace_back("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  const std::string_view origin = request.header("Origin");
  if (!is_listed_anywhere(snapshot, origin)) return;
  headers.emplace_back(kAllowOrigin, origin);
  headers.emplace_back("Access-Control-Allow-Methods", std::move(methods));
  headers.emplace_back("Access-Control-Allow-Headers", kAllowedHeaders);
  headers.emplace_back("Access-Control-Max-Age", kPreflightKept);
}

void begin_cors(Call& call) {
  if (!call.route->access.is_for_clients()) return;
  call.extra.emplace_back("Vary", "Origin");
  const std::string_view origin = call.request.header("Origin");
  if (!is_listed_anywhere(*call.snapshot, origin)) return;
  call.extra.emplace_back(kAllowOrigin, origin);
  call.extra.emplace_back("Access-Control-Expose-Headers", kExposedHeaders);
}

std::optional<Failure> settle_cors(Call& call) {
  if (!call.route->access.is_for_clients()) return std::nullopt;
  const bool is_client = call.who.who == Who::Client || call.who.who == Who::Publishable;
  if (is_client && lists(call.view(), call.request.header("Origin"))) return std::nullopt;
  std::erase_if(call.extra, [](const auto& header) { return header.first.starts_with("Access-Control-"); });
  if (!is_cross_site(call.request)) return std::nullopt;
  return Failure(403, "cross_site",
                 "a page of another site may not call this; list its origin in cors_origins of /v1/settings");
}

}  // namespace carillon::api
