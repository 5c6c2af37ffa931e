#include "providers/slack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "providers/catalog.h"
#include "providers/http_provider.h"

namespace carillon::providers {
namespace slack_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::string_view kEndpoint = "https://slack.com";
constexpr std::string_view kHooks = "https://hooks.slack.com";
constexpr std::size_t kInFlightDefault = 50;
constexpr std::size_t kTextMax = 40'000;  // characters
constexpr Millis kPause{1'000};           // where Slack names no time

constexpr ErrorRow kErrors[] = {
    // chat.postMessage
    {"channel_not_found", OutcomeKind::InvalidRecipient, "Value passed for channel was invalid."},
    {"is_archived", OutcomeKind::InvalidRecipient, "Channel has been archived."},
    {"user_not_found", OutcomeKind::InvalidRecipient, "The user does not exist."},
    {"users_not_found", OutcomeKind::InvalidRecipient, "The user does not exist."},
    {"user_disabled", OutcomeKind::InvalidRecipient, "The user has been deactivated."},
    {"cannot_dm_bot", OutcomeKind::InvalidRecipient, "A bot cannot be written to."},
    {"not_in_channel", OutcomeKind::Permanent, "The bot is not in the channel: invite it."},
    {"restricted_action", OutcomeKind::Permanent, "A workspace preference prevents posting there."},
    {"restricted_action_read_only_channel", OutcomeKind::Permanent, "The channel is read-only."},
    {"restricted_action_thread_only_channel", OutcomeKind::Permanent,
     "Cannot post top-level messages into a thread-only channel."},
    {"restricted_action_non_threadable_channel", OutcomeKind::Permanent,
     "Cannot post thread replies into a non-threadable channel."},
    {"msg_too_long", OutcomeKind::Permanent, "Message text is too long."},
    {"msg_blocks_too_long", OutcomeKind::Permanent, "The blocks are too long."},
    {"attachment_payload_limit_exceeded", OutcomeKind::Permanent, "The attachments are too large."},
    {"too_many_contact_cards", OutcomeKind::Permanent, "A message has at most 10 contact cards."},
    {"markdown_text_conflict", OutcomeKind::Permanent, "markdown_text does not go with blocks or text."},
    {"missing_file_data", OutcomeKind::Permanent, "Some data of a shared file is missing."},
    {"cannot_reply_to_message", OutcomeKind::Permanent, "That message cannot have thread replies."},
    {"restricted_action_thread_locked", OutcomeKind::Permanent, "Administrators have locked the thread."},
    {"slack_connect_canvas_sharing_blocked", OutcomeKind::Permanent,
     "An administrator has disabled canvas sharing in Slack Connect."},
    {"slack_connect_file_link_sharing_blocked", OutcomeKind::Permanent,
     "An administrator has disabled file sharing in Slack Connect."},
    {"slack_connect_lists_sharing_blocked", OutcomeKind::Permanent,
     "An administrator has disabled list sharing in Slack Connect."},
    {"team_not_found", OutcomeKind::Permanent, "With an org-wide token give the channel's id, not its name."},
    {"duplicate_channel_not_found", OutcomeKind::Permanent, "The channel of client_msg_id is not valid."},
    {"duplicate_message_not_found", OutcomeKind::Permanent, "No message exists with that client_msg_id."},
    {"draft_already_deleted", OutcomeKind::Permanent, "The draft has already been deleted."},
    {"draft_already_sent", OutcomeKind::Permanent, "The draft has already been sent."},
    {"draft_has_conflict", OutcomeKind::Permanent, "The draft is out of sync with the server."},
    {"draft_not_found", OutcomeKind::Permanent, "The draft was not found."},
    {"no_text", OutcomeKind::Permanent, "No message text provided."},
    {"too_many_attachments", OutcomeKind::Permanent, "A message has at most 100 attachments."},
    {"invalid_blocks", OutcomeKind::Permanent, "The blocks are not valid."},
    {"invalid_blocks_format", OutcomeKind::Permanent, "The blocks are no array of blocks."},
    {"invalid_attachments", OutcomeKind::Permanent, "The attachments are not valid."},
    {"invalid_arguments", OutcomeKind::Permanent, "The method was called with invalid arguments."},
    {"invalid_arg_name", OutcomeKind::Permanent, "The name of an argument is not valid."},
    {"invalid_array_arg", OutcomeKind::Permanent, "An argument is an array."},
    {"invalid_metadata_format", OutcomeKind::Permanent, "The metadata is not valid."},
    {"invalid_metadata_schema", OutcomeKind::Permanent, "The schema of the metadata is not valid."},
    {"metadata_too_large", OutcomeKind::Permanent, "The metadata is too large."},
    {"as_user_not_supported", OutcomeKind::Permanent, "as_user does not work with workspace apps."},
    {"invalid_charset", OutcomeKind::Permanent, "The charset is not valid."},
    {"invalid_form_data", OutcomeKind::Permanent, "The form data is missing or not valid."},
    {"invalid_json", OutcomeKind::Permanent, "The body is no JSON."},
    {"json_not_object", OutcomeKind::Permanent, "The body is no JSON object."},
    {"invalid_post_type", OutcomeKind::Permanent, "The Content-Type is not valid."},
    {"missing_post_type", OutcomeKind::Permanent, "The Content-Type is missing."},
    {"rate_limited", OutcomeKind::Throttled, "Too many messages."},
    {"ratelimited", OutcomeKind::Throttled, "Too many requests."},
    {"message_limit_exceeded", OutcomeKind::Throttled, "The workspace has too many messages."},
    {"not_authed", OutcomeKind::Misconfigured, "No token: set bot_token."},
    {"invalid_auth", OutcomeKind::Misconfigured, "The token is not valid: check bot_token."},
    {"account_inactive", OutcomeKind::Misconfigured, "The token is of a deleted user or workspace."},
    {"token_revoked", OutcomeKind::Misconfigured, "The token was revoked or the app removed."},
    {"token_expired", OutcomeKind::Misconfigured, "The token has expired."},
    {"no_permission", OutcomeKind::Misconfigured, "The token lacks the permission to do this."},
    {"missing_scope", OutcomeKind::Misconfigured, "The token lacks a scope: chat:write is needed."},
    {"not_allowed_token_type", OutcomeKind::Misconfigured, "This kind of token cannot be used."},
    {"access_denied", OutcomeKind::Misconfigured, "Access is denied."},
    {"metadata_must_be_sent_from_app", OutcomeKind::Misconfigured,
     "Message metadata needs the token of an app: use a bot token, xoxb-…."},
    {"team_access_not_granted", OutcomeKind::Misconfigured, "The token has no access to the workspace."},
    {"two_factor_setup_required", OutcomeKind::Misconfigured, "Two-factor set-up is required."},
    {"messages_tab_disabled", OutcomeKind::Misconfigured, "Switch on the messages tab of the app."},
    {"deprecated_endpoint", OutcomeKind::Misconfigured, "The endpoint has been deprecated."},
    {"method_deprecated", OutcomeKind::Misconfigured, "The method has been deprecated."},
    {"accesslimited", OutcomeKind::Misconfigured, "Access is limited on the current network."},
    {"ekm_access_denied", OutcomeKind::Misconfigured, "Administrators have suspended posting."},
    {"enterprise_is_restricted", OutcomeKind::Misconfigured, "It cannot be called from an Enterprise."},
    {"org_login_required", OutcomeKind::Temporary, "The workspace is being moved to an Enterprise."},
    {"team_added_to_org", OutcomeKind::Temporary, "The workspace is being moved to an Enterprise."},
    {"request_timeout", OutcomeKind::Temporary, "The data was missing or truncated."},
    {"service_unavailable", OutcomeKind::Temporary, "The service is temporarily unavailable."},
    // Slack says that some of it may have succeeded.
    {"fatal_error", OutcomeKind::Ambiguous, "A catastrophic error."},
    {"internal_error", OutcomeKind::Ambiguous, "An internal error."},
    // Incoming webhooks. They are addresses of their own, so that a bad one says nothing of the account.
    {"invalid_payload", OutcomeKind::Permanent, "The payload is not valid."},
    {"channel_is_archived", OutcomeKind::InvalidRecipient, "The webhook's channel has been archived."},
    {"no_service", OutcomeKind::InvalidRecipient, "The webhook is disabled or was removed."},
    {"no_service_id", OutcomeKind::InvalidRecipient, "The webhook's URL is not valid."},
    {"no_team", OutcomeKind::InvalidRecipient, "The webhook's workspace does not exist."},
    {"team_disabled", OutcomeKind::InvalidRecipient, "The webhook's workspace is disabled."},
    {"invalid_token", OutcomeKind::InvalidRecipient, "The webhook's URL is not valid."},
    {"action_prohibited", OutcomeKind::Permanent, "An administrator restricts the webhook."},
    {"posting_to_general_channel_denied", OutcomeKind::Permanent,
     "The webhook may not post to the general channel."},
};

const ErrorRow* find_row(std::string_view code) {
  const auto* const row = std::ranges::find(kErrors, code, &ErrorRow::code);
  return row == std::end(kErrors) ? nullptr : row;
}

Outcome refusal(std::string_view code, const net::HttpResponse& response, Time now) {
  const ErrorRow* const row = find_row(code);
  // A 429 was never processed, whatever it says.
  const OutcomeKind kind = response.status == 429 ? OutcomeKind::Throttled
                           : row != nullptr       ? row->kind
                                                  : kind_of_status(response.status);
  Outcome outcome = Outcome::of(kind, response.status, std::string(code.substr(0, 64)),
                                row != nullptr ? std::string(row->text) : "an error not documented");
  // A channel's limit is its own.
  outcome.is_of_address = kind == OutcomeKind::Throttled;
  heed_retry_after(outcome, response, now, kPause);
  return outcome;
}

std::string text_of(const model::Message& message) {
  std::string text;
  if (!message.title.empty()) text = fmt::format("*{}*", escaped(message.title));
  for (const std::string& part : {message.body, message.url}) {
    if (part.empty()) continue;
    if (!text.empty()) text += '\n';
    text += escaped(part);
  }
  return text;
}

class SlackProvider final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    return std::make_unique<SlackProvider>(std::move(options), std::move(common), context);
  }

  SlackProvider(Options options, CommonOptions common, const Context& context)
      : HttpProvider(common, context, "slack", kInFlightDefault),
        options_(std::move(options)),
        common_(std::move(common)) {}

  Task<TestReport> test(base::Deadline deadline) override {
    if (options_.bot_token.empty())
      co_return TestReport{true, "Without bot_token only addresses with a secret of their own are reached."};
    net::HttpCall call = api_call("auth.test", options_.bot_token);
    const auto response = co_await ask(std::move(call), deadline);
    if (!response) co_return TestReport{false, "Slack could not be reached: " + response.error().detail};
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    bool is_ok = false;
    if (root && (*root)["ok"].get(is_ok) == simdjson::SUCCESS && is_ok)
      co_return TestReport{true, "Slack accepted the token."};
    const Outcome outcome = classify(*response, now());
    co_return TestReport{
        false, fmt::format("Slack answered {} {}: {}", response->status, outcome.code, outcome.detail)};
  }

 private:
  static bool is_hook(const Job& job) { return job.target.secret.reveal().starts_with("http"); }

  net::HttpCall api_call(std::string_view method, const base::Secret& token) const {
    net::HttpCall call = call_to(fmt::format("/api/{}", method));
    call.request.method = "POST";
    call.request.headers = {{"content-type", "application/json; charset=utf-8"},
                            {"authorization", fmt::format("Bearer {}", token.reveal())}};
    return call;
  }

  std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    const std::size_t length = count_characters(text_of(*job.message));
    if (length > kTextMax) return std::unexpected(too_long("the text", length, kTextMax, "characters"));
    if (const Millis wait = limits_.wait(job.target.address, now()); wait > Millis(0)) {
      Outcome later = Outcome::of(OutcomeKind::Throttled, 0, "ratelimited", "the channel has to wait");
      later.is_of_address = true;
      later.retry_after = wait;
      return std::unexpected(std::move(later));
    }
    if (is_hook(job)) return hook_call(job);
    const base::Secret& token = job.target.secret.empty() ? options_.bot_token : job.target.secret;
    if (token.empty()) {
      return std::unexpected(Outcome::of(OutcomeKind::Permanent, 0, "not_authed",
                                         "the address has no secret, and the integration no bot_token"));
    }
    net::HttpCall call = api_call("chat.postMessage", token);
    call.request.body = body_of(job, false);
    return call;
  }

  // A URL that somebody gave is called only where Slack has its webhooks.
  std::expected<net::HttpCall, Outcome> hook_call(const Job& job) const {
    const std::string url(job.target.secret.reveal());
    const std::string_view place = common_.endpoint == kEndpoint ? kHooks : common_.endpoint;
    if (!url.starts_with(fmt::format("{}/services/", place))) {
      return std::unexpected(Outcome::of(OutcomeKind::Permanent, 0, "hook_refused",
                                         fmt::format("an incoming webhook begins with {}/services/", place)));
    }
    net::HttpCall call;
    call.url = url;
    call.request.method = "POST";
    call.request.headers = {{"content-type", "application/json; charset=utf-8"}};
    call.request.body = body_of(job, true);
    call.ca_file = common_.ca_file;
    return call;
  }

  Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    Outcome outcome = is_hook(job) ? classify_hook(response, now()) : classify(response, now());
    if (outcome.kind == OutcomeKind::Throttled)
      limits_.refused(job.target.address, now() + outcome.retry_after.value_or(kPause));
    // A token that is the recipient's own says nothing of the account's.
    if (outcome.kind == OutcomeKind::Misconfigured && !job.target.secret.empty()) {
      outcome.kind = OutcomeKind::Permanent;
      outcome.is_of_address = true;
    }
    return outcome;
  }

  const Options options_;
  const CommonOptions common_;
  mutable ChannelLimits limits_;  // what Slack has said so far
};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("bot_token", options.bot_token)
      .help(
          "Bot token, xoxb-…, with the scope chat:write; empty: only addresses with a secret of their own "
          "(an incoming webhook's URL, or a token) are reached.")
      .korean(
          "chat:write 권한이 있는 봇 토큰으로, xoxb-…로 시작합니다. 비워 두면 자체 시크릿(수신 웹훅 URL이나 "
          "토큰)이 있는 주소에만 보냅니다.");
}

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;  // any other character
    }
  }
  return out;
}

std::string body_of(const Job& job, bool is_hook) {
  constexpr std::array<std::string_view, 4> kOurs{"channel", "text", "token", "metadata"};
  const model::Message& message = *job.message;
  std::string text = text_of(message);
  base::JsonWriter out(message.slack.size() + text.size() + 256);
  out.object();
  if (!is_hook) out.field("channel", job.target.address);
  base::JsonDocument document;
  base::JsonObject given;
  const auto root = document.parse(message.slack.empty() ? "{}" : message.slack);
  if (root && root->get_object().get(given) == simdjson::SUCCESS) {
    std::string_view own;
    if (text.empty() && given["text"].get(own) == simdjson::SUCCESS) text = own;
    for (const auto [key, value] : given) {
      if (std::ranges::find(kOurs, key) == kOurs.end()) out.key(key).element(value);
    }
  }
  out.field_if("text", text);
  if (!is_hook) {
    out.key("metadata").object().field("event_type", "carillon").key("event_payload").object();
    out.field("d", job.delivery_text()).field("n", job.notification_text()).end_object().end_object();
  }
  out.end_object();
  return out.str();
}

Outcome classify(const net::HttpResponse& response, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  bool is_ok = false;
  std::string_view error, ts;
  if (root && (*root)["ok"].get(is_ok) != simdjson::SUCCESS) is_ok = false;
  if (is_ok && response.status / 100 == 2) {
    if ((*root)["ts"].get(ts) != simdjson::SUCCESS)
      return Outcome::ambiguous("an answer without a ts", response.status);
    return Outcome::sent(std::string(ts), response.status);
  }
  if (!root || (*root)["error"].get(error) != simdjson::SUCCESS) {
    // A success that says nothing may be one.
    if (response.status / 100 == 2)
      return Outcome::ambiguous("an answer that makes no sense", response.status);
    error = {};
  }
  return refusal(error, response, now);
}

Outcome classify_hook(const net::HttpResponse& response, Time now) {
  if (response.status == 200) return Outcome::sent({}, 200);
  const bool is_word = response.body.size() <= 64 && std::ranges::all_of(response.body, [](char c) {
                         return (c >= 'a' && c <= 'z') || c == '_';
                       });
  Outcome outcome = refusal(is_word ? std::string_view(response.body) : std::string_view{}, response, now);
  if (outcome.code.empty() && response.status == 404) outcome.kind = OutcomeKind::InvalidRecipient;
  return outcome;
}

Millis ChannelLimits::wait(const std::string& channel, Time now) {
  const auto it = limits_.find(channel);
  if (it == limits_.end()) return Millis(0);
  if (it->second.until <= now) {
    limits_.erase(it);
    return Millis(0);
  }
  return std::chrono::duration_cast<Millis>(it->second.until - now) + kSpacing * it->second.waiting++;
}

void ChannelLimits::refused(const std::string& channel, Time until) {
  if (limits_.size() >= kChannelsMax) limits_.clear();  // Slack says it again
  auto& limit = limits_[channel];
  limit.until = std::max(limit.until, until);
}

}  // namespace slack_detail

extern const ProviderType slack{
    .name = "slack",
    .title = "Slack",
    .channel = model::Channel::Chat,
    .platforms = {},
    .service = "slack",
    .default_endpoint = slack_detail::kEndpoint,
    .batch_max = 16,
    .in_flight_default = slack_detail::kInFlightDefault,
    .declare = declare_as<slack_detail::Options, slack_detail::describe_options>,
    .open = open_as<slack_detail::SlackProvider, slack_detail::Options, slack_detail::describe_options>,
};

}  // namespace carillon::providers
