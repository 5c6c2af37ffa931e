// Feeds any body to the reader of Twilio's callbacks, signed as Twilio signs, so that what is read after the
// signature sees any bytes too. Unsigned, nothing may be taken.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "providers/twilio_callback.h"
#include "providers/twilio_sms.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  namespace sms = providers::twilio_sms_detail;
  sms::Options options;
  options.account.auth_token = base::Secret("token");
  providers::CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.com/v1/callbacks/twilio_sms/main?d=dlv_0123456789abc";
  request.body = std::string_view(reinterpret_cast<const char*>(data), size);
  if (sms::read_callback(request, options)) std::abort();
  auto form = net::form_decode(request.body);
  if (!form) return 0;
  request.headers = {{"x-twilio-signature", providers::twilio_signature("token", request.url, *form)}};
  const auto reading = sms::read_callback(request, options);
  if (!reading) return 0;
  for (const auto& receipt : reading->receipts) {
    const bool is_about_address =
        receipt.kind == model::ReceiptKind::Unsubscribed || receipt.kind == model::ReceiptKind::Resubscribed;
    if (!is_about_address && receipt.delivery != request.delivery()) std::abort();
  }
  return 0;
}
