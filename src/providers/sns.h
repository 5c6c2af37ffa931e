// Messages that Amazon SNS posts to a subscribed URL. Source: docs.aws.amazon.com/sns, "Verifying the
// signatures of Amazon SNS messages" and "Parsing Amazon SNS message formats".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/signature.h"
#include "net/http_client.h"
#include "providers/provider.h"

namespace carillon::providers {

struct SnsMessage {
  std::string type;  // Notification, SubscriptionConfirmation, UnsubscribeConfirmation
  std::string message, message_id, subject, timestamp, topic_arn, token, subscribe_url;
  std::string signature_version, signature, signing_cert_url;
  bool has_subject = false;
};
// Errors: Unauthenticated: a message that cannot be read has no signature either.
[[nodiscard]] Result<SnsMessage> read_sns_message(std::string_view body);
// What the signature covers.
[[nodiscard]] std::string sns_signed_text(const SnsMessage& message);
// Letters, digits and '-', as in "eu-west-1".
[[nodiscard]] bool is_aws_region(std::string_view text) noexcept;
// Whether a certificate or a confirmation may be fetched from there: https, sns.<region>.amazonaws.com or
// sns.<region>.amazonaws.com.cn, no user, the usual port. `origin`: where else; empty: nowhere.
[[nodiscard]] bool is_sns_url(std::string_view url, std::string_view origin);

// Checks who sent a message, and confirms subscriptions. All calls on one executor.
class SnsReceiver {
 public:
  struct Options {
    std::string topic_arn;  // of whom to take messages; empty: of nobody
    std::string origin;     // for tests: scheme://host:port to trust beside Amazon's
    std::string ca_file;
  };
  SnsReceiver(boost::asio::any_io_executor executor, Options options)
      : http_(net::HttpClient::open(std::move(executor))), options_(std::move(options)) {}

  // The text of a Notification of our topic; empty when it was a confirmation, which is answered.
  // Errors: as Provider::callback().
  Task<Result<std::string>> receive(const CallbackRequest& request, base::Deadline deadline);
  Task<void> close() { co_await http_->close(); }

 private:
  struct Certificate {
    base::PublicKey key;
    Time until;  // fetched again afterwards
  };
  Task<Result<base::PublicKey>> key_of(std::string url, Time now, base::Deadline deadline);
  Task<Result<std::string>> fetch(std::string url, base::Deadline deadline);

  const std::unique_ptr<net::HttpClient> http_;  // its own: it goes out to the world only
  const Options options_;
  std::map<std::string, Certificate, std::less<>> certificates_;
};

}  // namespace carillon::providers
