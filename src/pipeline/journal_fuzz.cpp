// libFuzzer: whatever stands in a segment's file is read without harm, and what is read back is written the
// same again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/journal_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  using namespace carillon::pipeline;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto header = journal_format::parse_header(bytes)) {
    std::string again;
    journal_format::append_header(again, *header);
    CARILLON_ASSERT(again == bytes.substr(0, journal_format::kHeaderSize));
  }
  Journal::Replay replay;
  journal_format::parse_records(bytes, replay);
  for (const auto& [key, found] : replay.found) {
    if (!found.outcome) continue;
    std::string again(journal_format::kHeaderSize, '\0');
    journal_format::append_outcome(again, key.delivery, key.epoch, *found.outcome);
    Journal::Replay second;
    CARILLON_ASSERT(journal_format::parse_records(again, second) == 1);
    CARILLON_ASSERT(second.found.at(key).outcome->detail == found.outcome->detail);
  }
  return 0;
}
