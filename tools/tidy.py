#!/usr/bin/env python3
"""Checks the rules of the code that a compiler does not know. Python's standard library only.

    tools/tidy.py [ROOT]        prints `path:line: problem; do this instead (rule)`, exits 1 if any

Layers and front doors are read from the dependency table of ARCHITECTURE.md, provider names from
src/providers/catalog.def. tools/tidy-allow.txt lists the exceptions (`path rule reason`); a line in
it that allows nothing any more is a problem itself, so the list can only shrink.
"""
import bisect
import dataclasses
import fnmatch
import functools
import pathlib
import re
import subprocess
import sys

FILE_LINES_MAX = 800
HEADER_LINES_MAX = 250
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = {".cpp": 110, ".h": 110, ".py": 120}
BANNED_FOLDERS = {"util", "utils", "common", "helpers", "misc"}
GENERATED_HEADERS = {"carillon_version.h"}
# Words of the public contract that are provider names too: (name, folder of src/) where the word
# means the contract's thing (a device's service, a protocol, test keys), not the provider.
SHARED_WORDS = {
    "apns": {"model", "store", "api"},
    "fcm": {"model", "store", "api"},
    "jpush": {"model", "store", "api"},
    "pushy": {"model", "store", "api"},
    "hms": {"model", "store", "api"},
    "smtp": {"net"},
    "webpush": {"model", "api"},
    "sandbox": {"model", "store", "providers", "pipeline", "api", "app"},
    "slack": {"model", "api"},
    "webhook": {"model", "store", "providers", "pipeline", "api", "app"},
}
CODE_SUFFIXES = {".cpp", ".h", ".def"}
TEXT_SUFFIXES = CODE_SUFFIXES | {
    ".py", ".sh", ".md", ".cmake", ".txt", ".toml", ".yml", ".yaml", ".ts", ".tsx", ".sql", ".html", ".js", ".css"}


@dataclasses.dataclass(frozen=True)
class Problem:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text} ({self.rule})"


TOKEN = re.compile(
    r'(?P<raw>R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)",
    re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class File:
    """One file and what the rules need of it, computed once."""

    def __init__(self, root, path):
        self.path = path  # relative, with '/'
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")
        self.parts = path.split("/")
        self.suffix = pathlib.PurePosixPath(path).suffix

    @property
    def folder(self):
        """Its folder of src/, or None."""
        return self.parts[1] if self.parts[0] == "src" and len(self.parts) > 2 else None

    @property
    def is_test(self):
        return self.parts[0] == "tests" or bool(re.search(r"_(test|fuzz|bench)\.(cpp|h)$", self.path))

    @functools.cached_property
    def code(self):
        """The text without comments; same length, same lines."""
        return TOKEN.sub(lambda m: blank(m[0]) if m["comment"] else m[0], self.text)

    @functools.cached_property
    def bare(self):
        """The text without comments, strings and preprocessor lines; same length, same lines."""
        def hollow(m):
            return blank(m[0]) if m["comment"] else m[0][0] + blank(m[0][1:-1]) + m[0][-1]
        text = TOKEN.sub(hollow, self.text)
        return DIRECTIVE.sub(lambda m: blank(m[0]), text)

    @functools.cached_property
    def _newlines(self):
        return [m.start() for m in re.finditer("\n", self.text)]

    def line_of(self, position):
        return bisect.bisect_left(self._newlines, position) + 1

    @functools.cached_property
    def lines(self):
        return self.text.splitlines()

    @functools.cached_property
    def includes(self):
        """(line, header) of every `#include "…"`."""
        found = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', self.code, re.MULTILINE)
        return [(self.line_of(m.start(1)), m[1]) for m in found]


@dataclasses.dataclass
class Folder:
    """A row of the dependency table."""
    line: int
    may_include: set
    front: set  # headers outsiders may include; empty: all but detail/
    app_sees_all: bool


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = {path: File(self.root, path) for path in self._list() if self._is_text(path)}
        self.folders = self._table()

    def _list(self):
        """What is or would be committed; outside of git, everything but the products of a build."""
        git = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=self.root, capture_output=True, check=False)
        if git.returncode == 0 and (self.root / ".git").exists():
            names = sorted(name for name in set(git.stdout.decode().split("\0")) if name)
        else:
            names = sorted(p.relative_to(self.root).as_posix() for p in self.root.rglob("*"))
        skip = {"build", "dist", "node_modules", ".git", "__pycache__"}
        return [n for n in names if not skip & set(n.split("/")) and (self.root / n).is_file()]

    @staticmethod
    def _is_text(path):
        name = path.rsplit("/", 1)[-1]
        return pathlib.PurePosixPath(name).suffix in TEXT_SUFFIXES or name in {"Makefile", "run"}

    def _table(self):
        """The rows `| base | – | all | … |` below the heading of the dependency table."""
        rows = {}
        page = self.files.get("ARCHITECTURE.md")
        if page is None:
            return rows
        inside = False
        for number, line in enumerate(page.lines, 1):
            if line.startswith("#"):
                inside = "dependency table" in line.lower()
            row = re.match(r"\|\s*`([a-z]+)/?`\s*\|([^|]*)\|([^|]*)\|", line)
            if inside and row:
                rows[row[1]] = Folder(number, set(re.findall(r"[a-z]+", row[2])),
                                      set(re.findall(r"`([a-z_/]+\.h)`", row[3])), "app: all" in row[3])
        return rows

    def code_files(self, *tops):
        tops = tops or ("src", "tests")
        return [f for f in self.files.values() if f.suffix in CODE_SUFFIXES and f.parts[0] in tops]


RULES = {}


def rule(function):
    """Registers a generator of (path, line, text) under its name with dashes."""
    RULES[function.__name__.replace("_", "-")] = function
    return function


def at(file, position, text):
    return file.path, file.line_of(position), text


@rule
def layers(tree):
    if not tree.folders:
        yield "ARCHITECTURE.md", 1, "no dependency table found; restore the table below 'Dependency table'"
        return
    for file in tree.code_files("src"):
        for line, header in file.includes:
            target = header.split("/")[0]
            if "/" not in header and header not in GENERATED_HEADERS:
                yield file.path, line, f'"{header}" is no full path; write "{file.folder}/{header}"'
            elif ".." in header.split("/"):
                yield file.path, line, f'"{header}" climbs; write the path from src/'
            elif target in tree.folders and file.folder in tree.folders and target != file.folder:
                allowed = tree.folders[file.folder].may_include
                if target not in allowed:
                    yield (file.path, line, f"{file.folder} includes {target}; it may include "
                           f"{', '.join(sorted(allowed)) or 'nothing'}: pass a value in, or move the code down")


@rule
def front_door(tree):
    for file in tree.code_files("src"):
        for line, header in file.includes:
            target = header.split("/")[0]
            if target == file.folder or target not in tree.folders:
                continue
            door = tree.folders[target]
            if "/detail/" in header:
                yield file.path, line, f"{header} is private to {target}; use its public headers"
            elif door.front and header not in door.front and not (door.app_sees_all and file.folder == "app"):
                yield (file.path, line, f"{header} is inside {target}; include "
                       f"{' or '.join(sorted(door.front))}, and widen that port if it lacks something")


@rule
def banned_folders(tree):
    seen = set()
    for file in tree.files.values():
        for depth, part in enumerate(file.parts[:-1], 1):
            folder = "/".join(file.parts[:depth])
            if part in BANNED_FOLDERS and folder not in seen:
                seen.add(folder)
                yield folder, 1, f"'{part}' says nothing about what is inside; name the folder by its noun"


def functions(file):
    """(first line, last line, name) of every function body, measured by braces."""
    bare, stack, header_start, last_closed = file.bare, [], 0, ""
    parens = [0]
    for token in re.finditer(r"[{};()]", bare):
        kind, position = token[0], token.start()
        if kind == "(":
            parens[-1] += 1
        elif kind == ")":
            parens[-1] -= 1
        elif kind == ";":
            if parens[-1] <= 0:
                header_start, last_closed = position + 1, ""
        elif kind == "{":
            header = bare[header_start:position]
            block = classify(header, stack[-1][0] if stack else "scope", parens[-1] > 0, last_closed)
            first = header_start + len(header) - len(header.lstrip())
            stack.append((block, first, header))
            parens.append(0)
            header_start = position + 1
        elif stack:
            block, first, header = stack.pop()
            parens.pop()
            if block == "function":
                names = re.findall(r"([\w:~]+|operator\W+)\s*\(", header)
                yield file.line_of(first), file.line_of(position), names[0] if names else "function"
            if not (stack and parens[-1] > 0):
                header_start, last_closed = position + 1, block


def classify(header, enclosing, in_parens, last_closed):
    """What a brace opens: scope (namespace, class), function, or other (a block, an initialiser)."""
    if enclosing != "scope" or in_parens:
        return "other"
    words = re.sub(r"\[\[.*?\]\]|^\s*(public|private|protected)\s*:", " ", header, flags=re.DOTALL).strip()
    words = re.sub(r"^template\s*<.*?>\s*(?=class|struct)", "", words, flags=re.DOTALL)
    if re.match(r"(inline\s+)?(namespace|class|struct|union|enum|extern)\b", words) and not words.endswith(")"):
        return "scope"
    if "=" in words and ")" not in words[words.rindex("="):]:
        return "other"
    if ")" in words or (not words and last_closed == "function"):
        return "function"
    return "other"


@rule
def size(tree):
    for file in tree.code_files():
        limit = HEADER_LINES_MAX if file.suffix == ".h" and not file.is_test else FILE_LINES_MAX
        if len(file.lines) > limit:
            yield (file.path, len(file.lines), f"{len(file.lines)} lines, at most {limit}; split it by what "
                   "it is about")
        for first, last, name in functions(file):
            lines = last - first + 1
            if lines > FUNCTION_LINES_MAX:
                yield (file.path, first, f"{name} has {lines} lines, at most {FUNCTION_LINES_MAX}; "
                       "move loops and pure work into functions of their own")
    for file in tree.files.values():
        limit = LINE_COLUMNS_MAX.get(file.suffix)
        if limit and "fixtures" not in file.parts:
            for number, line in enumerate(file.lines, 1):
                if len(line) > limit and "://" not in line:
                    yield file.path, number, f"{len(line)} columns, at most {limit}; break the line"


@rule
def pragma_once(tree):
    for file in tree.code_files():
        if file.suffix == ".h" and not re.match(r"\s*#pragma once\b", file.code):
            yield file.path, 1, "does not begin with #pragma once; add it below the first comment"


@rule
def own_header_first(tree):
    for file in tree.code_files("src"):
        own = file.path.removeprefix("src/").removesuffix(".cpp") + ".h"
        if file.suffix == ".cpp" and f"src/{own}" in tree.files:
            first = re.search(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)', file.code, re.MULTILINE)
            if first and first[1] != own:
                yield at(file, first.start(1), f'begins with {first[1]}; include "{own}" first, so that it is '
                         "known to compile alone")


@rule
def no_using_namespace_in_header(tree):
    for file in tree.code_files():
        if file.suffix == ".h":
            for m in re.finditer(r"\busing\s+namespace\b", file.bare):
                yield at(file, m.start(), "using namespace in a header; write the names out")


@rule
def no_detached(tree):
    for file in tree.code_files():
        for m in re.finditer(r"\bdetached\b|\.\s*detach\s*\(\s*\)", file.bare):
            yield at(file, m.start(), "nobody waits for this task at stop; spawn it through a base::TaskGate, or "
                     "join the thread")


@rule
def no_sleep(tree):
    for file in tree.code_files():
        for m in re.finditer(r"\bthis_thread\s*::\s*sleep_(for|until)\b|\b(u|nano)sleep\s*\(", file.bare):
            yield at(file, m.start(), "blocks a thread for a guessed time; await base::sleep_for, or wait for the "
                     "event itself (in tests: a future, a condition, a manual clock)")


@rule
def property_is_asserted(tree):
    for file in tree.code_files():
        for m in re.finditer(r"(?:^|[;{}])\s*rc\s*::\s*check\s*\(", file.bare):
            yield at(file, m.end() - 1, "its answer is thrown away, so this test cannot fail; write "
                     "EXPECT_TRUE(rc::check(…))")


def matching(text, position, pair="{}"):
    """The index behind the bracket that closes the one at `position`; len(text) when there is none."""
    depth = 0
    for m in re.compile(f"[{re.escape(pair)}]").finditer(text, position):
        depth += 1 if m[0] == pair[0] else -1
        if depth == 0:
            return m.end()
    return len(text)


@rule
def coroutine_lambda_called(tree):
    head = re.compile(r"\[[^\[\];]+\]\s*(?:\([^()]*\)\s*)?(?:mutable\s*)?"
                      r"->\s*(?:\w+::)*(?:Task|awaitable)\s*<[^{;]*\{")
    for file in tree.code_files():
        for m in head.finditer(file.bare):
            if re.match(r"\s*\(", file.bare[matching(file.bare, m.end() - 1):]):
                yield at(file, m.start(), "a capturing lambda coroutine is called here and its captures die with "
                         "it; pass the lambda itself to co_spawn or TaskGate::spawn")


@rule
def coroutine_parameters(tree):
    for file in tree.code_files():
        for m in re.finditer(r"\b(?:Task|awaitable)\s*<", file.bare):
            behind = matching(file.bare, m.end() - 1, "<>")
            name = re.compile(r"\s+((?:\w+::)*\w+)\s*\(").match(file.bare, behind)
            if not name:
                continue
            parameters = file.bare[name.end():matching(file.bare, name.end() - 1, "()") - 1]
            bad = re.search(r"string_view|\bconst\s+(?:std::)?(?:string|vector<[^>]*>)\s*&|&&", parameters)
            if bad:
                yield at(file, name.end() + bad.start(), f"the coroutine {name[1]} takes {bad[0].strip()}, which "
                         "may be gone after the first suspension; take it by value")


@rule
def lock_across_suspension(tree):
    for file in tree.code_files():
        for m in re.finditer(r"\b(?:lock_guard|unique_lock|scoped_lock|shared_lock)\b[^;{}]*;", file.bare):
            depth, position = 0, m.end()
            for token in re.finditer(r"[{}]|\bco_(?:await|yield)\b|\.unlock\(\)", file.bare[position:]):
                depth += {"{": 1, "}": -1}.get(token[0], 0)
                if depth < 0 or (token[0] == ".unlock()" and depth == 0):
                    break
                if token[0].startswith("co_"):
                    yield at(file, position + token.start(), "suspends while the lock of line "
                             f"{file.line_of(m.start())} is held; end the lock's block before")
                    break


def provider_names(tree):
    catalog = tree.files.get("src/providers/catalog.def")
    if catalog is None:
        return []
    entries = re.finditer(r"^\s*PROVIDER\((\w+)\)", catalog.code, re.MULTILINE)
    return [(catalog.line_of(m.start(1)), m[1]) for m in entries]


@rule
def provider_name_only_in_its_file(tree):
    names = [name for _, name in provider_names(tree)]
    for file in tree.code_files("src"):
        if file.is_test or file.folder == "sim" or file.path == "src/providers/catalog.def":
            continue
        for name in names:
            if file.folder == "providers" and file.parts[-1].startswith(name):
                continue
            if file.folder in SHARED_WORDS.get(name, ()):
                continue
            pascal = "".join(part.capitalize() for part in name.split("_"))
            for m in re.finditer(rf"(?<![A-Za-z0-9_/]){name}(?![A-Za-z0-9_])|\b{pascal}\b", file.code):
                yield at(file, m.start(), f"names the provider {name}; ask its ProviderType for what you need to "
                         "know, so that a provider stays one file and one line")


@rule
def provider_has_fixtures(tree):
    for line, name in provider_names(tree):
        if not any((tree.root / "tests/fixtures/providers" / name).glob("**/*")):
            yield (f"tests/fixtures/providers/{name}", 1, f"no recorded exchanges of the provider in line {line} of "
                   "src/providers/catalog.def; add them, one file each")


@rule
def map_fresh(tree):
    present = {f.folder for f in tree.files.values() if f.folder}
    for name, row in tree.folders.items():
        if name not in present:
            yield "ARCHITECTURE.md", row.line, f"src/{name}/ is in the table but not on disk; remove the row"
    for name in sorted(present - set(tree.folders)):
        yield "ARCHITECTURE.md", 1, f"src/{name}/ is not in the dependency table; add a row for it"


@rule
def doc_links(tree):
    for file in tree.files.values():
        if file.suffix != ".md":
            continue
        quoted = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
        text = quoted.sub(lambda m: blank(m[0]), file.text)
        for m in re.finditer(r"\]\(<?([^)\s>]+)", text):
            target = m[1].split("#")[0]
            if not target or re.match(r"[a-z][a-z0-9+.-]*:|/", target):
                continue
            if not (tree.root / file.path).parent.joinpath(target).exists():
                yield at(file, m.start(), f"links to {target}, which does not exist; fix the path")


@rule
def no_fixme(tree):
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
    for file in tree.files.values():
        for m in words.finditer(file.text):
            yield at(file, m.start(), f"{m[0]} is not tracked anywhere; do it now or open an issue")


@rule
def machine_paths(tree):
    home = re.compile(r"(?<![\w.$}/])/(" + "root" + r"|wor" + r"k)/[\w.]+")
    for file in tree.files.values():
        for m in home.finditer(file.text):
            yield at(file, m.start(), f"{m[0]} exists on one machine only; use a path from the repository's root")


def allowed_lines(tree):
    """(line, path pattern, rule) of the allow file, and the problems of the file itself."""
    lines, problems = [], []
    file = tree.files.get("tools/tidy-allow.txt")
    for number, line in enumerate(file.lines if file else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 2)
        if len(fields) < 3 or fields[1] not in RULES:
            problems.append(Problem(file.path, number, "allow",
                                    "not 'path rule reason' with a known rule; complete the line"))
        else:
            lines.append((number, fields[0], fields[1]))
    return lines, problems


def check(root):
    """All problems of the tree at `root`, in order of path and line."""
    tree = Tree(root)
    allowed, problems = allowed_lines(tree)
    used = set()

    def excuses(rule_name, path):
        return {number for number, pattern, which in allowed if which == rule_name and fnmatch.fnmatch(path, pattern)}

    for name, function in RULES.items():
        for path, line, text in function(tree):
            excused = excuses(name, path)
            used |= excused
            if not excused:
                problems.append(Problem(path, line, name, text))
    for number, pattern, which in allowed:
        if number not in used:
            problems.append(Problem("tools/tidy-allow.txt", number, "allow",
                                    f"{pattern} keeps the rule {which}; remove the line"))
    return sorted(set(problems), key=lambda p: (p.path, p.line, p.rule))


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    for problem in problems:
        print(problem)
    print(f"tidy: {len(problems)} problem(s), {len(RULES)} rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
