// What tracking and the way to say no add to a rendered message, by its category.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/category.h"
#include "model/profile.h"
#include "model/template.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// links.… of templates; see model/template.h.
struct OwnLinks {
  std::string preferences, unsubscribe;
};

struct LinkInput {
  const model::Notification& notification;
  const model::Delivery& delivery;
  const model::Category* category = nullptr;  // null: it is gone; nothing is added
  std::string_view address;                   // this attempt's
  const std::string& public_url;              // empty: nothing is added
  const base::KeyRing& keys;
};

// Where this recipient sets preferences and says no to this kind of message. Who is no user has nothing to
// set, so that both lead to saying no; from what is mandatory nobody can take leave. Empty where there is no
// public URL, or the category is gone.
[[nodiscard]] OwnLinks own_links(const LinkInput& input, const model::Profile* profile, Time now);

// Rewrites links and adds a pixel where the category tracks them, and offers to unsubscribe from what is
// marketing. Categories that are sensitive or about security are never tracked. `render_hidden` renders the
// same message with sensitive parameters hidden; called only when links are rewritten.
void add_links(model::Message& message, const LinkInput& input,
               const std::function<Result<model::Message>()>& render_hidden);

}  // namespace carillon::pipeline
