#include "store/detail/gathering_vfs.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

namespace carillon::store::detail {
namespace {

constexpr int kRoom = 0x1ffff;  // bytes gathered per file: the most that unixWrite() takes at a time

// Ours, in memory that SQLite owns; the file of the VFS below follows it.
struct File {
  sqlite3_file base;
  std::unique_ptr<char[]> bytes;  // made with the first write
  sqlite3_int64 at = 0;           // where in the file they belong
  int used = 0;
};
constexpr std::size_t kFileSize =
    (sizeof(File) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

File& ours(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kFileSize);
}

// What failed to be written is not tried again: SQLite rolls back what it belonged to.
int flush(sqlite3_file* file) {
  File& f = ours(file);
  if (f.used == 0) return SQLITE_OK;
  const int count = f.used;
  f.used = 0;
  return below(file)->pMethods->xWrite(below(file), f.bytes.get(), count, f.at);
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
  File& f = ours(file);
  if (f.used > 0 && (at != f.at + f.used || f.used + count > kRoom)) {
    if (const int rc = flush(file); rc != SQLITE_OK) return rc;
  }
  if (count > kRoom) return below(file)->pMethods->xWrite(below(file), bytes, count, at);
  if (!f.bytes) {
    f.bytes.reset(new (std::nothrow) char[kRoom]);
    if (!f.bytes) return SQLITE_IOERR_NOMEM;
  }
  if (f.used == 0) f.at = at;
  std::memcpy(f.bytes.get() + f.used, bytes, static_cast<std::size_t>(count));
  f.used += count;
  return SQLITE_OK;
}

// Calls a method of the file below after what was gathered has been written.
template <auto method, class... A>
int after_flush(sqlite3_file* file, A... a) {
  if (const int rc = flush(file); rc != SQLITE_OK) return rc;
  return (below(file)->pMethods->*method)(below(file), a...);
}
template <auto method, class... A>
int forward(sqlite3_file* file, A... a) {
  return (below(file)->pMethods->*method)(below(file), a...);
}

int close(sqlite3_file* file) {
  const int flushed = flush(file);
  const int closed = below(file)->pMethods->xClose(below(file));
  std::destroy_at(&ours(file));
  return flushed != SQLITE_OK ? flushed : closed;
}

using M = sqlite3_io_methods;
constexpr M kMethods = {
    .iVersion = 3,
    .xClose = close,
    .xRead = after_flush<&M::xRead, void*, int, sqlite3_int64>,
    .xWrite = write,
    .xTruncate = after_flush<&M::xTruncate, sqlite3_int64>,
    .xSync = after_flush<&M::xSync, int>,
    .xFileSize = after_flush<&M::xFileSize, sqlite3_int64*>,
    .xLock = forward<&M::xLock, int>,
    .xUnlock = after_flush<&M::xUnlock, int>,
    .xCheckReservedLock = forward<&M::xCheckReservedLock, int*>,
    .xFileControl = after_flush<&M::xFileControl, int, void*>,
    .xSectorSize = forward<&M::xSectorSize>,
    .xDeviceCharacteristics = forward<&M::xDeviceCharacteristics>,
    .xShmMap = forward<&M::xShmMap, int, int, int, void volatile**>,
    .xShmLock = forward<&M::xShmLock, int, int, int>,
    .xShmBarrier = [](sqlite3_file* file) { below(file)->pMethods->xShmBarrier(below(file)); },
    .xShmUnmap = forward<&M::xShmUnmap, int>,
    .xFetch = after_flush<&M::xFetch, sqlite3_int64, int, void**>,
    .xUnfetch = forward<&M::xUnfetch, sqlite3_int64, void*>,
};

sqlite3_vfs* system_vfs() {
  static sqlite3_vfs* const kFound = sqlite3_vfs_find(nullptr);
  return kFound;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  auto* const f = new (file) File{};
  const int rc = system_vfs()->xOpen(system_vfs(), name, below(file), flags, out);
  // SQLite closes what has methods, also after an error.
  f->base.pMethods = below(file)->pMethods == nullptr ? nullptr : &kMethods;
  if (f->base.pMethods == nullptr) std::destroy_at(f);
  return rc;
}

}  // namespace

const char* gathering_vfs() {
  static constexpr const char* kName = "carillon";
  static std::once_flag once;
  std::call_once(once, [] {
    static sqlite3_vfs vfs = *system_vfs();  // all but opening is the system's
    vfs.pNext = nullptr;
    vfs.zName = kName;
    vfs.szOsFile = static_cast<int>(kFileSize) + system_vfs()->szOsFile;
    vfs.xOpen = open;
    sqlite3_vfs_register(&vfs, 0);
  });
  return kName;
}

}  // namespace carillon::store::detail
