// Slack, the pure part: chat.postMessage with a bot token, and incoming webhooks.
// Source: docs.slack.dev chat.postMessage and incoming webhooks; slack-ruby/slack-api-ref.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::slack_detail {

struct Options {
  base::Secret bot_token;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One error of the Web API, or one body of an incoming webhook's refusal.
struct ErrorRow {
  std::string_view code;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ErrorRow> error_rows() noexcept;

// What Slack shows of a text: its three special characters escaped.
std::string escaped(std::string_view text);
// The JSON of a message to the address, or, with `is_hook`, to whatever channel an incoming webhook is of.
std::string body_of(const Job& job, bool is_hook);
model::Outcome classify(const net::HttpResponse& response, Time now);
// Of an incoming webhook, which answers in plain text.
model::Outcome classify_hook(const net::HttpResponse& response, Time now);

// Slack limits each channel by itself, to about a message a second: what has to wait, and for how long. One
// thread.
class ChannelLimits {
 public:
  static constexpr std::size_t kChannelsMax = 10'000;  // remembered
  static constexpr Millis kSpacing{1'000};             // between those that waited

  // The wait of a message to that channel now, zero if it may be sent. Each that has to wait gets a place of
  // its own behind the ones before it.
  [[nodiscard]] Millis wait(const std::string& channel, Time now);
  // Slack has refused one: nothing more goes there until then.
  void refused(const std::string& channel, Time until);

 private:
  struct Limit {
    Time until{};
    int waiting = 0;
  };
  std::unordered_map<std::string, Limit> limits_;
};

}  // namespace carillon::providers::slack_detail
