// Twilio Voice as the simulator plays it: Calls.json with TwiML in the request (PROVIDERS §3.10).
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "sim/context.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {

// Thread-safe.
class TwilioCalls {
 public:
  struct Refusal {
    int status = 0;  // 0: not refused
    int code = 0;
    std::string_view message;
  };
  // Signs a form post of this account to a URL.
  using Sign = std::function<Callback(const std::string& url, const Form& form)>;

  TwilioCalls(Stage& stage, Sign sign)
      : context_(stage.context), callbacks_(stage.callbacks), sign_(std::move(sign)) {}

  // POST. With a refusal the answer means nothing.
  [[nodiscard]] H1Answer create(const net::HttpRequest& request, const Draw& draw, Refusal& refusal);
  [[nodiscard]] net::HttpResponse list();  // GET

 private:
  struct Call {
    std::string sid, to, from, callback;
    std::vector<std::string> events;
    bool is_detecting = false;
  };
  [[nodiscard]] Refusal check(const Form& form) const;
  [[nodiscard]] std::string json(const Call& call) const;
  void report(const Call& call, bool is_bouncing);

  Context& context_;
  Callbacks& callbacks_;
  const Sign sign_;
  std::mutex mutex_;
  std::deque<std::string> calls_;  // as JSON, newest first
};

}  // namespace carillon::sim
