// The look-up table of event ids as a file, written at close: a start reads it in one go and scans only
// what came after, instead of the whole window (whose pages lie scattered over the database).
//
// Never the truth: a file that is torn, of another store or from the future is thrown away.
#include <array>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "store/detail/dedup.h"

namespace carillon::store::detail {
namespace {

constexpr std::uint64_t kMagic = 0x3150'414e'5344'4443;  // changes with the format
constexpr std::size_t kShardSlotsMax = std::size_t{1} << 26;

struct Header {
  std::uint64_t magic = kMagic;
  std::int64_t next = 0;  // entries below this ordinal are in it
  base::Hash128 last{};   // the event of ordinal next - 1: ties the file to its database
};
struct ShardHeader {
  std::uint64_t slots = 0, used = 0;
  std::uint64_t crc = 0;
};
struct Close {
  void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::uint64_t crc_of(const std::vector<std::uint64_t>& slots) {
  return base::crc32c({reinterpret_cast<const char*>(slots.data()), slots.size() * sizeof(std::uint64_t)});
}

Result<std::optional<base::Hash128>> event_of(Db& db, std::int64_t ordinal) {
  Statement s = db.statement("SELECT hash FROM dedup WHERE ordinal = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, ordinal).next());
  return has_row ? std::optional(s.hash(0)) : std::nullopt;
}

}  // namespace

void Dedup::save(Db& db, const std::string& path) const {
  const std::string unfinished = path + ".new";
  const Result<std::optional<base::Hash128>> last = event_of(db, next_ - 1);
  if (!last || !*last || !pending_.empty()) return;
  bool is_written = true;
  {
    const File file(std::fopen(unfinished.c_str(), "wb"));
    if (!file) return;
    const Header header{.next = next_, .last = **last};
    is_written = std::fwrite(&header, sizeof header, 1, file.get()) == 1;
    for (const Shard& shard : shards_) {
      const ShardHeader h{.slots = shard.slots.size(), .used = shard.used, .crc = crc_of(shard.slots)};
      is_written =
          is_written && std::fwrite(&h, sizeof h, 1, file.get()) == 1 &&
          std::fwrite(shard.slots.data(), sizeof(Slot), shard.slots.size(), file.get()) == shard.slots.size();
    }
    is_written = is_written && std::fflush(file.get()) == 0;
  }
  std::error_code ec;
  if (is_written) {
    std::filesystem::rename(unfinished, path, ec);
  } else {
    std::filesystem::remove(unfinished, ec);
  }
}

Result<std::int64_t> Dedup::load_snapshot(Db& db, const std::string& path) {
  const auto read = [&]() -> Result<std::int64_t> {
    const File file(std::fopen(path.c_str(), "rb"));
    Header header;
    if (!file || std::fread(&header, sizeof header, 1, file.get()) != 1 || header.magic != kMagic) return 0;
    if (header.next > next_) return 0;
    CARILLON_TRY(const std::optional<base::Hash128> last, event_of(db, header.next - 1));
    if (!last || *last != header.last) return 0;
    for (Shard& shard : shards_) {
      ShardHeader h;
      if (std::fread(&h, sizeof h, 1, file.get()) != 1 || h.slots > kShardSlotsMax) return 0;
      if (h.slots != 0 && !std::has_single_bit(h.slots)) return 0;
      shard.slots.resize(h.slots);
      shard.used = h.used;
      if (std::fread(shard.slots.data(), sizeof(Slot), h.slots, file.get()) != h.slots) return 0;
      if (crc_of(shard.slots) != h.crc) return 0;
    }
    return header.next;
  };
  CARILLON_TRY(const std::int64_t next, read());
  if (next != 0) return next;
  for (Shard& shard : shards_) shard = Shard{};
  std::error_code ec;
  std::filesystem::remove(path, ec);
  return 0;
}

}  // namespace carillon::store::detail
