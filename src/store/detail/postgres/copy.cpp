#include "store/detail/postgres/copy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

namespace carillon::store::detail {
namespace {

constexpr std::string_view kBegin("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kEnd("\377\377", 2);
constexpr std::size_t kLengthBytes = 4;

template <class T>
T read(const char* p) noexcept {
  T v{};
  std::memcpy(&v, p, sizeof v);
  return std::byteswap(v);
}

template <class T>
void append(std::string& out, T v) {
  v = std::byteswap(v);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

// Big-endian, so that a narrower one is the end of it.
bool fits(std::int64_t v, int bytes) noexcept {
  const std::int64_t limit = std::int64_t{1} << (8 * bytes - 1);
  return bytes == 8 || (v >= -limit && v < limit);
}

// One column's values, one after the other.
class Values {
 public:
  explicit Values(const PgColumn& column)
      : rest_(column.values == nullptr ? std::string_view{} : column.values->elements()),
        bytes_(column.bytes),
        kind_(column.values == nullptr      ? Kind::Zero
              : column.values->is_integer() ? Kind::Integer
                                            : Kind::Other) {}

  // False: it does not fit.
  bool append_next(std::string& out) {
    if (kind_ == Kind::Zero) {
      append(out, bytes_);
      out.append(static_cast<std::size_t>(bytes_), '\0');
      return true;
    }
    const auto length = read<std::int32_t>(rest_.data());
    const std::size_t size = length < 0 ? 0 : static_cast<std::size_t>(length);
    if (kind_ == Kind::Integer && length > bytes_) {
      const auto v = read<std::int64_t>(rest_.data() + kLengthBytes);
      append(out, bytes_);
      out.append(rest_.data() + kLengthBytes + length - bytes_, static_cast<std::size_t>(bytes_));
      rest_.remove_prefix(kLengthBytes + size);
      return fits(v, bytes_);
    }
    out.append(rest_.data(), kLengthBytes + size);
    rest_.remove_prefix(kLengthBytes + size);
    return true;
  }

 private:
  enum class Kind : std::uint8_t { Zero, Integer, Other };
  std::string_view rest_;
  std::int32_t bytes_;
  Kind kind_;
};

}  // namespace

Result<std::string> binary_rows(std::span<const PgColumn> columns) {
  std::vector<Values> values;
  std::size_t rows = 0, size = kBegin.size() + kEnd.size();
  for (const PgColumn& column : columns) {
    values.emplace_back(column);
    if (column.values != nullptr) rows = column.values->size(), size += column.values->elements().size();
  }
  std::string out;
  out.reserve(size + rows * (sizeof(std::int16_t) + 2 * sizeof(std::int64_t)));
  out = kBegin;
  for (std::size_t row = 0; row < rows; ++row) {
    append(out, static_cast<std::int16_t>(columns.size()));
    for (Values& column : values) {
      if (!column.append_next(out))
        return fail(Errc::InvalidArgument, "store: a number is out of the range of its column");
    }
  }
  out += kEnd;
  return out;
}

}  // namespace carillon::store::detail
