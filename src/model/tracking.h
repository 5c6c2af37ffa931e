// Links of a rendered message rewritten so that opening and clicking can be told, and its way to say no.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "model/channel.h"
#include "model/content.h"

namespace carillon::model {

struct Tracking {
  std::string_view public_url;  // without a slash at its end
  const base::Secret* key = nullptr;
  std::int64_t delivery = 0;
  bool opens = false, clicks = false;
  // The same message with sensitive parameters hidden, where it has any: links that are not in it hold a
  // secret (a password reset, a one-time sign-in) and stay as they are.
  const Message* hidden = nullptr;
};

// E-mail: http and https links of <a href> in the HTML part, unless the tag has data-track="off", and a pixel
// at the end; the text part stays. SMS: links in the text. Other channels: nothing.
void track(Message& message, Channel channel, const Tracking& tracking);

// The http and https links in plain text, as they are there, without punctuation behind them.
[[nodiscard]] std::vector<std::string_view> links_in_text(std::string_view text);

// List-Unsubscribe and List-Unsubscribe-Post (RFC 8058 §3.1), unless the message brings its own.
void offer_unsubscription(Message& message, std::string_view public_url, std::string_view token);

}  // namespace carillon::model
