// The installation's one secret key: where it comes from, and that it is the store's.
#pragma once

#include <memory>
#include <string>

#include "app/options.h"
#include "base/crypto.h"

namespace carillon::app {

// From secrets.key, secrets.key_file, or DATA/secret.key, which is made (0600) for a new data folder where it
// `may_make` one: of a process that shares its store, the key would be lost with its folder.
// Errors: InvalidArgument (not 32 bytes of base64; none is given) · FailedPrecondition (a store without its
// key).
Result<std::unique_ptr<base::KeyRing>> load_keys(const AppOptions& options, bool may_make);

// What is in a key's file, in base64, and where it was found: the same places, but none is made. Errors:
// NotFound (there is none) · those of reading it.
struct KeyText {
  base::Secret text;
  std::string where;
  bool is_setting = false;  // secrets.key or secrets.key_file: a start takes it from there again
};
Result<KeyText> find_key(const AppOptions& options);
// Errors: InvalidArgument (not 32 bytes of base64; names `where`).
Result<std::unique_ptr<base::KeyRing>> read_key(std::string_view base64, const std::string& where);

// What a store that processes share says of the key they all have: data of the record ("cluster", 0,
// "key_id").
[[nodiscard]] std::string key_note(const base::KeyRing& keys);

// The text of DATA/instance: made once per data folder, names this process to the store.
Result<std::string> load_instance(const std::string& data);

// Writes a file with these permissions, whole or not at all. Errors: Unavailable.
Result<void> write_private_file(const std::string& path, std::string_view content);
Result<std::string> read_file(const std::string& path);

}  // namespace carillon::app
