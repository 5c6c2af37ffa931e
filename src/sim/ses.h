// Amazon SES, and the SNS topic its events go to, as the simulator plays them (PROVIDERS §11.1).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/http.h"
#include "sim/h1_vendor.h"
#include "sim/mail_vendor.h"

namespace carillon::sim {

// Thread-safe.
class Ses final : public H1Vendor {
 public:
  static constexpr std::size_t kPendingMax = 10'000;  // events kept until their URL is confirmed

  explicit Ses(Stage& stage);

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override;
  void describe(base::JsonWriter& out) const override;

 private:
  struct Refusal {
    int status = 0;  // 0: not refused
    std::string_view type, message;
  };
  // A URL subscribed to the topic.
  struct Subscription {
    std::string token;
    bool is_confirmed = false;
    std::vector<std::vector<Callback>> pending;
  };
  [[nodiscard]] Refusal check_signature(const net::HttpRequest& request) const;
  [[nodiscard]] H1Answer send(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] net::HttpResponse confirm(std::string_view query);
  [[nodiscard]] net::HttpResponse refuse(const Refusal& refusal) const;
  // Tells what becomes of the mail; `origin`: where certificate and confirmation are, as the sender reached
  // us.
  void tell(const Mailed& mail, std::string_view tags, const std::string& origin);
  [[nodiscard]] Callback sns(const std::string& url, std::string_view type, const std::string& message,
                             const std::string& origin, const std::string& token) const;

  Context& context_;
  Callbacks& callbacks_;
  const std::string access_key_id_;
  const base::Secret secret_access_key_;
  std::mutex mutex_;
  std::map<std::string, Subscription> subscriptions_;  // by URL
};

}  // namespace carillon::sim
