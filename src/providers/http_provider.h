// A provider that asks over HTTP/1.1, one request for each message: all of it but the request and what its
// answer means.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "providers/calls.h"
#include "providers/provider.h"

namespace carillon::providers {

class HttpProvider : public Provider {
 public:
  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) final;
  [[nodiscard]] std::size_t free_slots() const noexcept final { return calls_.free(); }
  Task<void> close(base::Deadline deadline) override;

 protected:
  // `name`: of its tasks in logs. `common.endpoint`: as set_endpoint() left it.
  HttpProvider(CommonOptions common, const Context& context, std::string name, std::size_t in_flight_default);

  // The request for a message, or what becomes of it without asking (it is too long).
  [[nodiscard]] virtual std::expected<net::HttpCall, model::Outcome> request_for(const Job& job) const = 0;
  // What the answer to it means.
  [[nodiscard]] virtual model::Outcome understand(const Job& job,
                                                  const net::HttpResponse& response) const = 0;
  // It was not answered. By default what that means is all the same for the account.
  [[nodiscard]] virtual model::Outcome unanswered(const Job& job, const net::TransportError& error) const;

  // A request to `tail` (path and query) below the endpoint, trusting the configured certificates.
  [[nodiscard]] net::HttpCall call_to(std::string_view tail) const;
  Task<net::TransportResult<net::HttpResponse>> ask(net::HttpCall call, base::Deadline deadline);
  // Asks and reports: 200 is `good`; else what `read` makes of the answer. `vendor`: "Twilio".
  Task<TestReport> try_out(net::HttpCall call, std::string vendor, std::string good,
                           model::Outcome (*read)(const net::HttpResponse&, Time), base::Deadline deadline);
  [[nodiscard]] Time now() const { return clock_.now(); }
  [[nodiscard]] const std::string& callback_base() const noexcept { return callback_url_; }

 private:
  Task<void> run(Job& job, JobSink& sink, base::Deadline deadline);

  const CommonOptions common_;
  const base::Clock& clock_;
  const std::string callback_url_;
  const std::unique_ptr<net::HttpClient> http_;
  Calls calls_;
};

// What a request that was not answered means for its message.
[[nodiscard]] model::Outcome outcome_of_failure(const net::TransportError& error);

// Puts the vendor's endpoint where none is set and takes slashes off its end. Errors: InvalidArgument.
Result<void> set_endpoint(CommonOptions& common, std::string_view vendors);

// When to come back, of what was throttled or failed for now: what the answer says, else `pause` where it was
// throttled.
void heed_retry_after(model::Outcome& outcome, const net::HttpResponse& response, Time now, Millis pause);

// What an HTTP status alone means where the vendor's own code says nothing: 429 throttled, 401 and 403
// misconfigured, 408 and 503 temporary, other 5xx ambiguous, the rest permanent.
[[nodiscard]] model::OutcomeKind kind_of_status(int status) noexcept;

// What to say of a message that is above a limit: "the text is 12 characters too long: 1000 are allowed".
[[nodiscard]] model::Outcome too_long(std::string_view what, std::size_t size, std::size_t size_max,
                                      std::string_view unit = "bytes");

// Characters of valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view utf8) noexcept;

}  // namespace carillon::providers
