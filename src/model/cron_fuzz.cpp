// Feeds any text to the cron parser; what it takes has to fire, later and later, in any zone.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/cron.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  // The first bytes choose the moment, the rest is the expression.
  constexpr std::size_t kHead = 4;
  if (size < kHead) return 0;
  std::uint32_t seed = 0;
  for (std::size_t i = 0; i < kHead; ++i) seed = seed << 8 | data[i];
  const std::string_view text(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  const auto cron = model::Cron::parse(text);
  if (!cron) {
    if (cron.error().message.empty() || cron.error().code != Errc::InvalidArgument) std::abort();
    return 0;
  }
  const Time from = from_ms(std::int64_t{seed} * 1000);
  for (const std::string_view zone : {"UTC", "America/New_York", "Australia/Lord_Howe"}) {
    const auto first = cron->next(zone, from);
    if (!first || *first <= from) std::abort();
    const auto second = cron->next(zone, *first);
    if (!second || *second <= *first) std::abort();
    if (cron->newest(zone, from, *first) != first) std::abort();
  }
  return 0;
}
