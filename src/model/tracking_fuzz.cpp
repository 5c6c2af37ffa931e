// Links of any HTML and any text: what is rewritten stays whole, and every token of ours can be read.
#include <cstddef>
#include <cstdint>

#include "model/public_link.h"
#include "model/tracking.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  static const base::Secret kKey(std::string(32, 'k'));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(model::read_open_token(text, kKey));
  static_cast<void>(model::read_click_token(text, text, kKey));
  static_cast<void>(model::read_short_click_token(text, kKey));
  static_cast<void>(model::read_unsubscribe_token(text, kKey));
  static_cast<void>(model::read_preference_token(text, kKey));
  model::Message message;
  message.html = message.body = text;
  const model::Tracking tracking{.public_url = "https://n.example",
                                 .key = &kKey,
                                 .delivery = 7,
                                 .opens = true,
                                 .clicks = true,
                                 .hidden = nullptr};
  model::Message text_message = message;
  model::track(message, model::Channel::Email, tracking);
  const bool is_seen = message.html.find("/t/o/" + model::open_token(7, kKey)) != std::string::npos;
  CARILLON_ASSERT(is_seen == !text.empty());  // a mail without HTML has no pixel
  model::track(text_message, model::Channel::Sms, tracking);
  return 0;
}
