#include "sim/twilio_callbacks.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/crypto.h"
#include "base/log.h"
#include "net/http.h"

namespace carillon::sim {
namespace {

constexpr auto kTimeout = std::chrono::seconds(15);  // Twilio's

}  // namespace

std::string twilio_signature(std::string_view auth_token, std::string_view url, Form form) {
  std::ranges::sort(form);
  const auto repeated = std::ranges::unique(form);
  form.erase(repeated.begin(), repeated.end());
  std::string message(url);
  for (const auto& [name, value] : form) message += name + value;
  return base::base64(base::hmac_sha1(auth_token, message));
}

TwilioCallbacks::TwilioCallbacks(boost::asio::io_context& context, base::Secret auth_token,
                                 std::string ca_file)
    : context_(context),
      auth_token_(std::move(auth_token)),
      ca_file_(std::move(ca_file)),
      wake_(context.get_executor()),
      client_(net::HttpClient::open(context.get_executor())) {
  gate_.spawn(context_.get_executor(), "callbacks", [this] { return run(); });
}

void TwilioCallbacks::post(Callback callback, Millis delay) {
  if (!gate_.enter()) return;
  const SteadyTime due = std::chrono::steady_clock::now() + delay;
  auto shared = std::make_shared<const Callback>(std::move(callback));
  boost::asio::post(context_, [this, due, shared = std::move(shared)]() mutable {
    if (!is_stopping_ && waiting_.size() < kWaitingMax) {
      waiting_.push({due, next_number_++, std::move(shared)});
      wake_.set();
    } else {
      failed_.fetch_add(1);
    }
    gate_.leave();
  });
}

void TwilioCallbacks::stop() {
  if (gate_.enter()) {
    boost::asio::post(context_, [this] {
      is_stopping_ = true;
      wake_.set();
      gate_.leave();
    });
  }
  gate_.wait(base::Deadline::never());
}

Task<void> TwilioCallbacks::run() {
  while (!is_stopping_) {
    const SteadyTime now = std::chrono::steady_clock::now();
    while (!waiting_.empty() && waiting_.top().due <= now && in_flight_ < kInFlightMax) {
      auto callback = waiting_.top().callback;
      waiting_.pop();
      ++in_flight_;
      if (!gate_.spawn(context_.get_executor(), "callback",
                       [this, callback = std::move(callback)] { return send(callback); })) {
        --in_flight_;
      }
    }
    const bool is_full = in_flight_ == kInFlightMax;
    const bool is_idle = waiting_.empty() || is_full;
    co_await wake_.wait(is_idle ? base::Deadline::never() : base::Deadline(waiting_.top().due));
  }
  waiting_ = {};
  co_await client_->close();
}

Task<void> TwilioCallbacks::send(std::shared_ptr<const Callback> callback) {
  net::HttpCall call;
  call.url = callback->url;
  call.request.method = "POST";
  call.request.headers = {
      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"User-Agent", "TwilioProxy/1.1"},
      {"I-Twilio-Idempotency-Token", base::hex(base::random_bytes(16))},
      {"X-Twilio-Signature", twilio_signature(auth_token_.reveal(), callback->url, callback->form)}};
  call.request.body = net::form_encode(callback->form);
  call.ca_file = ca_file_;
  const auto response = co_await client_->call(std::move(call), base::Deadline::after(kTimeout));
  const bool is_taken = response && response->status / 100 == 2;
  (is_taken ? delivered_ : failed_).fetch_add(1);
  if (!is_taken && !is_stopping_) {
    base::log_debug("a status callback was not taken: {}",
                    response ? "status " + std::to_string(response->status) : response.error().detail);
  }
  --in_flight_;
  wake_.set();
}

}  // namespace carillon::sim
