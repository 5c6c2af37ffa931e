// What an audited replay changed about a delivery, as the Store keeps it in the delivery's note.
#pragma once

#include <string>

#include "model/notification.h"

namespace carillon::pipeline {

struct ReplayChanges {
  std::string params;       // instead of to[i].params: a JSON object, or empty
  std::string address;      // instead of the raw address, or empty
  std::string integration;  // asked first, or empty
};

[[nodiscard]] inline ReplayChanges replay_changes(const model::Delivery& delivery) {
  ReplayChanges changes;
  if (delivery.generation == 0 || delivery.note.empty()) return changes;
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(delivery.note);
  if (!root) return changes;
  base::ObjectReader reader(*root, "", problems);
  if (const auto object = reader.element("changes")) {
    base::ObjectReader inner(*object, "", problems);
    inner.json_object("params", changes.params, model::kRequestMax);
    inner.text("address", changes.address, 4096);
    inner.text("integration", changes.integration, 64);
  }
  return changes;
}

}  // namespace carillon::pipeline
