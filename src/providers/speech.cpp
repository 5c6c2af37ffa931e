#include "providers/speech.h"

#include <algorithm>

namespace carillon::providers {
namespace {

struct Region {
  std::string_view language, tag;
};
// Where a language is spoken most among those both vendors speak.
constexpr Region kRegions[] = {
    {"ar", "ar-AE"}, {"ca", "ca-ES"}, {"cs", "cs-CZ"}, {"da", "da-DK"}, {"de", "de-DE"}, {"el", "el-GR"},
    {"en", "en-US"}, {"es", "es-ES"}, {"fi", "fi-FI"}, {"fr", "fr-FR"}, {"hi", "hi-IN"}, {"hu", "hu-HU"},
    {"id", "id-ID"}, {"it", "it-IT"}, {"ja", "ja-JP"}, {"ko", "ko-KR"}, {"nb", "nb-NO"}, {"nl", "nl-NL"},
    {"no", "nb-NO"}, {"pl", "pl-PL"}, {"pt", "pt-BR"}, {"ro", "ro-RO"}, {"ru", "ru-RU"}, {"sv", "sv-SE"},
    {"th", "th-TH"}, {"tr", "tr-TR"}, {"uk", "uk-UA"}, {"vi", "vi-VN"}, {"zh", "zh-CN"},
};

// With a region; empty when there is none and none is known.
std::string with_region(std::string_view tag) {
  if (tag.contains('-')) return std::string(tag);
  const auto* const found = std::ranges::find(kRegions, tag, &Region::language);
  return found == std::end(kRegions) ? std::string() : std::string(found->tag);
}

}  // namespace

std::string speech_language(const model::Message& message, std::string_view fallback) {
  if (!message.language.empty()) {
    std::string tag = with_region(message.language);
    return tag.empty() ? message.language : tag;
  }
  std::string tag = with_region(message.locale);
  return tag.empty() ? std::string(fallback) : tag;
}

bool is_voice_number(std::string_view voice) noexcept {
  return !voice.empty() && voice.size() <= 3 &&
         std::ranges::all_of(voice, [](char c) { return c >= '0' && c <= '9'; });
}

std::string escape_xml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out.append("&amp;"); break;
      case '<': out.append("&lt;"); break;
      case '>': out.append("&gt;"); break;
      case '"': out.append("&quot;"); break;
      case '\t':
      case '\n':
      case '\r': out.push_back(c); break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
    }
  }
  return out;
}

}  // namespace carillon::providers
