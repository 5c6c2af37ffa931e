"""A network that breaks when it is told to: TCP from processes to their engines, through a process of its own.

    network = Network()
    port = network.link("worker-1>postgres", "/tmp/x/.s.PGSQL.5432")   # or ("127.0.0.1", 6379)
    network.disturb("worker-1>postgres", "black_hole")
    network.heal()

| how it can be | what is seen of it |
|---|---|
| well | everything passes |
| slow | 20 ms in each direction, for each piece |
| black_hole | nothing passes and nothing is refused; what was sent meanwhile comes when it ends, as TCP has it |
| reset | every connection is reset, new ones at once again |
| half_close | each connection is ended in one direction, the other end hears nothing of it; new ones pass |

The proxy is this file run as a program: one asyncio loop, which takes a line of JSON for each command.
"""
import asyncio
import json
import socket
import struct
import subprocess
import sys

CHUNK = 64 * 1024
SLOW_S = 0.02
WAYS = ("slow", "black_hole", "reset", "half_close")


class Network:
    """The proxy, from outside. Not thread-safe."""

    def __init__(self):
        self.links = {}
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, start_new_session=True)

    def _say(self, **command):
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer

    def link(self, name, target):
        """Opens a port that leads to `target`: a path, or (host, port)."""
        self.links[name] = self._say(open=name, target=target)["port"]
        return self.links[name]

    def disturb(self, name, way):
        assert way in WAYS, way
        self._say(disturb=name, way=way)

    def heal(self, name=None):
        for each in [name] if name else self.links:
            self._say(disturb=each, way="well")

    def end(self):
        self._process.kill()
        self._process.wait()


# ---- the program


class Link:
    def __init__(self, target):
        self.target = target
        self.way = "well"
        self.passes = asyncio.Event()
        self.passes.set()
        self.pairs = set()  # of writers: (to who connected, to the engine)
        self.turn = 0

    async def take(self, reader, writer):
        """One connection, from its beginning to the end of both directions."""
        pair = (writer,)
        try:
            await self.passes.wait()
            if self.way == "reset":
                return abort(writer)
            target = self.target
            opening = asyncio.open_unix_connection(target) if isinstance(target, str) \
                else asyncio.open_connection(*target)
            there_reader, there_writer = await opening
            pair = (writer, there_writer)
            self.pairs.add(pair)
            await asyncio.gather(self.pump(reader, there_writer), self.pump(there_reader, writer))
        except OSError:
            abort(writer)  # the engine is not there
        finally:
            self.pairs.discard(pair)
            for each in pair:
                each.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(CHUNK):
                await self.passes.wait()
                if self.way == "slow":
                    await asyncio.sleep(SLOW_S)
                writer.write(data)
                await writer.drain()
            await self.passes.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except (OSError, RuntimeError):  # the other direction has ended both
            abort(writer)

    def become(self, way):
        self.way = way
        self.passes.clear() if way == "black_hole" else self.passes.set()
        if way == "reset":
            for pair in list(self.pairs):
                for writer in pair:
                    abort(writer)
        if way == "half_close":
            for here, there in list(self.pairs):
                # In turn the one who connected and the engine is told.
                self.turn ^= 1
                told = here if self.turn else there
                if told.can_write_eof() and not told.is_closing():
                    told.write_eof()


def abort(writer):
    """Ends a connection by RST where the system can."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.family == socket.AF_INET:
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


async def serve():
    links, servers = {}, []
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        answer = {}
        if "open" in command:
            target = command["target"]
            link = links[command["open"]] = Link(target if isinstance(target, str) else tuple(target))
            servers.append(await asyncio.start_server(link.take, "127.0.0.1", 0))
            answer = {"port": servers[-1].sockets[0].getsockname()[1]}
        elif command["disturb"] in links:
            links[command["disturb"]].become(command["way"])
        else:
            answer = {"error": f"there is no {command['disturb']}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
