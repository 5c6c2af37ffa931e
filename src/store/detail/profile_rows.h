// Profiles as rows: the record itself and who owns which device and token.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "model/profile.h"
#include "store/detail/txn.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

// The row id a user's profile has unless another user has it already: finding it costs one walk down the
// table instead of one down the index and one down the table.
[[nodiscard]] std::int64_t profile_id(std::int32_t project, std::string_view user_id);
// Null: there is no such user. `id`: profile_id() of the key. Errors: Corruption.
Result<std::shared_ptr<model::Profile>> load_profile(Db& db, const UserKey& key, std::int64_t id);
inline Result<std::shared_ptr<model::Profile>> load_profile(Db& db, const UserKey& key) {
  return load_profile(db, key, profile_id(key.project, key.user_id));
}
// The same to be written in this transaction: nobody else writes it until that ends.
Result<std::shared_ptr<model::Profile>> take_profile(Txn& txn, const UserKey& key);
// Inserts (version 1) or replaces the row. Owners are not touched.
Result<void> write_profile(Txn& txn, const model::Profile& profile);
Result<void> remove_profile(Txn& txn, const UserKey& key);

// Whether there may be rows of an earlier version whose phone number is not in its column yet.
Result<bool> has_unfilled_phones(Db& db);
// Fills in a piece of them. True: there may be more.
Result<bool> fill_phones(Txn& txn);

// The place of an endpoint in `endpoint_owner`: 8 bytes from the token alone, so that a bare token is a
// range of the table, and 8 from service, bundle and token.
base::Hash128 endpoint_hash(const base::KeyedHash& hash, std::string_view service, std::string_view bundle,
                            std::string_view token);
// First and last place an endpoint with this token can have.
std::pair<base::Hash128, base::Hash128> token_range(const base::KeyedHash& hash, std::string_view token);

// A profile about to be written: cleaned, its version one above the stored one it replaces.
struct PreparedProfile {
  model::Profile profile;
  std::int64_t expected = 0;  // the stored version; 0: none
  std::size_t dropped = 0;    // devices beyond the limit
  [[nodiscard]] std::size_t rows() const noexcept { return 4 + profile.devices.size() * 2; }
};
PreparedProfile prepare_profile(model::Profile profile, const base::KeyedHash& hash, Time now);

struct OwnedEndpoint {
  base::Hash128 hash{};
  std::string_view device_id;  // points into the profile
  friend bool operator==(const OwnedEndpoint&, const OwnedEndpoint&) = default;
};
// All of a profile, sorted by hash.
std::vector<OwnedEndpoint> endpoints_of(const model::Profile& profile, const base::KeyedHash& hash);

// Brings both owner tables from what `before` has to what `after` has; null: nothing. Rows that by now
// belong to another user stay.
Result<void> write_owners(Txn& txn, const base::KeyedHash& hash, const model::Profile* before,
                          const model::Profile* after);

}  // namespace carillon::store::detail
