// What ended as dead(provider_down) is sent after all once its provider is back (PIPELINE §4): replayed by
// the system, audited like any replay. What a ttl ended is expired and stays so.
//
// That a provider is back is seen, not assumed: its integration took a message since the loss or, where none
// comes by to try it, passed its own test. Which integrations lost something is not stored: after a restart
// each may have, until the Store says that nothing is left to revive.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/integrations.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// Delivery thread only.
class Reviver {
 public:
  using Publish = std::function<void(const std::vector<store::Hint>&)>;
  Reviver(const Pipeline::Deps& deps, Integrations& integrations, Publish publish)
      : deps_(deps), integrations_(integrations), publish_(std::move(publish)) {}

  // Looks at every integration that may have lost something, each once a minute at most. What it finds is
  // replayed in bounded chunks, for as long as the integration may be asked. Calls while one runs return at
  // once.
  Task<void> run();
  void stop() noexcept { is_stopping_ = true; }

 private:
  struct Place {
    std::int32_t project = 0;
    std::string key;
  };
  // The account, when it may be asked; null otherwise.
  Account* find(const Place& place);
  Task<void> look(Place place);
  Task<Result<bool>> has_letters(std::int32_t project, std::vector<model::Queue> queues);
  Task<bool> is_back(Place place);
  // Errors: the Store's; Unavailable when the integration may not be asked any more.
  Task<Result<std::size_t>> replay(Place place, model::Queue queue);

  const Pipeline::Deps& deps_;
  Integrations& integrations_;
  Publish publish_;
  bool is_running_ = false;
  bool is_stopping_ = false;
};

}  // namespace carillon::pipeline
