// Moving a store for good: from the files of one machine into a PostgreSQL database.
//
// Only one of the two can be opened at any time. Before the first row is carried the files are marked, and a
// store that is marked is refused by open_sqlite(); the database is refused by open_postgres() until all of
// it is there. So a move may be ended at any moment, by whatever, and goes on with the next call: how far it
// came is in the database, written with the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/secret.h"
#include "store/backup.h"

namespace carillon::store {

struct MoveOptions {
  std::string folder;                   // of the files; nobody has them open
  base::Secret url;                     // as PostgresOptions::url
  const base::KeyRing* keys = nullptr;  // of the files; outlives the call
  std::string key_note;  // data of the record ("cluster", 0, "key_id"), which says whose key it is
};

enum class MoveState : std::uint8_t {
  NotBegun,  // nothing of it is in the database
  Begun,     // goes on where it was
  Done       // what the files held is in that database
};

struct MovedTable {
  std::string name;
  std::int64_t source = 0, target = 0;  // rows; an index is given as its entries
};

struct MoveOutlook {
  MoveState state = MoveState::NotBegun;
  bool is_marked = false;          // the files are, so that no server has had them since
  SchemaVersions schema;           // of the files
  std::vector<MovedTable> tables;  // `target` is 0
};

// Looks whether it can be done, and writes nothing. Blocks. Errors: NotFound (no store there) ·
// FailedPrecondition (a process has the folder: names it; the files, or the database, are of a newer version;
// the database holds something else, or an unfinished move of another store; the files were moved to another
// one; they are sealed with another key) · Unavailable · those of PostgreSQL (PgDb::open).
Result<MoveOutlook> look_before_move(const MoveOptions& options);

// Rows carried so far, and in all. On the calling thread, many times a second.
using MoveSeen = std::function<void(std::string_view what, std::int64_t done, std::int64_t total)>;
// Moves, or goes on. Nothing may be in processing: what an earlier run left is decided before (its journal is
// not moved). Every table with its number of rows on both sides; empty when it was done before. Blocks.
// Errors: as above · Corruption (a table has not the same number of rows on both sides).
Result<std::vector<MovedTable>> move_to_postgres(const MoveOptions& options, const MoveSeen& seen);

// Takes the mark away, so that the files may be opened again; the database of the move is worth nothing then.
// False: no move has begun. Errors: NotFound · FailedPrecondition (the move is done; the folder is in use).
Result<bool> undo_move(const std::string& folder);

}  // namespace carillon::store
