// libFuzzer: whatever an e-mail vendor's events hold is read to the end or refused, and what is read is fit
// to keep: about a delivery of ours or about an address, never of the future, in few words.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "providers/mailchimp.h"
#include "providers/mime.h"
#include "providers/sendgrid.h"
#include "providers/ses.h"
#include "providers/sns.h"

namespace {

constexpr std::int64_t kNowMs = 1'790'000'000'000;

void check(const std::vector<carillon::model::Receipt>& receipts) {
  constexpr std::size_t kDetailMax = 300;
  for (const auto& receipt : receipts) {
    if (receipt.delivery == 0 && receipt.address.empty()) std::abort();
    if (!receipt.address.empty() && !carillon::providers::is_plain_mailbox(receipt.address)) std::abort();
    if (receipt.detail.size() > kDetailMax || receipt.provider_id.size() > kDetailMax) std::abort();
    if (carillon::to_ms(receipt.at) > kNowMs) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  using namespace carillon::providers;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Time now = from_ms(kNowMs);
  switch (data[0] % 4) {
    case 0:
      if (const auto read = sendgrid_detail::read_events(text, now)) check(*read);
      break;
    case 1:
      if (const auto read = mailchimp_detail::read_events(text, now)) check(*read);
      break;
    case 2: check(ses_detail::read_event(text, now)); break;
    case 3:
      if (const auto read = read_sns_message(text)) {
        static_cast<void>(sns_signed_text(*read));
        std::string url = read->signing_cert_url;
        std::ranges::transform(url, url.begin(), [](unsigned char c) { return std::tolower(c); });
        if (is_sns_url(read->signing_cert_url, {}) && !url.contains(".amazonaws.com")) std::abort();
      }
      break;
    default: break;  // a remainder of 4
  }
  return 0;
}
