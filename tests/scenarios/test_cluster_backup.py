"""A cluster's database is restored as docs/operating/cluster.md says: the copy sends nothing until told to."""
import base64
import os
import re
import subprocess

import harness
import postgres
from people import ios, only

KEY = base64.b64encode(bytes(range(32))).decode()
PAGE = harness.ROOT / "docs" / "operating" / "cluster.md"
BLOCK = re.compile(r"^```sh cluster\n(.*?)^```", re.M | re.S)
PUSH = {"channels": ["push"], "title": "x", "body": "y"}


def test_a_restored_copy_waits_for_somebodys_word(make_server, simulator, postgres_cluster, tmp_path):
    def start(name, role, url):
        process = make_server(settings={"store.url": url, "store.lease": "3s"}, name=name, command=(role,),
                              environment={"CARILLON_SECRETS_KEY": KEY})
        if role == "api" and process.token is None:
            process.app, process.token = known
        return process

    original = postgres_cluster.database()
    restored = postgres_cluster.beside(original, "carillon_restored")
    api = start("api", "api", original)
    known = (api.app, api.token)
    harness.connect(api, simulator)
    ios(api, "mina")
    sent = api.send(to=[{"user_id": "mina"}], event_id="open", **PUSH)
    assert only(api.wait_deliveries(sent["id"], "pending"))

    backup, restore, look = BLOCK.findall(PAGE.read_text())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "carillon").symlink_to(harness.BINARY)
    (tmp_path / "backups").mkdir()

    def run(block):
        environment = harness.clean_environment(
            CARILLON_SECRETS_KEY=KEY, CARILLON_STORE_URL=original, RESTORED_URL=restored,
            PATH=f"{tmp_path / 'bin'}:{postgres.binaries()}:{os.environ['PATH']}")
        script = block.replace("/mnt/backups", str(tmp_path / "backups"))
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(backup)
    late = api.send(to=[{"user_id": "mina"}], event_id="after the backup", **PUSH)
    api.kill()
    run(restore)
    copy = start("copy", "api", restored)
    start("copy-scheduler", "scheduler", restored)
    worker = start("copy-worker", "worker", restored)
    assert only(copy.wait_deliveries(sent["id"], "held"))["reason"] == "paused"
    assert copy.api("GET", f"/v1/notifications/{late['id']}").status == 404
    # The credentials are readable with the same key; the very same send is a repeat.
    assert copy.send(to=[{"user_id": "mina"}], event_id="open", **PUSH)["id"] == sent["id"]
    assert simulator.counts()["apns"]["accepted"] == 0
    copy.stop()
    pause = re.search(r"pau_\w+", run(look))[0]
    copy.start()
    copy.cli("pause", "remove", pause)
    assert copy.wait_final(sent["id"], 60)["outcome"] == "success"
    assert simulator.counts()["apns"]["accepted"] == 1
    assert worker.is_running()


def test_every_role_has_its_part_in_the_page():
    text = PAGE.read_text()
    for role in ("api", "router", "scheduler", "worker"):
        assert f"`carillon {role}`" in text
    assert re.search(r"\b25 for\s+what is being sent \(`pipeline.drain_timeout`\)", text)
