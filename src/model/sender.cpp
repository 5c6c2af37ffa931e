#include "model/sender.h"

#include <algorithm>
#include <cctype>

#include "model/address.h"

namespace carillon::model {
namespace {

using base::ObjectReader;

constexpr std::size_t kNameMax = 128, kDomainMax = 255, kAlphanumericMax = 11, kPhoneGivenMax = 32;

bool is_alphanumeric_id(std::string_view text) noexcept {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && text.size() <= kAlphanumericMax && std::ranges::any_of(text, is_letter) &&
         std::ranges::all_of(
             text, [](char c) { return c == ' ' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

std::string_view domain_of(std::string_view address) noexcept {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

void read_identity(ObjectReader& reader, Sender& into) {
  if (reader.text("email", into.email, kEmailGivenMax)) {
    auto email = normalize_email(into.email);
    if (!email) reader.problem("email", "invalid_email", email.error().message);
    into.email = email.value_or("");
  }
  if (reader.text("domain", into.domain, kDomainMax)) {
    // What an address at it would be: that rule decides what a domain is.
    auto address = normalize_email("postmaster@" + into.domain);
    if (!address) reader.problem("domain", "invalid_value", "give a domain such as example.com");
    into.domain = address ? std::string(domain_of(*address)) : std::string();
  }
  if (reader.text("phone", into.phone, kPhoneGivenMax)) {
    auto phone = normalize_phone(into.phone);
    if (!phone) reader.problem("phone", "invalid_phone", phone.error().message);
    into.phone = phone.value_or("");
  }
  if (reader.text("alphanumeric", into.alphanumeric, kNameMax) && !is_alphanumeric_id(into.alphanumeric)) {
    reader.problem("alphanumeric", "invalid_value",
                   "1 to 11 letters, digits and spaces, at least one of them a letter");
  }
}

}  // namespace

bool Sender::covers_email(std::string_view address) const noexcept {
  return !address.empty() && (address == email || (!domain.empty() && domain_of(address) == domain));
}

bool Sender::covers_phone(std::string_view from) const noexcept {
  return !from.empty() && (from == phone || from == alphanumeric);
}

bool Sender::may_carry(std::string_view integration) const noexcept {
  return integrations.empty() || std::ranges::find(integrations, integration) != integrations.end();
}

void read_sender(base::JsonElement body, Sender& into, base::Problems& problems) {
  ObjectReader reader(body, "", problems);
  std::string key;
  reader.text("key", key, kNameMax);  // an echo of the address; the address wins
  reader.text("name", into.name, kNameMax);
  const std::size_t before = problems.size();
  read_identity(reader, into);
  const auto given = [](const std::string& text) { return text.empty() ? 0 : 1; };
  const int identities =
      given(into.email) + given(into.domain) + given(into.phone) + given(into.alphanumeric);
  if (problems.size() == before && identities != 1) {
    problems.push_back({"", identities == 0 ? "required" : "conflicting_fields",
                        "give exactly one of email, domain, phone and alphanumeric"});
  }
  reader.texts("integrations", into.integrations, kSenderIntegrationsMax, kNameMax);
  reader.done();
}

void write_sender(base::JsonWriter& out, const Sender& sender) {
  out.object().field_if("key", sender.key).field_if("name", sender.name).field_if("email", sender.email);
  out.field_if("domain", sender.domain).field_if("phone", sender.phone);
  out.field_if("alphanumeric", sender.alphanumeric).key("integrations").array();
  for (const std::string& integration : sender.integrations) out.value(integration);
  out.end_array().end_object();
}

std::string encode(const Sender& sender) {
  base::JsonWriter out;
  write_sender(out, sender);
  return out.str();
}

Result<Sender> decode_sender(std::string_view json) {
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(json));
  base::Problems problems;
  Sender sender;
  read_sender(root, sender, problems);
  if (!problems.empty()) return fail(Errc::Corruption, "a stored sender does not read back");
  return sender;
}

}  // namespace carillon::model
