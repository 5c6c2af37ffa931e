#include "pipeline/sent_marks.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;

// Longer than a lease and the journal of a process that comes back.
constexpr Millis kKept{3'600'000};

// A replay begins anew: what was sent before it says nothing about it.
std::string key_of(const model::Delivery& delivery) {
  return fmt::format("{}:{}", delivery.id, delivery.generation);
}

}  // namespace

Task<void> mark_sent(const Pipeline::Deps& deps,
                     std::shared_ptr<const std::vector<store::RecordItem>> items) {
  if (!deps.cache.is_shared()) co_return;
  std::vector<std::string> keys;
  for (const store::RecordItem& item : *items) {
    if (item.to == DeliveryStatus::Sent || item.to == DeliveryStatus::Delivered) {
      keys.push_back(key_of(item.delivery));
    }
  }
  if (keys.empty()) co_return;
  [[maybe_unused]] const auto marked =
      co_await deps.cache.mark_sent(std::move(keys), kKept, deps.clock.now());
}

Task<std::vector<bool>> were_sent(const Pipeline::Deps& deps, std::vector<FlightPtr>& flights) {
  std::vector<bool> result(flights.size(), false);
  if (!deps.cache.is_shared()) co_return result;
  std::vector<std::string> keys;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < flights.size(); ++i) {
    if (flights[i]->delivery.epoch <= 1) continue;
    keys.push_back(key_of(flights[i]->delivery));
    asked.push_back(i);
  }
  if (keys.empty()) co_return result;
  const auto found = co_await deps.cache.were_sent(std::move(keys), deps.clock.now());
  if (!found) co_return result;
  for (std::size_t k = 0; k < asked.size(); ++k) result[asked[k]] = (*found)[k];
  co_return result;
}

}  // namespace carillon::pipeline
