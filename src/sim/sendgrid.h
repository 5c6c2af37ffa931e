// SendGrid v3 as the simulator plays it (PROVIDERS §5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/http.h"
#include "sim/h1_vendor.h"
#include "sim/mail_vendor.h"

namespace carillon::sim {

// Thread-safe.
class Sendgrid final : public H1Vendor {
 public:
  explicit Sendgrid(Stage& stage);

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override;
  void describe(base::JsonWriter& out) const override;

 private:
  struct Refusal {
    int status = 0;  // 0: not refused
    std::string message, field;
  };
  [[nodiscard]] H1Answer send(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] static Refusal check(base::JsonElement root, std::vector<Mailed>& mails);
  [[nodiscard]] net::HttpResponse refuse(const Refusal& refusal) const;
  void tell(const std::vector<Mailed>& mails);
  [[nodiscard]] Callback callback(const std::string& url, const std::string& events) const;

  Context& context_;
  Callbacks& callbacks_;
  const std::string api_key_, webhook_key_;
};

}  // namespace carillon::sim
