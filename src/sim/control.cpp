#include "sim/control.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "base/json.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kLimitDefault = 1000;
constexpr std::string_view kSubscription = "/webpush/subscriptions/";

net::HttpResponse json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

net::HttpResponse refuse(int status, std::string_view detail) {
  base::JsonWriter out;
  out.object().field("status", status).field("detail", detail).end_object();
  return json(status, out.str());
}

// What the query of /log and /messages/last may say.
struct Query {
  std::optional<Vendor> vendor;
  std::uint64_t since = 0;
  std::size_t limit = 0;
};

Result<Query> parse_query(std::string_view text, std::size_t limit_default) {
  CARILLON_TRY(const auto fields, net::form_decode(text));
  Query query;
  query.limit = limit_default;
  for (const auto& [name, value] : fields) {
    const char* end = value.data() + value.size();
    std::from_chars_result read{end, std::errc()};
    if (name == "vendor") {
      query.vendor = parse_vendor(value);
      if (!query.vendor)
        return fail(Errc::InvalidArgument,
                    fmt::format("vendor must be one of {}", fmt::join(kVendorNames, ", ")));
    } else if (name == "since") {
      read = std::from_chars(value.data(), end, query.since);
    } else if (name == "limit") {
      read = std::from_chars(value.data(), end, query.limit);
    } else {
      return fail(Errc::InvalidArgument, "unknown parameter " + name);
    }
    if (read.ec != std::errc() || read.ptr != end)
      return fail(Errc::InvalidArgument, name + " must be a number");
  }
  return query;
}

void write(base::JsonWriter& out, const LogEntry& entry, bool has_content) {
  out.object()
      .field("time_ms", entry.time_ms)
      .field("vendor", entry.vendor)
      .field("recipient", entry.recipient)
      .field("delivery", entry.delivery)
      .field("collapse", entry.collapse)
      .field("message_id", entry.message_id)
      .field("answered", entry.is_answered);
  if (has_content) out.field("content", entry.content);
  out.end_object();
}

}  // namespace

net::HttpResponse Control::answer(const net::HttpRequest& request) {
  const std::string_view path = request.path();
  const bool is_get = request.method == "GET";
  const bool is_delete = request.method == "DELETE";
  if (path == "/" && is_get) return json(200, describe_());
  if (path == "/counts" && is_get) return json(200, counts());
  if (path == "/log" && is_get) return log(request);
  if (path == "/log" && is_delete) {
    if (const auto done = context_.log->clear(); !done) return refuse(500, done.error().message);
    return {.status = 204, .headers = {}, .body = {}};
  }
  if (path == "/messages/last" && is_get) return last(request);
  if (path == "/clock" && request.method == "POST") return clock(request);
  if (path == "/webhooks" && request.method == "PUT") return webhooks(request);
  if (path == "/inbound" && request.method == "POST") return inbound(request);
  if (path == "/webpush/subscribe" && request.method == "POST") return subscribe(request);
  if (path.starts_with(kSubscription) && is_delete) {
    if (!context_.subscriptions.end(path.substr(kSubscription.size())))
      return refuse(404, "no such subscription");
    return {.status = 204, .headers = {}, .body = {}};
  }
  if (path == "/faults") {
    if (request.method == "PUT") {
      if (const auto done = context_.faults.apply(request.body); !done)
        return refuse(400, done.error().message);
    } else if (is_delete) {
      context_.faults.clear();
    } else if (!is_get) {
      return refuse(405, "GET, PUT or DELETE");
    }
    return json(200, context_.faults.json());
  }
  return refuse(
      404, "try /counts, /log, /messages/last, /faults, /webhooks, /inbound, /webpush/subscribe or /clock");
}

net::HttpResponse Control::log(const net::HttpRequest& request) {
  const auto query = parse_query(request.query(), kLimitDefault);
  if (!query) return refuse(400, query.error().message);
  const auto page = context_.log->page(query->vendor, query->since, query->limit);
  if (!page) return refuse(500, page.error().message);
  base::JsonWriter out;
  out.object().key("data").array();
  for (const LogEntry& entry : page->entries) write(out, entry, false);
  out.end_array().field("next", page->next).end_object();
  return json(200, out.str());
}

net::HttpResponse Control::last(const net::HttpRequest& request) {
  const auto query = parse_query(request.query(), 1);
  if (!query) return refuse(400, query.error().message);
  if (!query->vendor) return refuse(400, "vendor is required");
  base::JsonWriter out;
  out.object().key("data").array();
  for (const LogEntry& entry : context_.log->last(*query->vendor, query->limit)) write(out, entry, true);
  out.end_array().end_object();
  return json(200, out.str());
}

net::HttpResponse Control::clock(const net::HttpRequest& request) {
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root) return refuse(400, root.error().message);
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  Millis by{0};
  reader.require("advance");
  reader.duration("advance", by, Millis(0), std::chrono::hours(24 * 365));
  reader.done();
  if (!problems.empty()) return refuse(400, problems.front().pointer + ": " + problems.front().detail);
  context_.clock.advance(by);
  base::JsonWriter out;
  out.object().field("now", to_rfc3339(context_.clock.now())).end_object();
  return json(200, out.str());
}

net::HttpResponse Control::webhooks(const net::HttpRequest& request) {
  constexpr std::size_t kUrlMax = 2048;
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root) return refuse(400, root.error().message);
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  std::array<std::optional<std::string>, kVendors.size()> urls;
  for (const Vendor vendor : kVendors) {
    std::string url;
    if (reader.text(name(vendor), url, kUrlMax)) urls[index(vendor)] = url;
  }
  reader.done();
  if (!problems.empty()) return refuse(400, problems.front().pointer + ": " + problems.front().detail);
  for (const Vendor vendor : kVendors) {
    if (urls[index(vendor)]) context_.webhooks.set(vendor, *urls[index(vendor)]);
  }
  return {.status = 204, .headers = {}, .body = {}};
}

net::HttpResponse Control::inbound(const net::HttpRequest& request) {
  constexpr std::size_t kPhoneMax = 32, kTextMax = 4096;
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root) return refuse(400, root.error().message);
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  std::string vendor, from, text;
  reader.require("vendor");
  reader.text("vendor", vendor, kPhoneMax);
  reader.require("from");
  reader.text("from", from, kPhoneMax);
  reader.text("text", text, kTextMax);
  reader.done();
  if (!problems.empty()) return refuse(400, problems.front().pointer + ": " + problems.front().detail);
  const auto which = parse_vendor(vendor);
  if (!which || !receive_(*which, from, text)) {
    return refuse(409, "this vendor takes no messages, or PUT /webhooks has set none for it");
  }
  return {.status = 204, .headers = {}, .body = {}};
}

net::HttpResponse Control::subscribe(const net::HttpRequest& request) {
  const auto made = context_.subscriptions.make_for(request.body);
  return made ? json(201, *made) : refuse(400, made.error().message);
}

std::string Control::counts() const {
  const Counts counts = context_.log->counts();
  base::JsonWriter out;
  out.object();
  for (const Vendor vendor : kVendors) {
    const VendorCounts& of = counts[index(vendor)];
    out.key(name(vendor)).object().field("accepted", of.accepted).field("unanswered", of.unanswered);
    out.key("refused").object();
    for (const auto& [reason, n] : of.refused) out.field(reason, n);
    out.end_object().end_object();
  }
  out.end_object();
  return out.str();
}

}  // namespace carillon::sim
