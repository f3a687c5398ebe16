"""A worker between a shipper and a next hop: who is told what, when, whatever either of them does."""

from __future__ import annotations

import asyncio
import gzip
import resource
import socket
import struct
import tracemalloc
from typing import Any

import msgpack
import pytest

from forward_peers import WAIT_SECS, Collector, Shipper, free_port, in_loop, running, until
from samples import KEY_FILE
from veilog_filters.config import Config, Forward
from veilog_filters.forward import Entry, EventTime
from veilog_filters.forward.events import GROUP_END_SECONDS, GROUP_START_SECONDS

RECORD = {"log": "mail ann@example.com", "level": "info"}
KEEP = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}


def with_places(config: Config, *places: Forward) -> Config:
    """A configuration with other next hops."""
    return config.model_copy(update={"sidecar": config.sidecar.model_copy(update={"forward": list(places)})})


# Who is told what, when.


@in_loop
async def test_a_chunk_is_cleaned_and_acknowledged_after_the_next_hop_did() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", RECORD, RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
        (chunk,) = hop.chunks
        assert chunk.tag == "clean.raw.app"
        assert [entry.time for entry in chunk.entries] == [1_740_994_863] * 2
        assert chunk.entries[0].record["unmapped"]["log"] == "mail <EMAIL_ADDRESS>"
        assert sidecar.errors == {}
    await hop.stop()


@in_loop
async def test_no_ack_before_the_next_hop_acknowledged() -> None:
    hop = Collector(acks=lambda chunk_id: [])
    await hop.start()
    async with running(hop, grace_secs=0.2) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        await until(lambda: hop.chunks)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shipper.ack(), 0.3)
        assert sidecar.delivery.in_flight_chunks == 1
    await hop.stop()


@in_loop
async def test_what_policy_drops_is_acknowledged_at_once() -> None:
    async with running(Collector(), policy={"unrecognized": "drop"}) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
        assert sidecar.worker.pipeline.counts.dropped["unrecognized"] == 1


@in_loop
async def test_an_empty_chunk_is_acknowledged() -> None:
    async with running(Collector()) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", chunk_id="c1")
        assert await shipper.ack() == "c1"


@in_loop
async def test_a_chunk_without_an_id_is_delivered_and_not_acknowledged() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD)
        shipper.send("t", RECORD, chunk_id="c2")
        assert await shipper.ack() == "c2"
        assert len(hop.events) == 2
    await hop.stop()


@in_loop
async def test_time_metadata_and_groups_are_kept() -> None:
    hop = Collector()
    await hop.start()
    start, end = EventTime(GROUP_START_SECONDS, 0), EventTime(GROUP_END_SECONDS, 0)
    entries = [
        Entry(start, {"schema": "otlp"}, {"resource": {"attributes": {"owner": "ann@example.com"}}}),
        Entry(EventTime(1_740_994_863, 123_456_789), {"attributes": {"who": "ann@example.com", "n": 7}}, RECORD),
        Entry(end, {}, {}),
    ]
    async with running(hop, tag="veiled", policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send_entries("otlp", entries, "c1")
        assert await shipper.ack() == "c1"
        (chunk,) = hop.chunks
        assert chunk.tag == "veiled"
        assert [entry.time for entry in chunk.entries] == [entry.time for entry in entries]
        assert [entry.metadata for entry in chunk.entries] == [
            {"schema": "otlp"},
            {"attributes": {"who": "<EMAIL_ADDRESS>", "n": 7}},
            {},
        ]
        assert chunk.entries[0].record == {"resource": {"attributes": {"owner": "<EMAIL_ADDRESS>"}}}
        assert chunk.entries[1].record["timestamp"] == "2025-03-03T09:41:03.123456789Z"
    await hop.stop()


@in_loop
async def test_prompts_in_metadata_are_read_and_do_not_go_on_with_it() -> None:
    hop = Collector()
    await hop.start()
    said = [{"role": "user", "parts": [{"type": "text", "content": "the quiet part"}]}]
    about = {"trace_id": b"\xab" * 16, "event_name": "gen_ai.client.inference.operation.details"}
    metadata = {"otlp": {**about, "attributes": {"gen_ai.input.messages": said}}}
    entries = [
        Entry(
            EventTime(GROUP_START_SECONDS, 0), {"schema": "otlp"}, {"resource": {"attributes": {"service.name": "s7"}}}
        ),
        Entry(EventTime(1_740_994_863, 1), metadata, {}),
        Entry(EventTime(GROUP_END_SECONDS, 0), {}, {}),
        Entry(EventTime(1_740_994_863, 2), metadata, {}),
    ]
    async with running(hop, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send_entries("otlp", entries, "c1")
        assert await shipper.ack() == "c1"
        (chunk,) = hop.chunks
        inside, outside = chunk.entries[1], chunk.entries[3]
        assert inside.metadata == {"otlp": {"trace_id": "ab" * 16, "event_name": about["event_name"]}}
        assert (inside.record["source"], inside.record["prompt_chars"]) == ("otel_genai", 14)
        assert (inside.record["user_name"], "user_name" in outside.record) == ("s7", False)
    await hop.stop()


@in_loop
async def test_log_records_of_one_call_in_a_chunk_are_one_event() -> None:
    hop = Collector()
    await hop.start()

    def about(name: str, trace: bytes = b"\xab") -> dict[str, Any]:
        attributes = {"gen_ai.system": "openai"}
        return {"otlp": {"trace_id": trace * 16, "span_id": b"\xcd" * 8, "event_name": name, "attributes": attributes}}

    start, end = EventTime(GROUP_START_SECONDS, 0), EventTime(GROUP_END_SECONDS, 0)
    entries = [
        Entry(start, {"schema": "otlp"}, {"resource": {"attributes": {"service.name": "s7"}}}),
        Entry(EventTime(1_740_994_863, 1), about("gen_ai.user.message"), {"content": "quiet"}),
        Entry(EventTime(1_740_994_863, 2), about("gen_ai.user.message", b"\xef"), {"content": "another call"}),
        Entry(EventTime(1_740_994_863, 3), about("gen_ai.choice"), {"message": {"content": "answer"}, "index": 0}),
        Entry(EventTime(1_740_994_863, 4), {}, RECORD),
        Entry(end, {}, {}),
    ]
    async with running(hop, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send_entries("otlp", entries, "c1")
        assert await shipper.ack() == "c1"
        (chunk,) = hop.chunks
        sizes = [(entry.record.get("prompt_chars"), entry.record.get("response_chars")) for entry in chunk.entries]
        assert sizes == [(None, None), (5, 6), (12, None), (None, None), (None, None)]
        first = chunk.entries[1]
        assert first.time == entries[1].time
        assert (first.metadata or {})["otlp"]["event_name"] == "gen_ai.user.message"
        assert "attributes" not in (first.metadata or {})["otlp"]
        assert sidecar.worker.pipeline.counts.received == 4
    await hop.stop()


@in_loop
async def test_metadata_stays_behind_where_the_next_hop_cannot_read_it() -> None:
    hop = Collector()
    await hop.start()
    entries = [
        Entry(EventTime(GROUP_START_SECONDS, 0), {"schema": "otlp"}, {"resource": {}}),
        Entry(EventTime(1_740_994_863, 1), {"attributes": {"n": 7}}, RECORD),
        Entry(EventTime(GROUP_END_SECONDS, 0), {}, {}),
    ]
    async with running(hop, keep_metadata=False, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send_entries("otlp", entries, "c1")
        assert await shipper.ack() == "c1"
        ((entry,),) = [chunk.entries for chunk in hop.chunks]
        assert entry.metadata is None
        assert entry.record["kind"] == "other"
    await hop.stop()


@in_loop
async def test_metadata_of_a_record_in_quarantine_stays_behind() -> None:
    hop = Collector()
    await hop.start()
    metadata = {"attributes": {"input": "words of a prompt"}}
    # This policy keeps metadata beside a record that is processed: only so does it show what quarantine does.
    async with running(hop, policy={"content": "redacted", "unmapped": "redact"}) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        time, record = EventTime(1_740_994_863, 1), {"request": {"model": "m", "messages": []}, "response": {}}
        shipper.send_entries("t", [Entry(time, metadata, "no object"), Entry(time, metadata, record)], "c1")
        assert await shipper.ack() == "c1"
        ((failed, processed),) = [chunk.entries for chunk in hop.chunks]
        assert failed.record["error_type"] == "not_an_object"
        assert failed.metadata is None
        assert processed.metadata == metadata
    await hop.stop()


@in_loop
async def test_empty_metadata_goes_out_as_none() -> None:
    """Fluent Bit 5 sends ``[[time, {}], record]``; a Fluentd behind us would skip that, and acknowledge it."""
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send_entries("t", [Entry(EventTime(1_740_994_863, 1), {}, RECORD)], "c1")
        assert await shipper.ack() == "c1"
        assert hop.chunks[0].entries[0].metadata is None
    await hop.stop()


@in_loop
async def test_a_record_that_is_too_large_goes_to_quarantine_and_the_chunk_is_done() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP, limits={"max_record_bytes": 1024}) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", {"log": "x" * 2000}, RECORD, "scalar", chunk_id="c1")
        assert await shipper.ack() == "c1"
        assert [event.get("error_type") for event in hop.events] == ["record_too_large", None, "not_an_object"]
        assert "xxx" not in str(hop.events)
    await hop.stop()


@in_loop
async def test_acks_out_of_order_twice_or_for_nothing() -> None:
    held: list[str] = []

    def spoilt(chunk_id: str) -> list[str]:
        held.append(chunk_id)
        return ["never sent", *reversed(held), held[0]] if len(held) == 3 else []

    hop = Collector(acks=spoilt)
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        for number in range(3):
            shipper.send("t", RECORD, chunk_id=f"c{number}")
        assert sorted([await shipper.ack() for _ in range(3)]) == ["c0", "c1", "c2"]
        await until(lambda: sidecar.errors == {("send", "unexpected_ack"): 2})
        assert sidecar.delivery.in_flight_chunks == 0
    await hop.stop()


@in_loop
async def test_compressed_chunks_and_no_acks_on_request() -> None:
    hop = Collector(acks=lambda chunk_id: [])
    await hop.start()
    async with running(hop, compress=True, require_ack=False) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", *[RECORD] * 50, chunk_id="c1")
        assert await shipper.ack() == "c1"
        await until(lambda: len(hop.events) == 50)
        assert hop.chunks[0].chunk_id is None
        assert hop.chunks[0].frame_bytes < 50 * 200
    await hop.stop()


# The next hop fails.


@in_loop
async def test_a_next_hop_that_is_not_there_yet_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    hop = Collector()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        await asyncio.sleep(1)
        await hop.start()
        assert await shipper.ack() == "c1"
        assert (sidecar.errors, sidecar.delivery.reconnects) == ({}, 0)
        await hop.stop()
        await until(lambda: sidecar.errors)
        await hop.start()
        shipper.send("t", RECORD, chunk_id="c2")
        assert await shipper.ack() == "c2"
    said = [line.split()[1] for line in capfd.readouterr().err.splitlines()]
    assert said == [f"event=next_hop_{word}" for word in ("awaited", "connected", "lost", "regained")]
    await hop.stop()


@pytest.mark.parametrize("host", ["a..b", "b" * 64, ".", "a\0b"])
@in_loop
async def test_a_next_hop_whose_name_cannot_be_looked_up_is_one_that_is_lost(
    host: str, capfd: pytest.CaptureFixture[str]
) -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP) as sidecar:
        good = sidecar.config
        # A configuration refuses such names; whatever gets past it must not end the worker.
        place = Forward.model_construct(address=f"{host}:{hop.port}", schema_name="native")
        await until(lambda: hop.connections)
        sidecar.worker.outlets.configure(with_places(good, place))
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        await until(lambda: sum(sidecar.errors.values()) >= 3)
        assert {kind for kind, _ in sidecar.errors} == {"send"}
        assert not sidecar.serving.done()
        # Asked for another one, it does not sleep on.
        sidecar.worker.outlets.configure(good)
        assert await asyncio.wait_for(shipper.ack(), WAIT_SECS) == "c1"
    said = [line for line in capfd.readouterr().err.splitlines() if "connected" not in line and "regained" not in line]
    assert 1 <= len(said) <= 2
    assert all("address=" in line and "Error" not in line.partition("reason=")[0] for line in said)
    await hop.stop()


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyError, AssertionError, MemoryError, OverflowError])
@pytest.mark.parametrize("where", ["_shake_hands", "_settle", "_watch"])
@in_loop
async def test_whatever_fails_in_a_connection_costs_the_connection_alone(
    where: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hop = Collector()
    await hop.start()

    def fail(*arguments: Any) -> Any:
        monkeypatch.undo()
        raise error("ann@example.com")

    async def fail_later(*arguments: Any) -> Any:
        fail()

    async with running(hop, policy=KEEP) as sidecar:
        await until(lambda: hop.connections)
        monkeypatch.setattr(sidecar.worker.outlets.outlets["native"], where, fail if where == "_settle" else fail_later)
        if where != "_settle":
            await hop.stop()
            await hop.start()
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
        await until(lambda: sidecar.errors[("send", "internal")] == 1)
        assert not sidecar.serving.done()
    said = capfd.readouterr().err
    assert f"event=next_hop_failed address=127.0.0.1:{hop.port} reason={error.__name__}" in said
    assert "ann@example.com" not in said
    await hop.stop()


@pytest.mark.parametrize("stage", ["connect", "handshake", "rest"])
@in_loop
async def test_a_next_hop_that_is_replaced_while_it_is_connected_to_gets_nothing(stage: str) -> None:
    old, new = Collector(), Collector()
    await new.start()
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        writer.write(msgpack.packb(["HELO", {"nonce": b"n" * 16, "auth": b"", "keepalive": True}]))
        late.append(await reader.read())
        writer.close()

    late: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", old.port) if stage == "handshake" else None
    listener = socket.create_server(("127.0.0.1", old.port), backlog=0) if stage == "connect" else None
    blockers = [socket.socket() for _ in range(3)] if listener else []
    for blocker in blockers:
        # The backlog is full, so that connecting takes as long as the kernel likes.
        blocker.setblocking(False)
        blocker.connect_ex(("127.0.0.1", old.port))
    key = {"file": str(KEY_FILE)}
    async with running(forward=[{"address": f"127.0.0.1:{old.port}", "shared_key": key}]) as sidecar:
        if stage == "handshake":
            await asyncio.wait_for(asked.wait(), WAIT_SECS)
        else:
            await asyncio.sleep(5 if stage == "rest" else 0.2)
        place = Forward.model_validate({"address": f"127.0.0.1:{new.port}"})
        sidecar.worker.outlets.configure(with_places(sidecar.config, place))
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await asyncio.wait_for(shipper.ack(), 2) == "c1"
        answer.set()
        assert new.connections == 1
    for blocker in (*blockers, *([listener] if listener else [])):
        blocker.close()
    if server is not None:
        server.close()
        await until(lambda: late)
        assert late == [b""]
    await new.stop()


@in_loop
async def test_what_was_not_acknowledged_is_sent_again_in_order_after_a_reconnect() -> None:
    first = Collector(acks=lambda chunk_id: [])
    await first.start()
    async with running(first, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        for number in range(5):
            shipper.send("t", {"number": number}, chunk_id=f"c{number}")
        await until(lambda: len(first.chunks) == 5)
        await first.stop()
        second = Collector(port=first.port)
        await second.start()
        assert [await shipper.ack() for _ in range(5)] == [f"c{number}" for number in range(5)]
        assert [event["unmapped"]["number"] for event in second.events] == list(range(5))
        assert [c.chunk_id for c in second.chunks] == [c.chunk_id for c in first.chunks]
        assert [e["event_id"] for e in second.events] == [e["event_id"] for e in first.events]
    await second.stop()


@in_loop
async def test_a_next_hop_that_accepts_and_never_acknowledges_is_left_for_the_next_one() -> None:
    deaf, hop = Collector(acks=lambda chunk_id: []), Collector()
    await deaf.start()
    await hop.start()
    async with running(deaf, hop, ack_timeout_secs=0.3) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
        assert deaf.events == hop.events
        assert sidecar.errors[("send", "timeout")] == 1
    await deaf.stop()
    await hop.stop()


@in_loop
async def test_round_robin_takes_the_places_in_turn() -> None:
    hops = [Collector(), Collector()]
    async with running(*hops, balance="round_robin") as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        for number in range(4):
            hop, other = hops[number % 2], hops[(number + 1) % 2]
            await hop.start()
            shipper.send("t", RECORD, chunk_id=f"c{number}")
            assert await shipper.ack() == f"c{number}"
            assert len(hop.chunks) + len(other.chunks) == number + 1
            await hop.stop()
    assert [len(hop.chunks) for hop in hops] == [2, 2]


@in_loop
async def test_a_full_ledger_stops_the_reading_and_memory_stays_flat() -> None:
    hop = Collector(acks=lambda chunk_id: [])
    await hop.start()
    async with running(hop, max_in_flight_chunks=4, grace_secs=0.1) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        tracemalloc.start()
        try:
            sent = 0
            big = {"log": "word " * 20_000}
            # Until the sockets are full: the shipper cannot write because nobody reads.
            with pytest.raises(TimeoutError):
                while sent < 2000:
                    shipper.send("t", big, chunk_id=f"c{sent}")
                    sent += 1
                    await asyncio.wait_for(shipper.writer.drain(), 1)
            assert len(hop.chunks) == 4
            assert sent < 500
            assert tracemalloc.get_traced_memory()[1] < 40_000_000
        finally:
            tracemalloc.stop()
        assert sidecar.delivery.in_flight_chunks == 4
        shipper.writer.transport.abort()
    await hop.stop()


@in_loop
async def test_the_next_hop_has_another_shared_key() -> None:
    hop = Collector(shared_key=b"right")
    await hop.start()
    async with running(hop, grace_secs=0.1) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        # Without a key we speak first; the hop takes that for a broken handshake and hangs up.
        await until(lambda: sidecar.delivery.reconnects >= 2)
        assert hop.chunks == []
        assert any(direction == "send" for direction, _ in sidecar.errors)
    await hop.stop()


# The worker stops.


@in_loop
async def test_a_stopping_worker_finishes_what_is_in_flight() -> None:
    hop = Collector(acks=lambda chunk_id: [])
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        await until(lambda: hop.chunks)
        sidecar.worker.stop()
        await asyncio.sleep(0.05)
        assert not sidecar.serving.done()
        with pytest.raises(ConnectionError):
            await Shipper.connect(sidecar.port)
        # The hop acknowledges at last; so does the worker, and then it ends.
        (writer,) = hop._writers
        writer.write(msgpack.packb({"ack": hop.chunks[0].chunk_id}))
        assert await shipper.ack() == "c1"
        await asyncio.wait_for(sidecar.serving, WAIT_SECS)
    await hop.stop()


@in_loop
async def test_a_stopping_worker_gives_up_after_its_grace_period() -> None:
    async with running(Collector(), grace_secs=0.2) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        await until(lambda: sidecar.delivery.in_flight_chunks)
        sidecar.worker.stop()
        await asyncio.wait_for(sidecar.serving, 5)
        assert await shipper.closed()


# Peers that mean no good: each is turned away and counted, and the next one is served.

HUGE = b"\x93\xa1t\xc6\xff\xff\xff\xff" + bytes(100_000)  # ["t", a binary of 4 GiB ...
BOMB = msgpack.packb(["t", gzip.compress(bytes(200_000_000)), {"compressed": "gzip"}])
WHOLE = msgpack.packb(["t", [[1, RECORD]], {"chunk": "c"}])
ATTACKS = {
    "random bytes": (bytes(range(255, 0, -1)), {"not_a_message", "not_msgpack"}),
    "a 4 GiB length": (HUGE, {"frame_too_large"}),
    "a gzip bomb": (BOMB, {"inflated_too_large"}),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {"not_a_message"}),
    "four billion elements": (b"\x93\xa1t\xdd\xff\xff\xff\xff", {"too_many_elements"}),
}


@pytest.mark.parametrize("name", ATTACKS)
@in_loop
async def test_an_attack_ends_its_own_connection_only(name: str) -> None:
    data, reasons = ATTACKS[name]
    hop = Collector()
    await hop.start()
    async with running(hop, listen={"max_frame_bytes": 65_536 if data is HUGE else 33_554_432}) as sidecar:
        honest = await Shipper.connect(sidecar.port)
        tracemalloc.start()
        attacker = await Shipper.connect(sidecar.port)
        attacker.writer.write(data)
        assert await attacker.closed()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 150_000_000
        honest.send("t", RECORD, chunk_id="c1")
        assert await honest.ack() == "c1"
        ((direction, reason), count) = sidecar.errors.popitem()
        assert (direction, count) == ("receive", 1)
        assert reason in reasons
        assert len(hop.chunks) == 1
    await hop.stop()


@in_loop
async def test_a_frame_cut_at_any_byte_is_counted_and_gives_nothing() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        for cut in range(1, len(WHOLE)):
            _, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
            writer.write(WHOLE[:cut])
            writer.write_eof()
            writer.close()
        await until(lambda: sidecar.errors.get(("receive", "truncated")) == len(WHOLE) - 1)
        assert hop.chunks == []
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
    await hop.stop()


@in_loop
async def test_a_wrong_shared_key_and_a_wrong_password() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, listen={"shared_key": {"file": str(KEY_FILE)}}) as sidecar:
        with pytest.raises(AssertionError):
            await Shipper.connect(sidecar.port, shared_key=b"wrong")
        await until(lambda: sidecar.errors == {("receive", "unauthenticated"): 1})
        silent = await Shipper.connect(sidecar.port)
        silent.send("t", RECORD, chunk_id="c1")
        await until(lambda: sidecar.errors.get(("receive", "unauthenticated")) == 2)
        right = await Shipper.connect(sidecar.port, shared_key=KEY_FILE.read_bytes().strip())
        right.send("t", RECORD, chunk_id="c2")
        assert await right.ack() == "c2"
        assert len(hop.chunks) == 1
    await hop.stop()


@in_loop
async def test_a_thousand_idle_connections_keep_nobody_out() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))  # both ends are in this process
    hop = Collector()
    await hop.start()
    async with running(hop, listen={"max_connections": 1100}) as sidecar:
        honest = await Shipper.connect(sidecar.port)
        honest.send("t", RECORD, chunk_id="c0")
        assert await honest.ack() == "c0"
        idle = [await Shipper.connect(sidecar.port) for _ in range(1000)]
        # Who has said nothing has a quarter of the places, and the oldest of them goes first.
        await until(lambda: sidecar.errors == {("receive", "too_many_strangers"): 1000 - 1100 // 4})
        assert sidecar.traffic.connections == 1100 // 4 + 1
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        assert await shipper.ack() == "c1"
        honest.send("t", RECORD, chunk_id="c2")
        assert await honest.ack() == "c2"
        honest.writer.close()
        for client in idle:
            client.writer.close()
        await until(lambda: sidecar.traffic.connections == 1)
    await hop.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@in_loop
async def test_too_many_connections_and_silent_ones() -> None:
    drop = {"unrecognized": "drop"}
    async with running(Collector(), policy=drop, listen={"max_connections": 2, "idle_timeout_secs": 2}) as sidecar:
        clients = []
        for number in range(3):
            client = await Shipper.connect(sidecar.port)
            client.send("t", RECORD, chunk_id=f"c{number}")
            assert await client.ack() == f"c{number}"
            clients.append(client)
        # The third is let in, in the place of the one that has been idle for longest.
        assert await clients[0].closed()
        assert sidecar.errors == {("receive", "too_many_connections"): 1}
        assert sidecar.traffic.connections == 2
        assert all([await client.closed() for client in clients[1:]])
        await until(lambda: sidecar.errors[("receive", "timeout")] == 2)


@in_loop
async def test_a_peer_that_never_reads_its_acks_is_hung_up_on() -> None:
    async with running(Collector(), policy={"unrecognized": "drop"}) as sidecar:
        _, writer = await asyncio.open_connection("127.0.0.1", sidecar.port, limit=1024)
        chunk = msgpack.packb(["t", [[1, RECORD]], {"chunk": "c" * 250}])
        with pytest.raises(ConnectionError):
            for _ in range(100_000):
                writer.write(chunk)
                await writer.drain()
        assert sidecar.errors[("receive", "timeout")] == 1
        writer.close()
        await until(lambda: sidecar.traffic.connections == 0)


@in_loop
async def test_heartbeats_are_answered() -> None:
    async with running(Collector()) as sidecar:
        reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
        writer.write(b"\xc0")
        assert await asyncio.wait_for(reader.read(1), WAIT_SECS) == b"\xc0"
        writer.close()


@in_loop
async def test_a_half_closed_client_still_gets_its_ack() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c1")
        shipper.writer.write_eof()
        assert await shipper.ack() == "c1"
    await hop.stop()


@in_loop
async def test_random_event_times_do_not_stop_a_chunk() -> None:
    hop = Collector()
    await hop.start()
    times = [0, -1, 2**62, float("nan"), float("inf"), EventTime(2**32 - 5, 2**32 - 1), 1.5]
    packed = [
        [msgpack.ExtType(0, struct.pack(">II", *t)) if isinstance(t, EventTime) else t, {"i": i}]
        for i, t in enumerate(times)
    ]
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.writer.write(msgpack.packb(["t", packed, {"chunk": "c1"}]))
        assert await shipper.ack() in ("c1", "")
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("t", RECORD, chunk_id="c2")
        assert await shipper.ack() == "c2"
        assert sidecar.errors.get(("receive", "internal")) is None
    await hop.stop()


def test_a_port_that_is_free_is_free() -> None:
    assert free_port() != free_port()
