// Which rows are being worked on, for the next process to find after a crash: one row of `claim_run`
// per claim instead of an index entry per delivery (which cost more than two microseconds each).
//
// A run goes when the last of its rows was recorded; after a crash its ids are looked up, and those
// still in processing are the ones left behind. Writer thread only, but for find().
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "store/detail/txn.h"

namespace carillon::store::detail {

class ClaimLog {
 public:
  // Forgets runs nothing of which is in processing any more.
  Result<void> load(Db& db);
  // Writes the run of ids just claimed; clears away finished runs on the occasion. Returns its number.
  Result<std::int64_t> add(Txn& txn, const std::vector<std::int64_t>& ids);
  // After the commit of add() and of a record.
  void claimed(std::int64_t run, const std::vector<std::int64_t>& ids);
  void recorded(std::int64_t id);

  // Ids in any run above `after`, ascending: candidates, some of them done. Any connection.
  static Result<std::vector<std::int64_t>> find(Db& db, std::int64_t after);

 private:
  std::int64_t next_ = 1;
  boost::unordered_flat_map<std::int64_t, std::int64_t> run_of_;  // delivery → run
  boost::unordered_flat_map<std::int64_t, std::int64_t> open_;    // run → rows not recorded
  std::vector<std::int64_t> done_;                                // runs to delete
};

}  // namespace carillon::store::detail
