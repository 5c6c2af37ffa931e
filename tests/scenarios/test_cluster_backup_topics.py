"""A cluster's database is restored and takes from the topics again what came after the backup, as cluster.md says."""
import base64
import datetime
import os
import re
import shlex
import subprocess

import harness
import postgres
import records
from engines import kafka, one_broker  # noqa: F401
from test_cluster_backup import BLOCK, PAGE
from test_kafka_events import MAIL, Topic, wait_taken

KEY = base64.b64encode(bytes(range(32))).decode()
TOPICS = re.compile(r"^```sh kafka\n(.*?)^```", re.M | re.S)


def test_what_came_by_a_topic_after_the_backup_is_taken_again(make_server, kafka, postgres_cluster,  # noqa: F811
                                                              tmp_path):
    topic = Topic(kafka)
    original = postgres_cluster.database()
    restored = postgres_cluster.beside(original, "carillon_restored")

    def start(name, url):
        return make_server(settings={"store.url": url, "store.lease": "3s", **topic.settings}, name=name,
                           environment={"CARILLON_SECRETS_KEY": KEY})

    def note(event):
        return {"event_id": event, "to": [{"email": "ada@example.test"}], **MAIL}
    (tmp_path / "bin").mkdir()
    (tmp_path / "backups").mkdir()
    (tmp_path / "bin" / "carillon").symlink_to(harness.BINARY)
    tool = tmp_path / "bin" / "kafka-consumer-groups.sh"  # as Kafka has it, without its folders
    command = shlex.join(kafka.java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"))
    tool.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    tool.chmod(0o755)

    def run(block, **more):
        environment = harness.clean_environment(
            CARILLON_SECRETS_KEY=KEY, CARILLON_STORE_URL=original, RESTORED_URL=restored,
            PATH=f"{tmp_path / 'bin'}:{postgres.binaries()}:{os.environ['PATH']}", **more)
        script = block.replace("/mnt/backups", str(tmp_path / "backups")).replace("carillon.ingest",
                                                                                  topic.settings["kafka.group"])
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    server = start("server", original)
    known = (server.app, server.test, server.token)
    topic.write(note("before"))
    wait_taken(server, accepted=1)
    backup, restore, _ = BLOCK.findall(PAGE.read_text())
    began = datetime.datetime.now(datetime.timezone.utc)
    run(backup)
    topic.write(note("after"))
    wait_taken(server, accepted=2)
    server.stop()
    run(restore)
    [again] = TOPICS.findall(PAGE.read_text())
    before = began - datetime.timedelta(minutes=5)
    run(again, BROKER=f"127.0.0.1:{kafka.port}", BEFORE_THE_BACKUP=before.isoformat(timespec="milliseconds")[:23])
    copy = start("copy", restored)
    copy.app, copy.test, copy.token = known
    wait_taken(copy, accepted=1, duplicate=1)
    for event in ("before", "after"):
        assert len(copy.all(f"/v1/notifications?event_id={event}")) == 1, event
    assert copy.accountability()["exact"]
    assert records.read(kafka, topic.dead) == []
