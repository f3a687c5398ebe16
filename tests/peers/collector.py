"""A next hop that can be killed at any time: what it has acknowledged is in its file. Arguments: port, file."""

from __future__ import annotations

import os
import socket
import sys
import threading

import orjson

from veilog_filters.forward import NEED_DATA, Ack, Chunk, Closed, Entry, ServerConnection


def serve(client: socket.socket, file: int) -> None:
    """One connection: a chunk's events are in the file, in one write, before its ack goes out."""
    connection = ServerConnection()
    with client:
        while not isinstance(event := connection.next_event(), Closed):
            if event is NEED_DATA:
                try:
                    connection.receive_data(client.recv(262_144))
                except ConnectionError:
                    return
            elif isinstance(event, Chunk):
                entries = [entry for entry in event.entries if isinstance(entry, Entry)]
                os.write(file, b"".join(orjson.dumps(entry.record) + b"\n" for entry in entries))
                if event.chunk_id is not None:
                    client.sendall(connection.send(Ack(event.chunk_id)))


def main() -> None:
    """Accept for ever."""
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, file), daemon=True).start()


if __name__ == "__main__":
    main()
