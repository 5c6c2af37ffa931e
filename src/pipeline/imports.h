// The work of an import: rows of a file become users, or members of a group, a piece at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/metrics.h"
#include "base/task.h"
#include "model/import_rows.h"
#include "pipeline/directory.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobImportUsers = "import_users";
inline constexpr std::string_view kJobImportMembers = "import_members";

// What an import has to know besides its file; kept in StoredJob::spec.
struct ImportSpec {
  model::ImportFormat format = model::ImportFormat::Csv;
  std::string group;  // of members
};
std::string encode(const ImportSpec& spec);
Result<ImportSpec> decode_import_spec(std::string_view json);  // Errors: Corruption.

// Does one import from where its job stands. A user who is not there is made, of one who is what the row
// names is changed; who is as the row says already is not written. On one executor.
class Importer {
 public:
  struct Deps {
    store::Store& store;
    const Directory& directory;
    const base::Clock& clock;
    const base::Sealer& sealer;
    base::Counter imported, refused;  // rows
  };
  // `deps` must outlive it. `text`: the whole file.
  Importer(const Deps& deps, store::StoredJob job, std::string text)
      : deps_(deps), job_(std::move(job)), text_(std::move(text)) {}

  // Until the end, or until `is_stopping`. Errors: FailedPrecondition (the job was ended meanwhile) ·
  // NotFound (the group is gone) · InvalidArgument, Corruption (file, spec) · Unavailable and Conflict
  // (later) · those of the store.
  Task<Result<void>> run(const bool& is_stopping);

 private:
  struct Draft;
  // The piece in rows_, which ends there.
  Task<Result<void>> do_piece(model::TextPlace end, bool is_last);
  Task<Result<store::JobStep>> make_users();
  store::JobStep make_members();
  // The row applied to the profile. False: a problem was added, and nothing is changed.
  bool apply(base::JsonElement row, model::Profile& profile, base::Problems& problems);
  void keep_known_secrets(const model::Profile& before, model::Profile& after) const;

  const Deps& deps_;
  store::StoredJob job_;
  const std::string text_;
  ImportSpec spec_;
  std::vector<model::ImportRow> rows_;        // the piece at hand
  std::deque<base::JsonDocument> documents_;  // of its rows, used again for the next
};

}  // namespace carillon::pipeline
