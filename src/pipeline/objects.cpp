#include "pipeline/objects.h"

#include <algorithm>

#include "base/ids.h"
#include "model/media_type.h"
#include "model/public_link.h"
#include "net/http.h"
#include "pipeline/pipeline.h"
#include "pipeline/refusal.h"
#include "pipeline/route.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kSweepMax = 50;  // names removed at a time
constexpr auto kRemoveTimeout = std::chrono::seconds(30);

// An object, and where the send names it.
struct Use {
  std::int64_t id = 0;
  std::string pointer;
  bool is_image = false;
};

void add_image(std::vector<Use>& uses, const std::string& image, std::string pointer) {
  if (const auto id = base::parse_id(base::kObjectPrefix, image))
    uses.push_back({*id, std::move(pointer), true});
}

std::vector<Use> uses_of(const model::SendRequest& request, const model::Template* tmpl) {
  std::vector<Use> uses;
  for (std::size_t i = 0; i < request.attachments.size(); ++i) {
    uses.push_back({request.attachments[i].object, fmt::format("/attachments/{}/object_id", i), false});
  }
  if (request.content) add_image(uses, request.content->image, "/image");
  if (tmpl != nullptr) {
    for (const auto& [locale, content] : tmpl->content) add_image(uses, content.image, "/template");
  }
  return uses;
}

// Apps see their own, and what is nobody's own; clients no objects at all.
bool is_for(const Caller& caller, const store::StoredObject& object) {
  return object.project == caller.project && caller.client_user.empty() &&
         (!caller.app || object.app == 0 || object.app == caller.app->id);
}

std::optional<base::Problem> problem_of(const Use& use, const std::optional<store::StoredObject>& object,
                                        const Caller& caller, Time now) {
  // What a template shows was chosen by whoever wrote it, for all apps.
  const bool is_shared = use.pointer == "/template" && object && object->project == caller.project;
  if (!object || (!is_shared && !is_for(caller, *object))) {
    return base::Problem{use.pointer, "unknown_object", "there is no object of that id; upload it first"};
  }
  if (object->expires_at <= now) {
    return base::Problem{
        use.pointer, "object_expired",
        fmt::format("the object expired at {}; upload it again", to_rfc3339(object->expires_at))};
  }
  if (use.is_image && !object->type.starts_with("image/")) {
    return base::Problem{use.pointer, "invalid_object",
                         fmt::format("the object is {}; an image is wanted here", object->type)};
  }
  return std::nullopt;
}

// Whether others can fetch an object.
bool has_urls(const ObjectAccess& access) {
  return !access.public_url.empty() ||
         (access.objects != nullptr &&
          access.objects->presign("check", {}, std::chrono::seconds(1)).has_value());
}

std::string quoted_name(std::string_view filename) {
  std::string out = "\"";
  for (const char c : filename) {
    const bool is_plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    out += is_plain ? c : '_';
  }
  return out += '"';
}

}  // namespace

void describe(base::SettingsGroup& group, ObjectOptions& options) {
  group.bytes("size_max", options.size_max)
      .range(1024, static_cast<double>(kObjectMax))
      .help("The largest object that is taken.");
  group.duration("retention", options.retention)
      .range(static_cast<double>(kObjectLifeMin.count()), static_cast<double>(kObjectLifeMax.count()))
      .help("How long an object is kept when its upload does not say; longer while a notification needs it.");
  group.duration("link_lasts", options.link_lasts)
      .range(60'000, 7 * 86'400'000.0)
      .help("How long the URL of a push's or MMS's image works.");
}

std::string object_name(std::int64_t id) { return base::id_text(base::kObjectPrefix, id); }

objects::ShownAs shown_as(const store::StoredObject& object) {
  std::string disposition = model::is_shown_in_place(object.type) ? "inline" : "attachment";
  if (!object.filename.empty()) {
    disposition += "; filename=" + quoted_name(object.filename);
    // RFC 6266 §4.3: who knows the second form uses that.
    if (!std::ranges::all_of(object.filename, [](char c) { return c >= ' ' && c <= '~'; })) {
      disposition += "; filename*=UTF-8''" + net::percent_encode(object.filename);
    }
  }
  return {object.type, std::move(disposition)};
}

bool names_objects(const model::SendRequest& request, const model::Template* tmpl) noexcept {
  const auto is_object = [](const model::Content& content) {
    return content.image.starts_with(base::kObjectPrefix);
  };
  if (!request.attachments.empty() || (request.content && is_object(*request.content))) return true;
  return tmpl != nullptr &&
         std::ranges::any_of(tmpl->content, [&](const auto& each) { return is_object(each.second); });
}

Task<std::expected<std::vector<std::int64_t>, Refusal>> find_objects(ObjectAccess access, Caller caller,
                                                                     const Plan& plan,
                                                                     const model::SendRequest& request,
                                                                     Time now) {
  const std::vector<Use> uses = uses_of(request, plan.tmpl.get());
  std::vector<std::int64_t> ids;
  for (const Use& use : uses) ids.push_back(use.id);
  auto asked = ids;
  const auto found = co_await access.store.objects().get(std::move(asked));
  if (!found) co_return std::unexpected(unavailable(found.error()));
  base::Problems problems;
  std::int64_t attached = 0;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (auto problem = problem_of(uses[i], (*found)[i], caller, now)) {
      problems.push_back(std::move(*problem));
    } else if (uses[i].is_image && !caller.is_test && !has_urls(access)) {
      problems.push_back(
          {uses[i].pointer, "public_url_missing",
           "others fetch the image from this server; set server.public_url to its https URL first"});
    } else if (!uses[i].is_image && attached <= kAttachmentBytesMax) {
      attached += (*found)[i]->size;
      if (attached > kAttachmentBytesMax) {
        problems.push_back(
            {uses[i].pointer, "attachments_too_large",
             fmt::format("up to this one the attachments have {} bytes together, {} are allowed", attached,
                         kAttachmentBytesMax)});
      }
    }
  }
  if (!problems.empty()) co_return std::unexpected(make_refusal(422, std::move(problems)));
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  co_return ids;
}

Task<Result<void>> link_image(ObjectAccess access, std::int32_t project, model::Message& message, Time now) {
  const auto id = base::parse_id(base::kObjectPrefix, message.image);
  if (!id) co_return fail(Errc::NotFound, fmt::format("there is no object {}", message.image));
  std::vector<std::int64_t> ids{*id};
  CARILLON_CO_TRY(const auto found, co_await access.store.objects().get(std::move(ids)));
  const auto& object = found.front();
  if (!object || object->project != project)
    co_return fail(Errc::NotFound, fmt::format("the image {} is gone", message.image));
  const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(access.options.link_lasts);
  if (access.objects != nullptr) {
    if (auto url = access.objects->presign(object_name(*id), shown_as(*object), lasts)) {
      message.image = std::move(*url);
      co_return Result<void>{};
    }
  }
  // Without an address of this server nobody could fetch it: the sandbox shows the id.
  if (access.public_url.empty()) co_return Result<void>{};
  const std::string token =
      model::object_token({.object = *id, .expires_at = now + lasts}, access.keys.link_key);
  message.image = fmt::format("{}/o/{}", access.public_url, token);
  co_return Result<void>{};
}

Task<Result<bool>> sweep_objects(ObjectAccess access, Time now) {
  if (access.objects == nullptr) co_return false;
  auto& rows = access.store.objects();
  // A URL that was made in an object's last moment works as long as any other.
  CARILLON_CO_TRY(const bool has_more, co_await rows.drop_expired(access.options.link_lasts, now));
  CARILLON_CO_TRY(auto ids, co_await rows.abandoned(kSweepMax, now));
  if (ids.empty()) co_return has_more;
  const bool is_full = ids.size() == kSweepMax;
  std::vector<std::int64_t> gone;
  Result<void> removed;
  for (const std::int64_t id : ids) {
    removed = co_await access.objects->remove(object_name(id), base::Deadline::after(kRemoveTimeout));
    if (!removed) break;
    gone.push_back(id);
  }
  if (!gone.empty()) CARILLON_CO_CHECK(co_await rows.forget(std::move(gone)));
  if (!removed) co_return std::unexpected(removed.error());
  co_return has_more || is_full;
}

}  // namespace carillon::pipeline
