// Addresses that must never be contacted. Kept as hashes; a masked form is for people.
#include "api/router.h"
#include "model/address.h"
#include "pipeline/route.h"

namespace carillon::api {
namespace {

using model::Channel;

constexpr std::size_t kAddressMax = 4096;  // bytes
constexpr std::size_t kReasonMax = 64;     // bytes

struct Target {
  Channel channel = Channel::Email;
  std::string address;
};

std::expected<Target, Failure> read_target(std::string_view channel, std::string_view address) {
  const auto parsed = model::parse_channel(channel);
  if (!parsed || *parsed == Channel::Push || *parsed == Channel::Inbox) {
    return failed_at("/channel", "invalid_channel", "use email, sms, voice, chat or webhook");
  }
  Target target{*parsed, std::string(address)};
  if (*parsed == Channel::Email) {
    auto email = model::normalize_email(address);
    if (!email) return failed_at("/address", "invalid_email", email.error().message);
    target.address = std::move(*email);
  } else if (*parsed == Channel::Sms || *parsed == Channel::Voice) {
    auto phone = model::normalize_phone(address);
    if (!phone) return failed_at("/address", "invalid_phone", phone.error().message);
    target.address = std::move(*phone);
  } else if (address.empty() || address.size() > kAddressMax) {
    return failed_at("/address", "invalid_address",
                     fmt::format("give an address of 1 to {} bytes", kAddressMax));
  }
  return target;
}

store::Suppression make(Call& call, const Target& target) {
  store::Suppression s;
  s.project = call.who.project;
  s.channel = target.channel;
  s.hash = pipeline::address_key(call.deps.keys.address_hash, target.channel, target.address);
  s.hint = model::mask_address(target.channel, target.address);
  s.at = call.now;
  return s;
}

void write_suppression(base::JsonWriter& out, const store::Suppression& s) {
  out.object().field("channel", model::name(s.channel)).field("address", s.hint);
  out.field("reason", s.reason).field("at", to_rfc3339(s.at)).end_object();
}

Task<Answer> add(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string channel, address, reason = "manual";
  reader.require("channel");
  reader.require("address");
  reader.text("channel", channel, 16);
  reader.text("address", address, kAddressMax);
  reader.text("reason", reason, kReasonMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(const Target target, read_target(channel, address));
  store::Suppression s = make(call, target);
  s.reason = reason;
  CARILLON_CO_CHECK(co_await call.deps.store.put_suppression(s, false, call.actor(), call.now));
  base::JsonWriter out;
  write_suppression(out, s);
  co_return json_reply(out, 201);
}

Task<Answer> remove(Call& call, std::string channel, std::string address) {
  CARILLON_CO_TRY(const Target target, read_target(channel, address));
  store::Suppression s = make(call, target);
  std::vector<store::AddressKey> keys{{s.channel, s.hash}};
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.suppressed(call.who.project, std::move(keys)));
  if (!found.front()) co_return std::unexpected(not_found("suppression of that address"));
  CARILLON_CO_CHECK(co_await call.deps.store.put_suppression(std::move(s), true, call.actor(), call.now));
  co_return no_content();
}

Task<Answer> remove_by_path(Call& call) { return remove(call, call.args[0], call.args[1]); }
Task<Answer> remove_by_query(Call& call) {
  return remove(call, std::string(call.param("channel")), std::string(call.param("address")));
}

// With an address: whether that one is suppressed, as a list of one or none.
Task<Answer> look_up(Call& call, Paging paging) {
  CARILLON_CO_TRY(const Target target, read_target(call.param("channel"), call.param("address")));
  std::vector<store::AddressKey> keys{{target.channel, make(call, target).hash}};
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.suppressed(call.who.project, std::move(keys)));
  base::JsonWriter out;
  out.object().key("data").array();
  if (found.front()) write_suppression(out, *found.front());
  out.end_array();
  write_page(out, call, paging, std::nullopt);
  co_return json_reply(out);
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  if (call.has_param("address")) co_return co_await look_up(call, paging);
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_suppressions(call.who.project, page));
  base::JsonWriter out(160 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : rows) write_suppression(out, row);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

}  // namespace

std::span<const Route> suppression_routes() {
  static const Route kRoutes[] = {
      {.method = "POST",
       .pattern = "/v1/suppressions",
       .access = allow(kScopePeople, "people"),
       .handler = add,
       .tag = "People",
       .summary = "Never contact this address",
       .request = "Suppression",
       .response = "Suppression",
       .status = 201,
       .kind = RouteKind::Creates},
      {.method = "GET",
       .pattern = "/v1/suppressions",
       .access = allow(kScopePeople, "people"),
       .handler = list,
       .tag = "People",
       .summary = "List suppressed addresses, or look one up",
       .response = "SuppressionList",
       .query = "limit after channel address"},
      {.method = "DELETE",
       .pattern = "/v1/suppressions",
       .access = allow(kScopePeople, "people"),
       .handler = remove_by_query,
       .tag = "People",
       .summary = "Allow an address again",
       .status = 204,
       .query = "channel address",
       .needed_query = "channel address"},
      {.method = "DELETE",
       .pattern = "/v1/suppressions/{channel}/{address}",
       .access = allow(kScopePeople, "people"),
       .handler = remove_by_path,
       .tag = "People",
       .summary = "Allow an address again",
       .status = 204},
  };
  return kRoutes;
}

}  // namespace carillon::api
