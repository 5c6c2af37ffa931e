#include "sim/callbacks.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>

#include "base/log.h"

namespace carillon::sim {
namespace {

constexpr auto kTimeout = std::chrono::seconds(15);  // Twilio's

bool chance(double share) {
  if (share <= 0) return false;
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random) < share;
}

}  // namespace

Callbacks::Callbacks(boost::asio::io_context& context, CallbackOptions options)
    : context_(context),
      options_(std::move(options)),
      wake_(context.get_executor()),
      client_(net::HttpClient::open(context.get_executor())) {
  gate_.spawn(context_.get_executor(), "callbacks", [this] { return run(); });
}

void Callbacks::tell(std::vector<Callback> steps) {
  const bool is_reordered = chance(options_.reorder);
  const std::size_t count = steps.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (chance(options_.loss)) continue;
    const Millis delay = options_.step * static_cast<int>(is_reordered ? count - i : i + 1);
    if (chance(options_.duplicate)) post(steps[i], delay);
    post(std::move(steps[i]), delay);
  }
}

void Callbacks::post(Callback callback, Millis delay) {
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

void Callbacks::stop() {
  if (gate_.enter()) {
    boost::asio::post(context_, [this] {
      is_stopping_ = true;
      wake_.set();
      gate_.leave();
    });
  }
  gate_.wait(base::Deadline::never());
}

Task<void> Callbacks::run() {
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

Task<void> Callbacks::send(std::shared_ptr<const Callback> callback) {
  net::HttpCall call;
  call.url = callback->url;
  call.request.method = callback->method;
  call.request.headers = callback->headers;
  call.request.body = callback->body;
  call.ca_file = options_.ca_file;
  const auto response = co_await client_->call(std::move(call), base::Deadline::after(kTimeout));
  const bool is_taken = response && response->status / 100 == 2;
  (is_taken ? delivered_ : failed_).fetch_add(1);
  if (!is_taken && !is_stopping_) {
    base::log_debug("a callback was not taken: {}",
                    response ? "status " + std::to_string(response->status) : response.error().detail);
  }
  --in_flight_;
  wake_.set();
}

}  // namespace carillon::sim
