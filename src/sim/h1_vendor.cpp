#include "sim/h1_vendor.h"

#include <fmt/format.h>

#include "base/crypto.h"

namespace carillon::sim {

H1Answer answer(H1Vendor& vendor, Vendor which, Context& context, const net::HttpRequest& request) {
  using Trouble = H1Vendor::Trouble;
  const Draw draw = context.faults.draw(which);
  H1Answer result;
  switch (draw.fault) {
    case Fault::BlackHole: result.kind = H1Answer::Kind::Silent; break;
    case Fault::RefusedStream:
    case Fault::ResetBefore: result.kind = H1Answer::Kind::Reset; break;
    case Fault::Throttle:
      result.response = vendor.refuse(Trouble::Throttled, draw);
      if (draw.retry_after_s > 0) {
        result.response.headers.emplace_back("Retry-After", fmt::format_int(draw.retry_after_s).str());
      }
      break;
    case Fault::ServerError: result.response = vendor.refuse(Trouble::ServerError, draw); break;
    case Fault::AuthFailure: result.response = vendor.refuse(Trouble::Unauthorized, draw); break;
    case Fault::None: result = vendor.handle(request, draw); break;
    case Fault::ResetAfter:
      result = vendor.handle(request, draw);
      result.kind = H1Answer::Kind::Reset;
      break;
    case Fault::NoAnswer:
      result = vendor.handle(request, draw);
      result.kind = H1Answer::Kind::Silent;
      break;
  }
  result.delay += draw.latency;
  context.log->flush();
  return result;
}

std::string_view field(const Form& form, std::string_view key) noexcept {
  for (const auto& [name, value] : form) {
    if (name == key) return value;
  }
  return {};
}

std::optional<std::pair<std::string, std::string>> basic_credentials(const net::HttpRequest& request) {
  constexpr std::string_view kBasic = "Basic ";
  const std::string_view header = request.header("authorization");
  if (!header.starts_with(kBasic)) return std::nullopt;
  const auto text = base::unbase64(header.substr(kBasic.size()));
  if (!text) return std::nullopt;
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair{text->substr(0, colon), text->substr(colon + 1)};
}

net::HttpResponse json_response(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json;charset=utf-8"}},
          .body = std::move(body)};
}

}  // namespace carillon::sim
