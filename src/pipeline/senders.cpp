#include "pipeline/senders.h"

#include <algorithm>

#include "pipeline/refusal.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Sender;

const Sender* named(const ProjectView& view, std::string_view key) {
  const auto found = std::ranges::find(view.senders, key, &Sender::key);
  return found == view.senders.end() ? nullptr : &*found;
}

std::optional<Refusal> uncovered(std::string_view pointer, std::string_view from) {
  return make_refusal(
      422, "sender_not_allowed",
      fmt::format("no sender of this project covers '{}'; an administrator allows it with PUT "
                  "/v1/senders/{{key}}",
                  from),
      std::string(pointer));
}

// The senders that cover what the request says on that channel; empty: it says nothing there.
std::vector<const Sender*> covering(const ProjectView& view, const model::SendRequest::From& from,
                                    Channel channel) {
  std::vector<const Sender*> found;
  const bool is_mail = channel == Channel::Email;
  const bool is_phone = channel == Channel::Sms || channel == Channel::Voice;
  for (const Sender& sender : view.senders) {
    const bool is_named = sender.key == from.sender;
    const bool has_identity = is_mail ? !(sender.email.empty() && sender.domain.empty())
                                      : !(sender.phone.empty() && sender.alphanumeric.empty());
    const bool covers = (is_mail && sender.covers_email(from.email)) ||
                        (is_phone && sender.covers_phone(from.phone)) || (is_named && has_identity);
    if ((is_mail || is_phone) && covers) found.push_back(&sender);
  }
  return found;
}

}  // namespace

std::optional<Refusal> refuse_from(const ProjectView& view, const model::SendRequest& request) {
  if (!request.from) return std::nullopt;
  const auto& from = *request.from;
  if (!from.sender.empty() && named(view, from.sender) == nullptr) {
    return make_refusal(422, "unknown_sender", fmt::format("there is no sender '{}'", from.sender),
                        "/from/sender");
  }
  const auto covers_mail = [&](const Sender& s) { return s.covers_email(from.email); };
  if (!from.email.empty() && std::ranges::none_of(view.senders, covers_mail)) {
    return uncovered("/from/email", from.email);
  }
  const auto covers_phone = [&](const Sender& s) { return s.covers_phone(from.phone); };
  if (!from.phone.empty() && std::ranges::none_of(view.senders, covers_phone)) {
    return uncovered("/from/phone", from.phone);
  }
  return std::nullopt;
}

void apply_from(model::Message& message, Channel channel, const ProjectView* view,
                const model::SendRequest& request) {
  if (!request.from) return;
  const auto& from = *request.from;
  message.from_email = from.email;
  message.from_name = from.name;
  message.from_phone = from.phone;
  const Sender* const sender = view == nullptr ? nullptr : named(*view, from.sender);
  if (sender == nullptr) return;
  if (message.from_email.empty()) message.from_email = sender->email;
  if (message.from_name.empty()) message.from_name = sender->name;
  const bool is_text = channel == Channel::Sms;
  if (message.from_phone.empty()) message.from_phone = sender->phone;
  if (message.from_phone.empty() && is_text) message.from_phone = sender->alphanumeric;
}

void keep_carriers(std::vector<Account*>& accounts, Channel channel, const ProjectView& view,
                   const model::SendRequest& request) {
  if (!request.from || view.senders.empty()) return;
  const auto senders = covering(view, *request.from, channel);
  if (senders.empty()) return;
  std::erase_if(accounts, [&](const Account* account) {
    return std::ranges::none_of(senders, [&](const Sender* s) { return s->may_carry(account->key); });
  });
}

}  // namespace carillon::pipeline
