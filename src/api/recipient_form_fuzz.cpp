// What a browser posts to a recipient's page and says it reads: any bytes. What is written reads back.
#include <cstdint>
#include <string_view>

#include "api/recipient_form.h"
#include "api/recipient_words.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view language = api::page_language(text, text);
  CARILLON_ASSERT(api::words_in(language).language == language);
  if (const auto stop = api::read_stop_form(text))
    CARILLON_ASSERT(stop->empty() || *stop == "*" || stop->find_first_of("\"<>& /") == std::string::npos);
  const auto form = api::read_preference_form(text);
  if (!form) return 0;
  for (const char c : form->quiet_from + form->quiet_to) CARILLON_ASSERT(c > ' ' && c <= '~');
  // What was changed is shown again, now with nothing ticked: the ticks among it are what changes.
  const auto again = api::read_preference_form("boxes=" + api::write_boxes(form->changed));
  CARILLON_ASSERT(again.has_value());
  for (const auto& box : again->changed) CARILLON_ASSERT(!box.is_yes);
  CARILLON_ASSERT(again->changed.size() <= form->changed.size());
  return 0;
}
