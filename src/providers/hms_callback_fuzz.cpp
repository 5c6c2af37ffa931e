// Feeds any body to the reader of Huawei's receipts, rightly signed, and any header that signs: both come to
// an end, and what is read has a delivery and a time that is not in the future.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "providers/hms.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  namespace hms = providers::hms_detail;
  hms::Options options;
  options.receipt_user = "carillon";
  options.receipt_key = base::Secret("secret");
  providers::CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.test/v1/callbacks/hms/huawei";
  request.now = from_ms(1'790'000'000'000);
  request.body.assign(reinterpret_cast<const char*>(data), size);
  request.headers = {{"x-huawei-callback-id", request.body}};
  if (hms::read_callback(request, options)) std::abort();  // nobody can guess a signature
  const std::string signature = hms::receipt_signature("secret", "1790000000000", "n", "carillon");
  request.headers = {
      {"x-huawei-callback-id", fmt::format("timestamp=1790000000000; nonce=n; value={}", signature)}};
  const auto reading = hms::read_callback(request, options);
  if (!reading) return 0;
  for (const auto& receipt : reading->receipts) {
    if (receipt.delivery == 0 || receipt.at > request.now) std::abort();
  }
  return 0;
}
