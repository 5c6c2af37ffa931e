// The Store's part that knows the uploaded objects: whose they are, what they are, until when, and who needs
// them. The bytes are elsewhere (objects/objects.h), under id_text(kObjectPrefix, id).
//
// Bytes come before their row and go after it: what has a row has bytes. Names whose bytes are, or may be,
// nobody's are kept until somebody has removed those.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "store/actor.h"
#include "store/store_views.h"

namespace carillon::store {

struct StoredObject {
  std::int64_t id = 0;
  std::int32_t project = 0;
  std::int64_t app = 0;  // that uploaded it; 0: a management key, a member
  std::int64_t size = 0;
  std::string type, filename;  // filename: empty when none was given
  std::string sha256;          // hexadecimal
  std::string created_by;      // actor
  Time created_at{}, expires_at{};
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Bytes are about to be written under this id: they are nobody's from `due` on, unless put() comes first.
  // Again: the later word counts.
  virtual Task<Result<void>> begin(std::int64_t id, Time due) = 0;
  // They are there. Errors: Conflict (it took so long that they count as nobody's).
  virtual Task<Result<void>> put(StoredObject object) = 0;
  // In order of `ids`, at most 1,000, expired ones too; nullopt: there is none. Cheap (inline on the caller's
  // thread).
  virtual Task<Result<std::vector<std::optional<StoredObject>>>> get(std::vector<std::int64_t> ids) = 0;
  // Newest first, of an app or of all (0).
  virtual Task<Result<std::vector<StoredObject>>> list(std::int32_t project, std::int64_t app,
                                                       ListPage page) = 0;
  // Audited. Errors: NotFound · FailedPrecondition (a notification that is not at its end needs it; the
  // message names it).
  virtual Task<Result<void>> remove(std::int64_t id, Actor actor, Time now) = 0;

  // Drops a bounded number of objects that expired before `now` - `grace` and that no notification needs that
  // is not at its end. True: there may be more.
  virtual Task<Result<bool>> drop_expired(Millis grace, Time now) = 0;
  // Ids whose bytes are nobody's, at most `limit`.
  virtual Task<Result<std::vector<std::int64_t>>> abandoned(std::size_t limit, Time now) = 0;
  // Those bytes are gone.
  virtual Task<Result<void>> forget(std::vector<std::int64_t> ids) = 0;
};

}  // namespace carillon::store
