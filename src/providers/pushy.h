// Pushy, the pure part: what a push looks like and what an answer means. For pushy.cpp and its tests.
// Source: pushy.me/docs/api, pushy.me/docs/api/send-notifications; the codes as pushy-node and Pigeon know
// them.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::pushy_detail {

inline constexpr std::size_t kDataMax = 4096;  // bytes of `data`

struct Options {
  base::Secret api_key;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One of the vendor's error codes.
struct ErrorRow {
  std::string_view code;
  model::OutcomeKind kind{};
  std::string_view text;
  bool is_suspicious = false;  // often means that the devices are another app's
};
std::span<const ErrorRow> error_rows() noexcept;

// The body of one push, or how it ends when it cannot be sent.
std::expected<std::string, model::Outcome> body_of(const Job& job);
// `token`: the device it was for. An answer of 200 may still name it as failed.
model::Outcome classify(const net::HttpResponse& response, std::string_view token, Time now);

}  // namespace carillon::providers::pushy_detail
