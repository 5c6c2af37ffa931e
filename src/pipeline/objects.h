// Uploaded objects on their way: those a send names, the URLs by which others fetch them, and removing what
// nobody needs any more.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "base/task.h"
#include "model/content.h"
#include "model/notification.h"
#include "model/template.h"
#include "objects/objects.h"
#include "store/store.h"

namespace carillon::pipeline {

struct Caller;
struct Plan;
struct Refusal;

inline constexpr std::int64_t kObjectMax = 32LL << 20;           // bytes, whatever is set
inline constexpr std::int64_t kAttachmentBytesMax = 20LL << 20;  // of one e-mail together
inline constexpr Millis kObjectLifeMin{3'600'000}, kObjectLifeMax{3650LL * 86'400'000};

struct ObjectOptions {
  std::int64_t size_max = 20LL << 20;   // bytes of one object
  Millis retention{30LL * 86'400'000};  // how long one is kept that does not say
  Millis link_lasts{24LL * 3'600'000};  // how long a URL of one works
};
void describe(base::SettingsGroup& group, ObjectOptions& options);

// The name of an object's bytes.
[[nodiscard]] std::string object_name(std::int64_t id);
// How whoever has its URL is shown it.
[[nodiscard]] objects::ShownAs shown_as(const store::StoredObject& object);

// Whether a send names any object: as an attachment, or as the image of its content or its template.
[[nodiscard]] bool names_objects(const model::SendRequest& request, const model::Template* tmpl) noexcept;

// What is needed to look at them and to make URLs.
struct ObjectAccess {
  store::Store& store;
  objects::Objects* objects = nullptr;  // null: this process keeps none
  const base::KeyRing& keys;
  std::string_view public_url;
  const ObjectOptions& options;
};

// The ids of the objects that a send names, each once: there, not expired, the caller's own app's (or of no
// app), not too large together. Refusals, each with its pointer: 422 unknown_object object_expired
// attachments_too_large invalid_object (an image that is none) public_url_missing · 503.
Task<std::expected<std::vector<std::int64_t>, Refusal>> find_objects(ObjectAccess access, Caller caller,
                                                                     const Plan& plan,
                                                                     const model::SendRequest& request,
                                                                     Time now);

// Puts a URL in the place of a message's image that names an object. Errors: NotFound (it is gone; the
// message says which) · those of the store.
Task<Result<void>> link_image(ObjectAccess access, std::int32_t project, model::Message& message, Time now);

// Removes a bounded number of expired objects and of bytes that are nobody's. True: there may be more.
Task<Result<bool>> sweep_objects(ObjectAccess access, Time now);

}  // namespace carillon::pipeline
