// What the pages for recipients say, in the languages they come in.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "model/category.h"
#include "model/channel.h"
#include "model/notification.h"

namespace carillon::api {

// Texts with {} are formats; what goes in is escaped for where it stands.
struct RecipientWords {
  std::string_view language;  // BCP 47
  std::string_view settings, intro, save, saved, stop, stop_everything, stop_everything_help, stopped;
  std::string_view mandatory, quiet_hours, quiet_help, quiet_project, from, until, quiet_wrong, no_changes;
  std::string_view history, history_intro, nothing_yet, older, newest, untitled;
  std::string_view expired, expired_help, send_fresh, on_its_way, on_its_way_help;
  std::string_view gone, gone_help, too_often, later, too_much;
  std::string_view fresh_title, fresh_body;  // of the message that brings a fresh link
  std::string_view on_the_way, waiting, sent, delivered, failed, unknown, switched_off, not_sent, cancelled,
      expired_message;
  std::array<std::string_view, model::kChannelCount> channels;  // by model::Channel
};

// The words of page_language().
[[nodiscard]] const RecipientWords& words_in(std::string_view language) noexcept;

// "en" or "ko": that of the recipient's locale (BCP 47, or empty), else what the browser would rather have
// (Accept-Language, RFC 9110 §12.5.4), else English. Takes any text.
[[nodiscard]] std::string_view page_language(std::string_view locale,
                                             std::string_view accept_language) noexcept;

// The name it has in that language, else in English, else any it has; else its key.
[[nodiscard]] std::string shown_name(const model::Category& category, std::string_view language);

// What became of a delivery, in the recipient's words.
[[nodiscard]] std::string_view shown_state(const model::Delivery& delivery,
                                           const RecipientWords& words) noexcept;

}  // namespace carillon::api
