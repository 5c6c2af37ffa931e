#!/usr/bin/env python3
"""Builds the console (web/) and writes it as C++ for src/api/console.h: every file of it, plain and compressed.

    tools/embed_console.py OUTPUT_FOLDER      console.bin and console_files.cpp, written only when they change

What was built is kept in build/console and used again as long as nothing in web/ changed; all presets share it.
"""
import fcntl
import gzip
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
KEPT = ROOT / "build" / "console"
# What the result does not depend on.
SKIPPED_FOLDERS = {"node_modules", "dist", "tests"}
SKIPPED_FILES = re.compile(r"(\.test\.tsx?|\.d\.ts|\.md)$|^\.|^eslint\.")
TYPES = {
    ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".png": "image/png",
    ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
HASHED_NAME = re.compile(r"^/assets/.+-[0-9A-Za-z_-]{8,}\.[a-z0-9]+$")
WORTHWHILE = 0.9  # a compressed form that is longer than this share of the plain one is left out
BROTLI = """
const { brotliCompressSync, constants } = require('node:zlib');
const chunks = [];
process.stdin.on('data', (c) => chunks.push(c)).on('end', () => process.stdout.write(brotliCompressSync(
  Buffer.concat(chunks), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })));
"""


def give_up(why):
    sys.exit(f"console: error: {why}")


def sources():
    """The files of web/ that decide what the console is."""
    found = []
    for path in sorted(WEB.rglob("*")):
        parts = path.relative_to(WEB).parts
        if path.is_file() and not SKIPPED_FOLDERS.intersection(parts) and not SKIPPED_FILES.search(path.name):
            found.append(path)
    return found


def hash_of(paths):
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def run(*command):
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        give_up(f"`{' '.join(map(str, command))}` in web/ failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}\n"
                "Mend it, or build without the console: cmake --preset release -DCARILLON_CONSOLE=OFF")


def install():
    """npm ci, when package-lock.json is not the one that node_modules was made of."""
    stamp = WEB / "node_modules" / ".carillon-lock"
    wanted = hash_of([WEB / "package-lock.json"])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    run("npm", "ci", "--no-audit", "--no-fund")
    stamp.write_text(wanted)


def build():
    """The folder with the built console."""
    dist, stamp = KEPT / "dist", KEPT / "built-of"
    wanted = hash_of(sources())
    if not (stamp.exists() and stamp.read_text() == wanted and (dist / "index.html").exists()):
        stamp.unlink(missing_ok=True)
        shutil.rmtree(dist, ignore_errors=True)
        install()
        run("npm", "run", "--silent", "build", "--", "--outDir", dist, "--emptyOutDir", "--logLevel", "warn")
        stamp.write_text(wanted)
    if not (dist / "index.html").exists():
        give_up("web/ was built, and there is no index.html")
    return dist


def compressed(content):
    """(gzip, brotli), empty where it is not worth it."""
    forms = (gzip.compress(content, 9, mtime=0),
             subprocess.run(["node", "-e", BROTLI], input=content, capture_output=True, check=True).stdout)
    return [form if len(form) < WORTHWHILE * len(content) else b"" for form in forms]


def write_if_other(path, content):
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def embed(dist, out):
    blob, rows = bytearray(), []

    def place(content):
        blob.extend(content)
        return f"{{kAll + {len(blob) - len(content)}, {len(content)}}}" if content else "{}"

    for path in sorted(p for p in dist.rglob("*") if p.is_file()):
        name = "/" + path.relative_to(dist).as_posix()
        if path.suffix not in TYPES:
            give_up(f"{name} has a name that tells no type; add it to TYPES of tools/embed_console.py")
        content = path.read_bytes()
        packed = compressed(content) if not TYPES[path.suffix].startswith(("image/png", "font/")) else [b"", b""]
        digest = hashlib.sha256(content).hexdigest()[:20]
        rows.append(f'    {{"{"/" if name == "/index.html" else name}", "{TYPES[path.suffix]}", "{digest}", '
                    f'{place(content)}, {place(packed[0])}, {place(packed[1])}, '
                    f'{"true" if HASHED_NAME.match(name) else "false"}}},')
    out.mkdir(parents=True, exist_ok=True)
    write_if_other(out / "console.bin", bytes(blob))
    listing, digest = "\n".join(rows), hashlib.sha256(blob).hexdigest()
    write_if_other(out / "console_files.cpp", f'''// Made by tools/embed_console.py of {digest}.
#include "api/console.h"

__asm__(".pushsection .rodata.carillon_console,\\"a\\"\\n.global carillon_console_bytes\\ncarillon_console_bytes:\\n"
        ".incbin \\"{out}/console.bin\\"\\n.popsection\\n");
extern "C" const char carillon_console_bytes[];

namespace carillon::api {{

std::span<const ConsoleFile> console_files() noexcept {{
  static const char* const kAll = carillon_console_bytes;
  static const ConsoleFile kFiles[] = {{
{listing}
  }};
  return kFiles;
}}

}}  // namespace carillon::api
'''.encode())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            give_up(f"{program} is not installed, and the console is built with it; run `make deps`, or build without "
                    "it: cmake --preset release -DCARILLON_CONSOLE=OFF")
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several presets may be built at a time
        embed(build(), pathlib.Path(sys.argv[1]).resolve())


if __name__ == "__main__":
    main()
