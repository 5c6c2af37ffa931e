// Feeds any body to the reader of JPush's callbacks, with the right credentials: it comes to an end, and what
// it reads has a delivery, a kind and a time that is not in the future.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/crypto.h"
#include "providers/jpush.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  providers::jpush_detail::Options options;
  options.app_key = "key";
  options.master_secret = base::Secret("secret");
  providers::CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.test/v1/callbacks/jpush/cn?d=dlv_0123456789abc";
  request.headers = {{"authorization", "Basic " + base::base64("key:secret")}};
  request.body.assign(reinterpret_cast<const char*>(data), size);
  request.now = from_ms(1'790'000'000'000);
  const auto reading = providers::jpush_detail::read_callback(request, options);
  if (!reading) return 0;
  for (const auto& receipt : reading->receipts) {
    if (receipt.delivery == 0 || receipt.at > request.now) std::abort();
  }
  return 0;
}
