#include "model/template_parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace carillon::model::detail {

std::vector<PartText> parts_of(const Content& content) {
  std::vector<PartText> parts;
  BlockId block = BlockId::Base;
  const auto add = [&](Target target, PartKind kind, std::string pointer, const std::string& text,
                       std::string_view header = {}) {
    if (!text.empty()) parts.push_back({block, target, kind, std::move(pointer), &text, header});
  };
  add(Target::Title, PartKind::Text, "/title", content.title);
  add(Target::Body, PartKind::Text, "/body", content.body);
  add(Target::Url, PartKind::Url, "/url", content.url);
  add(Target::Image, PartKind::Image, "/image", content.image);
  if (const auto& push = content.push) {
    block = BlockId::Push;
    add(Target::Title, PartKind::Text, "/push/title", push->title);
    add(Target::Body, PartKind::Text, "/push/body", push->body);
    add(Target::Sound, PartKind::Text, "/push/sound", push->sound);
    add(Target::ActionLocKey, PartKind::Text, "/push/action_loc_key", push->action_loc_key);
    add(Target::Data, PartKind::Json, "/push/data", push->data);
    add(Target::Apns, PartKind::Json, "/push/apns", push->apns);
    add(Target::Fcm, PartKind::Json, "/push/fcm", push->fcm);
    add(Target::Actions, PartKind::Json, "/push/actions", push->actions);
  }
  if (const auto& email = content.email) {
    block = BlockId::Email;
    add(Target::Subject, PartKind::Header, "/email/subject", email->subject);
    add(Target::Preheader, PartKind::Header, "/email/preheader", email->preheader);
    add(Target::Body, PartKind::Text, "/email/text", email->text);
    add(Target::Html, PartKind::Html, "/email/html", email->html);
    add(Target::ReplyTo, PartKind::Email, "/email/reply_to", email->reply_to);
    for (std::size_t i = 0; i < email->cc.size(); ++i) {
      add(Target::Cc, PartKind::Email, fmt::format("/email/cc/{}", i), email->cc[i]);
    }
    for (std::size_t i = 0; i < email->bcc.size(); ++i) {
      add(Target::Bcc, PartKind::Email, fmt::format("/email/bcc/{}", i), email->bcc[i]);
    }
    for (const auto& [name, value] : email->headers) {
      add(Target::Header, PartKind::Header, fmt::format("/email/headers/{}", name), value, name);
    }
  }
  if (const auto& sms = content.sms) {
    block = BlockId::Sms;
    add(Target::Body, PartKind::Text, "/sms/body", sms->body);
  }
  if (const auto& voice = content.voice) {
    block = BlockId::Voice;
    add(Target::Body, PartKind::Text, "/voice/text", voice->text);
    add(Target::Language, PartKind::Text, "/voice/language", voice->language);
    add(Target::Voice, PartKind::Text, "/voice/voice", voice->voice);
  }
  if (const auto& chat = content.chat) {
    block = BlockId::Chat;
    add(Target::Body, PartKind::Text, "/chat/text", chat->text);
    add(Target::Slack, PartKind::Json, "/chat/slack", chat->slack);
    add(Target::Kakao, PartKind::Json, "/chat/kakao", chat->kakao);
  }
  if (const auto& webhook = content.webhook) {
    block = BlockId::Webhook;
    add(Target::Data, PartKind::Json, "/webhook/body", webhook->body);
  }
  return parts;
}

bool has_block(const Content& content, BlockId block) noexcept {
  switch (block) {
    case BlockId::Base:
      return !content.title.empty() || !content.body.empty() || !content.url.empty() ||
             !content.image.empty();
    case BlockId::Push: return content.push.has_value();
    case BlockId::Email: return content.email.has_value();
    case BlockId::Sms: return content.sms.has_value();
    case BlockId::Voice: return content.voice.has_value();
    case BlockId::Chat: return content.chat.has_value();
    case BlockId::Webhook: return content.webhook.has_value();
  }
  return false;
}

Names names_of(const Template& t) {
  Names names;
  names.find = [&t](std::string_view name) {
    const auto found = std::ranges::find(t.params, name, &ParamDeclaration::name);
    return found == t.params.end() ? -1 : static_cast<int>(found - t.params.begin());
  };
  names.has_items = [&t](int param) {
    const ParamType type = t.params[static_cast<std::size_t>(param)].type;
    return type == ParamType::List || type == ParamType::Object || type == ParamType::Money;
  };
  names.has_members = [&t](int param) {
    const ParamType type = t.params[static_cast<std::size_t>(param)].type;
    return type == ParamType::Object || type == ParamType::Money;
  };
  names.form = [&t](int param, std::string_view word) {
    const ParamType type = t.params[static_cast<std::size_t>(param)].type;
    const bool is_shown = type == ParamType::Number || type == ParamType::Money || type == ParamType::Date ||
                          type == ParamType::DateTime;
    if (is_shown && word == "raw") return Reference::Form::Raw;
    if (type == ParamType::DateTime && word == "date") return Reference::Form::Date;
    if (type == ParamType::DateTime && word == "time") return Reference::Form::Time;
    return Reference::Form::Shown;
  };
  names.brackets = t.syntax == Syntax::Brackets;
  return names;
}

Names names_of_layout() {
  Names names;
  names.find = [](std::string_view) { return -1; };
  names.has_items = names.has_members = [](int) { return false; };
  names.form = [](int, std::string_view) { return Reference::Form::Shown; };
  names.is_layout = true;
  return names;
}

bool is_for_people(Target target) noexcept {
  switch (target) {
    case Target::Title:
    case Target::Body:
    case Target::Subject:
    case Target::Preheader:
    case Target::Html:
    case Target::Actions:
    case Target::Slack:
    case Target::Kakao: return true;
    case Target::Url:
    case Target::Image:
    case Target::Sound:
    case Target::ActionLocKey:
    case Target::Data:
    case Target::Apns:
    case Target::Fcm:
    case Target::ReplyTo:
    case Target::Language:
    case Target::Voice:
    case Target::Cc:
    case Target::Bcc:
    case Target::Header: return false;
  }
  return false;
}

}  // namespace carillon::model::detail
