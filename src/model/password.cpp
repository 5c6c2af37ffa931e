#include "model/password.h"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <set>

#include "base/json.h"

namespace carillon::model {
namespace {

constexpr std::size_t kDistinctMin = 5;  // characters that differ

std::string lower(std::string_view text) {
  std::string out;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())))
      .foldCase()
      .toUTF8String(out);
  return out;
}

bool is_named(std::string_view lower_password, std::string_view name) {
  return !name.empty() && lower_password == lower(name);
}

}  // namespace

std::string normal_password(std::string_view typed) {
  if (typed.size() > kPasswordBytesMax || base::to_valid_utf8(typed) != typed) return {};
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const nfkc = icu::Normalizer2::getNFKCInstance(status);
  if (U_FAILURE(status) != 0) return {};
  const auto text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(typed.data(), static_cast<std::int32_t>(typed.size())));
  std::string out;
  nfkc->normalize(text, status).toUTF8String(out);
  if (U_FAILURE(status) != 0 || out.size() > kPasswordBytesMax) return {};
  return out;
}

std::optional<std::string> password_problem(std::string_view password, const Member& member) {
  const auto text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(password.data(), static_cast<std::int32_t>(password.size())));
  const auto characters = static_cast<std::size_t>(text.countChar32());
  if (characters < kPasswordMin)
    return fmt::format("a password has at least {} characters; a few words do well", kPasswordMin);
  if (characters > kPasswordMax) return fmt::format("a password has at most {} characters", kPasswordMax);
  std::set<UChar32> distinct;
  for (std::int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) distinct.insert(text.char32At(i));
  if (distinct.size() < kDistinctMin) return "this password repeats the same few characters; use a few words";
  const std::string folded = lower(password);
  const std::string_view email = member.email;
  for (const std::string_view name : {std::string_view(member.key), std::string_view(member.name), email,
                                      email.substr(0, email.find('@'))}) {
    if (is_named(folded, name)) return "a password is not a name or an e-mail address; use a few words";
  }
  return std::nullopt;
}

}  // namespace carillon::model
