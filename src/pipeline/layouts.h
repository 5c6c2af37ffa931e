// Layouts as they are kept: which versions there are, and which was in use when.
//
// A notification's e-mails are framed by the version that was in use when it was accepted, so nothing but
// that moment has to be remembered with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/layout.h"

namespace carillon::pipeline {

// The record of a layout. A removed one keeps its versions: what was accepted with it is still sent.
struct LayoutHead {
  std::int64_t latest = 0, published = 0;
  bool is_deleted = false;
  // What was put into use, and when; the oldest first. The last kPublicationsMax are known.
  std::vector<std::pair<Time, std::int64_t>> publications;
  std::int64_t record_version = 0;  // the record's own

  // The version in use at that moment: before the first one, that. 0: none was ever in use.
  [[nodiscard]] std::int64_t version_at(Time at) const noexcept;
  void publish(std::int64_t version, Time now);
};
inline constexpr std::size_t kPublicationsMax = 500;

std::string encode(const LayoutHead& head);
Result<LayoutHead> decode_layout_head(std::string_view json);  // Errors: Corruption

}  // namespace carillon::pipeline
