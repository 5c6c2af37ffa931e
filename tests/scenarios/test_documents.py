"""What the documents tell a newcomer to type works as typed; what is generated is fresh."""
import re
import subprocess

import harness
import pytest

BLOCK = re.compile(r"^```sh test\n(.*?)^```", re.M | re.S)
WRITTEN_FOR = "http://127.0.0.1:8080"


def documents():
    pages = [harness.ROOT / "README.md", harness.ROOT / "README.ko.md", *sorted((harness.ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if BLOCK.search(page.read_text())]


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(harness.ROOT)))
def test_every_command_of_a_page_works(server, page):
    environment = harness.clean_environment(KEY=server.app[0], SECRET=server.app[1], TOKEN=server.token)
    for block in BLOCK.findall(page.read_text()):
        script = block.replace(WRITTEN_FOR, server.url)
        # --fail-with-body: a problem is a failed command, and is shown.
        script = script.replace("curl -s ", "curl -s --fail-with-body ")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def test_the_pages_with_commands_are_found():
    assert len(documents()) >= 4


def test_the_generated_reference_is_fresh(tmp_path):
    harness.run("reference", str(tmp_path))
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (harness.ROOT / "docs" / "reference").iterdir()}
    assert made.keys() == kept.keys()
    stale = [name for name in made if made[name] != kept[name]]
    assert not stale, f"run `make docs`: {stale} are not what the binary says"
