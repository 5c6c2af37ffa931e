// What people look raw addresses up by. The files have it folded into one index with users and event ids
// (history.h), which PostgreSQL has elsewhere, by the rows that are carried; so of its entries only those of
// addresses go, besides those that were not folded into it yet.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/detail/history.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {

class AddressReader {
 public:
  // Keys of users and of event ids are told from those of addresses by making them again. `keys` outlives
  // this. Reads all users once, of which it remembers 8 bytes each; of those beyond kUsersMax the entries are
  // carried, too, and found by nobody.
  static Result<std::unique_ptr<AddressReader>> open(SqliteDb& everything, SqliteDb& people,
                                                     const base::KeyRing& keys);

  enum class Part : std::uint8_t {
    Blocks,  // of the index
    Late,    // of the index, one by one
    Waiting  // not in it yet
  };
  static constexpr std::array kParts{Part::Blocks, Part::Late, Part::Waiting};
  struct Batch {
    std::vector<std::pair<std::int64_t, std::int64_t>> entries;  // (key, notification); each once
    std::int64_t read = 0;                                       // entries of any kind
    std::string place;
    bool is_last = false;
  };
  Result<Batch> read(Part part, const std::string& place);
  // Entries of any kind, nearly.
  Result<std::int64_t> count();

 private:
  static constexpr std::size_t kUsersMax = 16'000'000;
  AddressReader(SqliteDb& db, const base::KeyRing& keys) : db_(db), history_(keys) {}
  Result<void> load_users(SqliteDb& people);
  Result<bool> is_address(std::int64_t key, std::int64_t notification);

  SqliteDb& db_;
  const History history_;
  std::vector<std::int64_t> users_;  // sorted
};

}  // namespace carillon::store::detail
