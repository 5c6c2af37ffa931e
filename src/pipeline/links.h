// What tracking and the way to say no add to a rendered message, by its category.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/category.h"
#include "model/template.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

struct LinkInput {
  const model::Notification& notification;
  const model::Delivery& delivery;
  const model::Category* category = nullptr;  // null: it is gone; nothing is added
  std::string_view address;                   // this attempt's
  const std::string& public_url;              // empty: nothing is added
  const base::KeyRing& keys;
};

// Rewrites links and adds a pixel where the category tracks them, and offers to unsubscribe from what is
// marketing. Categories that are sensitive or about security are never tracked. `render_hidden` renders the
// same message with sensitive parameters hidden; called only when links are rewritten.
void add_links(model::Message& message, const LinkInput& input,
               const std::function<Result<model::Message>()>& render_hidden);

}  // namespace carillon::pipeline
