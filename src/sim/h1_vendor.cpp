#include "sim/h1_vendor.h"

#include <fmt/format.h>

#include <algorithm>

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
      result.response = vendor.refuse_request(request, Trouble::Throttled, draw);
      if (draw.retry_after_s > 0) {
        result.response.headers.emplace_back("Retry-After", fmt::format_int(draw.retry_after_s).str());
      }
      break;
    case Fault::ServerError:
      result.response = vendor.refuse_request(request, Trouble::ServerError, draw);
      break;
    case Fault::AuthFailure:
      result.response = vendor.refuse_request(request, Trouble::Unauthorized, draw);
      break;
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

net::HttpResponse H1Vendor::refuse_request(const net::HttpRequest&, Trouble trouble, const Draw& draw) {
  return refuse(trouble, draw);
}

bool H1Vendor::receive(std::string_view, std::string_view) { return false; }

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

std::size_t characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

net::HttpResponse json_response(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json;charset=utf-8"}},
          .body = std::move(body)};
}

}  // namespace carillon::sim
