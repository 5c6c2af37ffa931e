// SQLite's way to the disk, with writes that follow one another in a file gathered into one call.
//
// SQLite writes header and page of each WAL frame by themselves, and a checkpoint page by page: at 25,000
// notifications a second some 40,000 small writes. What is gathered goes out before anything could miss it:
// before a read, a sync or a change of length, and when the next write is elsewhere or there is no more room.
// With synchronous=FULL each commit and each checkpoint ends in a sync before others are told of it, so what
// is on the disk when is as without (https://sqlite.org/c3ref/io_methods.html;
// docs/internals/decisions/0011).
#pragma once

namespace carillon::store::detail {

// The name to open a connection with. It must keep synchronous=FULL: without the syncs, other connections
// would not find what its WAL index tells them of. Any thread; registered at the first call.
[[nodiscard]] const char* gathering_vfs();

}  // namespace carillon::store::detail
