// The HTML of the pages for recipients (/p): pure, from what recipient_pages.cpp has found out.
//
// Links in them are relative, so that they work below any path of server.public_url. They run no script.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/me.h"
#include "api/recipient_words.h"
#include "model/profile.h"

namespace carillon::api {

// A short page: what is said stands in a heading and a paragraph. `form`: HTML below them, or empty.
[[nodiscard]] Reply said_page(const RecipientWords& words, int status, std::string_view heading,
                              std::string_view text, std::string_view form = {});

// What the page of settings shows.
struct SettingsView {
  const RecipientWords& words;
  std::string_view token;
  std::vector<const model::Category*> categories;
  const model::Profile& profile;                                // as stored
  const std::vector<model::Preference>& ticked;                 // what the boxes say
  std::string quiet_from, quiet_to;                             // as typed, or stored
  const std::optional<model::QuietHours>& project_quiet_hours;  // what holds without own ones
  std::string_view time_zone;                                   // of all times; "UTC" when none is known
  std::string_view done = {};                                   // what was done, in words
  bool is_quiet_wrong = false;
};
[[nodiscard]] Reply settings_page(const SettingsView& view);

struct HistoryView {
  const RecipientWords& words;
  std::string_view token;
  std::vector<const model::Category*> categories;
  const OwnHistory& history;
  std::string_view time_zone;
  std::string_view next = {};  // cursor; empty: there are no older ones
  bool is_newest = true;       // the first page
};
[[nodiscard]] Reply history_page(const HistoryView& view);

// "22:00"
[[nodiscard]] std::string clock_text(int minute_of_day);

}  // namespace carillon::api
