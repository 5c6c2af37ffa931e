// Restoring: a backup becomes the store of a data folder, and sends nothing until somebody says so.
//
// What was open at the moment of the backup may have been sent since, by the store it is a copy of. So a
// restored store begins with a pause of everything in each project; what was being asked of a provider at
// that moment is treated as after a crash, by what its category says of unknown outcomes. The files are put
// together and checked in DATA/restoring, which is then renamed DATA/restored: from there on the restore
// happens, if need be at the next start (finish_restore).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/backup_folder.h"
#include "app/options.h"

namespace carillon::app {

struct RestoreOrder {
  std::string from;        // the backup's folder
  std::string key_file;    // the secret key, when it is neither in the backup nor where a start looks for it
  bool is_forced = false;  // replaces the store that is there, for good
};

struct Restored {
  Manifest manifest;
  std::vector<std::string> pauses;  // ids; removing them lets the store send
};

// Puts the backup into options.data, which is made when missing. `seen` is called with the bytes copied so
// far and in all. Blocks. After an error the data folder is as it was. Errors: NotFound (no backup there) ·
// InvalidArgument (no manifest, no key) · Corruption (a file is not what the manifest says) ·
// FailedPrecondition (a newer schema; not empty and not forced; in use; the key is missing or another; too
// little room) · Unavailable.
Result<Restored> restore_backup(const RestoreOrder& order, const AppOptions& options,
                                const std::function<void(std::int64_t, std::int64_t)>& seen);

// Ends a restore into `data` that was interrupted after everything was there; mostly there is none. Before
// the store is opened. Errors: FailedPrecondition (another process has the folder) · Unavailable.
Result<void> finish_restore(const std::string& data);

}  // namespace carillon::app
