"""Stands in for Fluent Bit where it is not installed: the inputs and outputs that the tutorial uses, and no more.

It reads a Fluent Bit configuration in YAML with its includes, tails JSON Lines, hands them to the forward output with acks,
and prints what comes back at the forward input, as the output ``stdout`` with ``json_lines`` does.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import yaml

Plugin = dict[str, Any]


def plugins(path: Path, kind: str) -> Iterator[Plugin]:
    document = yaml.safe_load(path.read_text())
    yield from document.get("pipeline", {}).get(kind, [])
    for included in document.get("includes", []):
        yield from plugins(path.parent / included, kind)


def messages(connection: socket.socket) -> Iterator[Any]:
    unpacker = msgpack.Unpacker(strict_map_key=False)
    while data := connection.recv(65_536):
        unpacker.feed(data)
        yield from unpacker


def take_back(connection: socket.socket) -> None:
    """Print the records of all messages on a connection, and acknowledge them."""
    for _, entries, *options in messages(connection):
        if isinstance(entries, bytes):
            packed = msgpack.Unpacker(strict_map_key=False)
            packed.feed(entries)
            entries = list(packed)
        for _, record in entries:
            print(json.dumps(record), flush=True)
        if options and "chunk" in options[0]:
            connection.sendall(msgpack.packb({"ack": options[0]["chunk"]}))


def serve(listener: socket.socket) -> None:
    while True:
        threading.Thread(target=take_back, args=(listener.accept()[0],), daemon=True).start()


def lines(pattern: str) -> Iterator[str]:
    """New lines of all files of a pattern, for ever."""
    done: dict[Path, int] = {}
    while True:
        for name in Path("/").glob(pattern.lstrip("/")):
            data = name.read_bytes()
            end = data.rfind(b"\n") + 1
            yield from data[done.get(name, 0) : end].decode().splitlines()
            done[name] = end
        time.sleep(0.1)


def main(config: Path) -> None:
    (tail,) = (each for each in plugins(config, "inputs") if each["name"] == "tail")
    (back,) = (each for each in plugins(config, "inputs") if each["name"] == "forward")
    (there,) = (each for each in plugins(config, "outputs") if each["name"] == "forward")
    (final,) = (each for each in plugins(config, "outputs") if each["name"] == "stdout")
    assert (there["match"], final["match"]) == ("raw.*", "clean.*")
    listener = socket.create_server((back["listen"], back["port"]))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    for number, line in enumerate(lines(tail["path"])):
        message = [tail["tag"], [[int(time.time()), json.loads(line)]], {"chunk": str(number)}]
        with socket.create_connection((there["host"], there["port"]), timeout=60) as connection:
            connection.sendall(msgpack.packb(message))
            assert next(messages(connection)) == {"ack": str(number)}


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("-c") + 1]))
