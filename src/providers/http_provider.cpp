#include "providers/http_provider.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::providers {

using model::Outcome;
using model::OutcomeKind;

HttpProvider::HttpProvider(CommonOptions common, const Context& context, std::string name,
                           std::size_t in_flight_default)
    : common_(std::move(common)),
      clock_(*context.clock),
      callback_url_(context.callback_url),
      http_(net::HttpClient::open(context.executor)),
      calls_(context.executor, std::move(name), slots_of(common_, in_flight_default)) {}

void HttpProvider::send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) {
  for (Job* job : jobs) {
    if (calls_.begin([this, job, &sink, deadline] { return run(*job, sink, deadline); })) continue;
    sink.finished(*job, Outcome::not_sent("the integration is closing"));
  }
}

Task<void> HttpProvider::close(base::Deadline) {
  co_await calls_.close();
  co_await http_->close();
}

net::HttpCall HttpProvider::call_to(std::string_view tail) const {
  net::HttpCall call;
  call.url = common_.endpoint;
  call.url.append(tail);
  call.ca_file = common_.ca_file;
  return call;
}

Task<net::TransportResult<net::HttpResponse>> HttpProvider::ask(net::HttpCall call, base::Deadline deadline) {
  co_return co_await http_->call(std::move(call), deadline);
}

Task<TestReport> HttpProvider::try_out(net::HttpCall call, std::string vendor, std::string good,
                                       Outcome (*read)(const net::HttpResponse&, Time),
                                       base::Deadline deadline) {
  const auto response = co_await http_->call(std::move(call), deadline);
  if (!response) co_return TestReport{false, vendor + " could not be reached: " + response.error().detail};
  if (response->status == 200) co_return TestReport{true, std::move(good)};
  const Outcome outcome = read(*response, clock_.now());
  co_return TestReport{false, fmt::format("{} answered {}{}{}: {}", vendor, response->status,
                                          outcome.code.empty() ? "" : " ", outcome.code, outcome.detail)};
}

Task<void> HttpProvider::run(Job& job, JobSink& sink, base::Deadline deadline) {
  auto request = request_for(job);
  if (!request) {
    sink.finished(job, std::move(request.error()));
    co_return;
  }
  const auto response = co_await http_->call(std::move(*request), deadline);
  sink.finished(job, response ? understand(job, *response) : unanswered(job, response.error()));
}

Outcome HttpProvider::unanswered(const Job&, const net::TransportError& error) const {
  return outcome_of_failure(error);
}

Outcome outcome_of_failure(const net::TransportError& error) {
  switch (error.failure) {
    case net::SendFailure::NotSent: return Outcome::not_sent(error.detail);
    case net::SendFailure::Ambiguous: break;
  }
  return Outcome::ambiguous(error.detail);
}

Result<void> set_endpoint(CommonOptions& common, std::string_view vendors) {
  if (common.endpoint.empty()) common.endpoint = vendors;
  if (!net::parse_url(common.endpoint)) return fail(Errc::InvalidArgument, "endpoint is not a URL");
  while (common.endpoint.ends_with('/')) common.endpoint.pop_back();
  return {};
}

void heed_retry_after(Outcome& outcome, const net::HttpResponse& response, Time now, Millis pause) {
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (outcome.kind == OutcomeKind::Throttled) outcome.retry_after = pause;
  if (asked && (outcome.kind == OutcomeKind::Throttled || outcome.kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
}

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

Outcome too_long(std::string_view what, std::size_t size, std::size_t size_max, std::string_view unit) {
  return Outcome::of(
      OutcomeKind::Permanent, 0, "too_large",
      fmt::format("{} is {} {} too long: {} are allowed", what, size - size_max, unit, size_max));
}

std::size_t count_characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace carillon::providers
