// What vendors report: each integration has an address of its own, and its provider checks who calls.
#include "api/router.h"
#include "providers/provider.h"

namespace carillon::api {
namespace {

constexpr std::size_t kBodyMax = 4U << 20;  // bytes; Mandrill posts up to 1,000 events at once

// The URL as the vendor was told it, which is what signatures cover.
std::string called_url(const Call& call) {
  const std::string& base = call.options.public_url;
  if (!base.empty()) return base + call.request.target;
  return fmt::format("http://{}{}", call.request.header("Host"), call.request.target);
}

Failure failure_of(const Error& error) {
  switch (error.code) {
    case Errc::Unauthenticated: return Failure(403, "forged_callback", error.message);
    case Errc::InvalidArgument: return Failure(400, "invalid_callback", error.message);
    case Errc::NotFound: return Failure(404, "not_found", error.message);
    case Errc::AlreadyExists:
    case Errc::Conflict:
    case Errc::FailedPrecondition:
    case Errc::PermissionDenied:
    case Errc::ResourceExhausted:
    case Errc::Unavailable:
    case Errc::DeadlineExceeded:
    case Errc::Cancelled:
    case Errc::Corruption:
    case Errc::Internal: break;
  }
  return Failure(error);
}

Task<Answer> take(Call& call) {
  if (call.deps.pipeline == nullptr) co_return failed(503, "not_running", "the server is stopped");
  pipeline::CallbackFrom from{.provider = call.args[0], .integration = call.args[1]};
  if (call.has_param("project")) {
    const auto found = call.snapshot->project_ids.find(std::string(call.param("project")));
    if (found == call.snapshot->project_ids.end()) co_return std::unexpected(not_found("such project"));
    from.project = found->second;
  }
  providers::CallbackRequest request{.method = call.request.method,
                                     .url = called_url(call),
                                     .headers = call.request.headers,
                                     .body = std::move(call.request.body),
                                     .now = call.now};
  auto reading = co_await call.deps.pipeline->callback(std::move(from), std::move(request));
  if (!reading) co_return std::unexpected(failure_of(reading.error()));
  Reply reply;
  reply.status = reading->status;
  reply.body = std::move(reading->body);
  if (!reading->content_type.empty()) reply.content_type = std::move(reading->content_type);
  co_return reply;
}

constexpr Route route(std::string_view method, std::string_view summary) {
  return {.method = method,
          .pattern = "/v1/callbacks/{provider}/{integration}",
          .access = kOpen,
          .handler = take,
          .tag = "Callbacks",
          .summary = summary,
          .query = kAnyQuery,
          .body_max = kBodyMax,
          .content_type = "*/*"};  // as the vendor wants it
}

}  // namespace

std::span<const Route> callback_routes() {
  static const Route kRoutes[] = {
      route("GET", "A vendor checks the address, or reports with a query"),
      route("POST", "A vendor reports what became of messages, signed as that vendor signs"),
  };
  return kRoutes;
}

}  // namespace carillon::api
