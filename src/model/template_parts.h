// The parts of a content, one after the other: what is compiled and what it becomes in a Message.
// Private to the template files of this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/content.h"
#include "model/template.h"
#include "model/template_syntax.h"

namespace carillon::model::detail {

// The block a part stands in; Base is what blocks override.
enum class BlockId : std::uint8_t { Base, Push, Email, Sms, Voice, Chat, Webhook };
inline constexpr std::size_t kBlockCount = 7;

// The field of a Message that a part fills.
enum class Target : std::uint8_t {
  Title,
  Body,
  Url,
  Image,
  Sound,
  ActionLocKey,
  Data,
  Apns,
  Fcm,
  Actions,
  Subject,
  Preheader,
  Html,
  ReplyTo,
  Language,
  Voice,
  Slack,
  Kakao,
  Cc,
  Bcc,
  Header,
};
inline constexpr std::size_t kTargetCount = 21;

struct PartText {
  BlockId block = BlockId::Base;
  Target target = Target::Title;
  PartKind kind = PartKind::Text;
  std::string pointer;  // within the content: "/email/cc/0"
  const std::string* text = nullptr;
  std::string_view header;  // Target::Header: its name
};

// Every part that is not empty, in a fixed order. Points into `content`.
std::vector<PartText> parts_of(const Content& content);
// True when `content` has that block.
[[nodiscard]] bool has_block(const Content& content, BlockId block) noexcept;

// What a tag may name in `t`. Points into `t`.
Names names_of(const Template& t);
// What a tag may name in a layout.
Names names_of_layout();
// Whether people read it: dates, numbers and money are then shown in the recipient's language.
[[nodiscard]] bool is_for_people(Target target) noexcept;

}  // namespace carillon::model::detail
