#include "pipeline/receipts.h"

#include <algorithm>

#include "model/address.h"
#include "pipeline/route.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::ReceiptKind;

constexpr Millis kCallbackTimeout{10'000};
constexpr std::size_t kReceiptsMax = 10'000;                                  // of one callback
constexpr std::size_t kPiece = 1'000;                                         // stored in one transaction
constexpr std::size_t kCodeMax = 64, kDetailMax = 300, kProviderIdMax = 256;  // bytes

// In the form it is suppressed in; empty: not an address of that channel.
std::string canonical_address(Channel channel, const std::string& text) {
  switch (channel) {
    case Channel::Email: return model::normalize_email(text).value_or("");
    case Channel::Sms:
    case Channel::Voice: return model::normalize_phone(text).value_or("");
    case Channel::Push:
    case Channel::Chat:
    case Channel::Webhook: return text;
    case Channel::Inbox: return {};
  }
  return {};
}

bool is_about_address(ReceiptKind kind) noexcept {
  return kind == ReceiptKind::Bounced || kind == ReceiptKind::Complained ||
         kind == ReceiptKind::Unsubscribed || kind == ReceiptKind::Resubscribed;
}

}  // namespace

std::vector<store::ReceiptItem> receipt_items(std::vector<model::Receipt> receipts,
                                              const providers::ProviderType& type, std::int32_t project,
                                              const std::string& integration,
                                              const base::KeyedHash& address_hash, Time now) {
  std::vector<store::ReceiptItem> items;
  items.reserve(receipts.size());
  for (model::Receipt& receipt : receipts) {
    store::ReceiptItem item;
    item.project = project;
    item.receipt = std::move(receipt);
    item.integration = integration;
    model::Receipt& r = item.receipt;
    r.at = r.at == Time{} ? now : std::min(r.at, now);
    r.code = base::first_characters(r.code, kCodeMax);
    r.detail = base::first_characters(r.detail, kDetailMax);
    r.provider_id = base::first_characters(r.provider_id, kProviderIdMax);
    const std::string address =
        is_about_address(r.kind) ? canonical_address(type.channel, r.address) : std::string();
    r.address.clear();
    if (!address.empty() && type.channel == Channel::Push) {
      if (r.kind == ReceiptKind::Bounced) {
        item.endpoint =
            store::DeadAddress{.service = std::string(type.service), .token = address, .invalid_since = r.at};
      }
    } else if (!address.empty()) {
      item.address = store::AddressKey{type.channel, address_key(address_hash, type.channel, address)};
      item.hint = model::mask_address(type.channel, address);
    }
    if (r.delivery != 0 || item.address) items.push_back(std::move(item));
  }
  return items;
}

Task<Result<providers::CallbackReading>> take_callback(const Pipeline::Deps& deps, Integrations& integrations,
                                                       CallbackFrom from,
                                                       providers::CallbackRequest request) {
  const auto snapshot = deps.directory.snapshot();
  const ProjectView* const view = snapshot->project(from.project);
  const model::Integration* const stored = view ? view->find_integration(from.integration) : nullptr;
  const auto* const type = stored ? providers::find_provider(stored->provider) : nullptr;
  if (type == nullptr || type->name != from.provider) {
    co_return fail(Errc::NotFound, "there is no such integration of that provider");
  }
  const Time now = request.now;
  CARILLON_CO_TRY(auto reading,
                  co_await integrations.callback(from.project, from.integration, std::move(request),
                                                 base::Deadline::after(kCallbackTimeout)));
  if (reading.receipts.size() > kReceiptsMax) {
    co_return fail(Errc::InvalidArgument, fmt::format("more than {} reports in one callback", kReceiptsMax));
  }
  const auto items = receipt_items(std::move(reading.receipts), *type, from.project, from.integration,
                                   deps.keys.address_hash, now);
  for (std::size_t i = 0; i < items.size(); i += kPiece) {
    std::vector<store::ReceiptItem> piece(
        items.begin() + static_cast<std::ptrdiff_t>(i),
        items.begin() + static_cast<std::ptrdiff_t>(std::min(i + kPiece, items.size())));
    CARILLON_CO_CHECK(co_await deps.store.receipts().add(std::move(piece), now));
  }
  reading.receipts.clear();
  co_return reading;
}

}  // namespace carillon::pipeline
