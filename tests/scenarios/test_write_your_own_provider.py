"""Somebody follows docs/guides/write-your-own-provider.md: what it says compiles, links and sends.

The code is taken from the page and built aside of the tree: two files are compiled as the build would, and linked with
the objects and libraries that are there. Their commands are asked of the build folder the tested binary lies in.
"""
import http.server
import json
import re
import shlex
import subprocess
import threading

import pytest

import harness
from people import PHONE, only, sent_one

GUIDE = harness.ROOT / "docs" / "guides" / "write-your-own-provider.md"
BUILD = harness.BINARY.parent
BUILD_LIMIT_S = 300
KEY = "the-right-key"
DEAD_PHONE = "+821099999999"  # Bellgate knows no such number


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def build(command):
    done = subprocess.run(command, shell=isinstance(command, str), cwd=BUILD, capture_output=True, text=True,
                          timeout=BUILD_LIMIT_S)
    assert done.returncode == 0, f"the guide's code does not build:\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
    return done.stdout


def write_sources(folder):
    """Each block goes where its first line says; what is a line for catalog.def is added to it."""
    sources = folder / "src" / "providers"
    sources.mkdir(parents=True)
    for name in ("catalog.cpp", "catalog.def"):
        (sources / name).write_text((harness.ROOT / "src" / "providers" / name).read_text())
    for block in blocks("cpp"):
        place = re.match(r"// (src/providers/\w+\.(?:cpp|def))\n", block).group(1)
        with open(folder / place, "a") as file:
            file.write(block)
    return sorted(sources.glob("*.cpp"))


def compile_one(folder, source, like):
    """Compiles as `like`, a provider of the tree, is compiled; the folder's headers come first."""
    [command] = [shlex.split(entry["command"]) for entry in json.loads((BUILD / "compile_commands.json").read_text())
                 if entry["file"].endswith(like)]
    command[command.index("-o") + 1] = str(folder / f"{source.stem}.o")
    command[command.index("-c") + 1] = str(source)
    first_option = next(i for i, word in enumerate(command) if word.startswith("-"))
    command.insert(first_option, f"-I{folder / 'src'}")
    build(command)
    return folder / f"{source.stem}.o"


@pytest.fixture(scope="module")
def own_binary(tmp_path_factory):
    """The program with Bellgate in it. Before the library's catalogue comes the new one, which replaces it."""
    if not (BUILD / "build.ninja").exists() or not (BUILD / "compile_commands.json").exists():
        pytest.skip(f"{BUILD} is no build folder of this tree")
    folder = tmp_path_factory.mktemp("bellgate")
    objects = [compile_one(folder, source, "src/providers/pushy.cpp") for source in write_sources(folder)]
    link = build(["ninja", "-t", "commands", "-s", harness.BINARY.name]).strip().splitlines()[-1]
    binary = folder / harness.BINARY.name
    linked = link.replace(f"-o {harness.BINARY.name} ", f"{shlex.join(map(str, objects))} -o {binary} ")
    assert linked != link, f"nothing to replace in: {link}"
    build(linked)
    return binary


class Bellgate(http.server.BaseHTTPRequestHandler):
    """The vendor of the guide; what it took is in `taken` of its server."""
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def is_known(self):
        if self.headers["Authorization"] == f"Bearer {self.server.key}":
            return True
        self.answer(401, {"error": "bad_key"})
        return False

    def do_GET(self):
        if self.is_known():
            self.answer(200 if self.path == "/v1/account" else 404, {})

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_known():
            return
        if self.path != "/v1/messages" or set(message) != {"from", "to", "text", "reference"}:
            return self.answer(400, {"error": "bad_request"})
        if message["to"] == DEAD_PHONE:
            return self.answer(422, {"error": "bad_number"})
        self.server.taken.append(message)
        self.answer(201, {"id": f"bell-{len(self.server.taken)}"})

    def log_message(self, *_):
        pass


@pytest.fixture
def vendor():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bellgate)
    server.key, server.taken = KEY, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(own_binary, make_server, monkeypatch):
    monkeypatch.setattr(harness, "BINARY", own_binary)
    return make_server()


def follow(server, vendor, tmp_path, key, code=0):
    """The guide's command in a folder with the key's file, towards the vendor of this test."""
    (tmp_path / "bellgate-key.txt").write_text(key)
    [command] = [block for block in blocks("sh") if "integration add" in block]
    return server.cli(*shlex.split(command)[1:], "--setting", f"endpoint={vendor.url}", code=code, folder=tmp_path)


def text_to(phone):
    return {"to": [{"phone": phone}], "channels": ["sms"], "sms": {"body": "Ding \"dong\" 종"}}


def test_a_message_goes_by_the_new_provider(server, vendor, tmp_path):
    assert "bellgate" in [kind["name"] for kind in server.get("/v1/provider-types")["data"]]
    follow(server, vendor, tmp_path, KEY)
    sent = sent_one(server, **text_to(PHONE))
    assert (sent["status"], sent["integration"], sent["provider_id"]) == ("sent", "texts", "bell-1")
    assert vendor.taken == [{"from": "+15005550006", "to": PHONE, "text": "Ding \"dong\" 종", "reference": sent["id"]}]


def test_a_wrong_key_is_refused_and_nothing_is_stored(server, vendor, tmp_path):
    said = follow(server, vendor, tmp_path, "a-wrong-key", code=1)
    assert "bad_key" in said.err + said.out and "check api_key" in said.err + said.out
    assert server.api("GET", "/v1/integrations/texts").status == 404


def test_answers_mean_what_the_guide_says(server, vendor, tmp_path):
    follow(server, vendor, tmp_path, KEY)
    dead = sent_one(server, **text_to(DEAD_PHONE))
    assert (dead["status"], dead["reason"]) == ("failed", "invalid_recipient")
    vendor.key = "a key nobody told us"
    held = only(server.wait_deliveries(server.send(**text_to(PHONE))["id"], "held"))
    assert held["reason"] == "integration_paused" and vendor.taken == []
