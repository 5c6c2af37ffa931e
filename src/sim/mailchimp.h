// Mailchimp Transactional (Mandrill) as the simulator plays it (PROVIDERS §6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/http.h"
#include "sim/h1_vendor.h"
#include "sim/mail_vendor.h"

namespace carillon::sim {

// X-Mandrill-Signature of a form post of `events` to exactly this URL (PROVIDERS §6.2).
std::string mandrill_signature(std::string_view webhook_key, std::string_view url, std::string_view events);

// Thread-safe.
class Mailchimp final : public H1Vendor {
 public:
  explicit Mailchimp(Stage& stage);

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override;
  void describe(base::JsonWriter& out) const override;

 private:
  [[nodiscard]] H1Answer send(const net::HttpRequest& request, base::JsonElement root, const Draw& draw);
  [[nodiscard]] net::HttpResponse refuse(int status, int code, std::string_view name,
                                         std::string_view message) const;
  void tell(const std::vector<Mailed>& mails);

  Context& context_;
  Callbacks& callbacks_;
  const std::string api_key_, webhook_key_;
};

}  // namespace carillon::sim
