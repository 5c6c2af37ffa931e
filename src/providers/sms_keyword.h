// What somebody writes back to stop the messages, or to get them again.
#pragma once

#include <cstdint>
#include <string_view>

namespace carillon::providers {

enum class SmsKeyword : std::uint8_t { None, Stop, Start };

// The whole text is one of the words carriers and vendors agree on (STOP STOPALL UNSUBSCRIBE CANCEL END QUIT
// REVOKE OPTOUT; START UNSTOP), in any case, with blanks and punctuation around it. "Stop calling me John" is
// no keyword, as the vendors see it.
[[nodiscard]] SmsKeyword read_sms_keyword(std::string_view text) noexcept;

}  // namespace carillon::providers
