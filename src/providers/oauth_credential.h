// An access token that a vendor hands out for a while in exchange for the account's credentials (RFC 6749).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "providers/http2_push.h"

namespace carillon::providers {

// Asked for before the first push, again five minutes before it ends, and when the vendor calls it expired,
// but not for every push when the vendor refuses all of them.
class OauthCredential final : public PushCredential {
 public:
  struct Options {
    std::string url;      // the token endpoint
    std::string ca_file;  // certificates to trust there; empty: the system's
    // What a 4xx means: "Google refused the service account; …".
    std::string refused;
    // The form to post. Errors: InvalidArgument (a key that cannot be used).
    std::function<Result<std::string>(Time)> form;
  };
  OauthCredential(Options options, const Context& context);
  ~OauthCredential() override;

  CredentialValue current() override { return clock_.now() < renew_at_ ? value_ : nullptr; }
  bool refused(const CredentialValue& value) override;
  Task<std::optional<model::Outcome>> obtain(base::Deadline deadline) override;
  Task<void> close();

 private:
  std::optional<model::Outcome> take(const net::HttpResponse& response, Time now);

  const Options options_;
  const base::Clock& clock_;
  const std::unique_ptr<net::HttpClient> http_;
  CredentialValue value_;
  Time obtained_at_{}, renew_at_{};
};

}  // namespace carillon::providers
