// The bytes of a journal segment. Pure.
//
// Segment: header, then records until the end or the first thing that is no record.
//   header  8 magic "CRLJRNL1" · 4 node · 4 epoch · 8 segment number · 36 boot id · 4 CRC-32C of the 60
//   before record  4 CRC-32C of all that follows · 2 length of the body · 1 kind · body start   8 delivery ·
//   4 epoch outcome 8 delivery · 4 epoch · 1 outcome kind · 4 status · 1 flags · 8 invalid_since in ms if
//   flag 2 ·
//           8 retry_after in ms if flag 4 · code, detail, provider_id, each 2 length + bytes
// Integers are little-endian; flag 1: is_suspicious.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/outcome.h"
#include "pipeline/journal.h"
#include "store/store_types.h"

namespace carillon::pipeline::journal_format {

inline constexpr std::size_t kBootIdSize = 36;  // of /proc/sys/kernel/random/boot_id
inline constexpr std::size_t kHeaderSize = 64;
inline constexpr std::size_t kStartSize = 19;
inline constexpr std::size_t kDetailMax = 300;  // bytes; also of code
inline constexpr std::size_t kProviderIdMax = 512;

struct Header {
  store::Owner owner;
  std::uint64_t segment = 0;
  std::string boot_id;  // shorter ones are filled with spaces
};

void append_header(std::string& out, const Header& header);
void append_start(std::string& out, std::int64_t delivery, std::uint32_t epoch);
void append_outcome(std::string& out, std::int64_t delivery, std::uint32_t epoch,
                    const model::Outcome& outcome);

// nullopt: not the header of a segment.
[[nodiscard]] std::optional<Header> parse_header(std::string_view bytes);
// Adds the records behind the header to `replay`. Any bytes are accepted; the number that were records.
std::size_t parse_records(std::string_view bytes, Journal::Replay& replay);

}  // namespace carillon::pipeline::journal_format
