// What every push hands to the app besides what it shows, for vendors that take it as one JSON object.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "providers/provider.h"

namespace carillon::providers {

// Has it anything to show? Otherwise it is silent: only data for the app.
[[nodiscard]] bool shows_something(const model::Message& message) noexcept;

// Appends {"carillon":{"n":"ntf_…","d":"dlv_…"}, url, image, actions, then the members of the push's data}.
void append_push_data(std::string& out, const Job& job);

// What makes a later push replace this one, at most `bytes_max` bytes (22 or more): the caller's collapse
// key, else the job's handle, which is the same for every attempt. What is longer becomes a hash of it.
[[nodiscard]] std::string collapse_handle(const Job& job, std::size_t bytes_max);

// Seconds the vendor may keep it, from 0 to `seconds_max`; what never expires may be kept as long as the
// vendor can.
[[nodiscard]] std::int64_t seconds_to_live(const Job& job, std::int64_t seconds_max) noexcept;

// The end of what is too large: "the payload is 3 bytes over the limit of 4096".
[[nodiscard]] model::Outcome too_large(std::string code, std::string_view part, std::size_t bytes,
                                       std::size_t bytes_max);

}  // namespace carillon::providers
