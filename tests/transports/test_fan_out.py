"""One event to several places in different schemas: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from forward_peers import Collector, Running, Shipper, in_loop, running, until
from samples import KEY_FILE
from schema_definitions import CHECKS
from veilog_filters.config import Config, Secret
from veilog_filters.encoders import Writers
from veilog_filters.errors import ConfigError
from veilog_filters.fence import Fence
from veilog_filters.forward import Entry
from veilog_filters.transports.fan_out import FanOut
from veilog_filters.transports.process import refuse_what_needs_a_restart
from veilog_filters.transports.sender import ForwardSender, StdoutSender
from veilog_filters.yaml_file import parse
from veilog_parsers.errors import ErrorType

CALL = {
    "request": {"model": "m", "messages": [{"role": "user", "content": "Write to ann@example.com"}]},
    "response": {"model": "m", "choices": [{"message": {"content": "Done."}}]},
}
BOTH = ("native", "ocsf")


async def collectors(number: int = 2) -> list[Collector]:
    started = [Collector() for _ in range(number)]
    for collector in started:
        await collector.start()
    return started


async def stop(*places: Collector) -> None:
    for place in places:
        await place.stop()


def ids(place: Collector) -> list[str]:
    """The ids of the events that arrived, whatever the schema."""
    return [event.get("event_id") or event["metadata"]["uid"] for event in place.events]


def deaf(place: Collector) -> None:
    place.acks = lambda chunk_id: []


def answering(place: Collector) -> None:
    place.acks = lambda chunk_id: [chunk_id]


async def acks_of(shipper: Shipper, number: int) -> set[Any]:
    return {await shipper.ack() for _ in range(number)}


@in_loop
async def test_each_place_gets_every_event_in_its_schema() -> None:
    lake, siem = await collectors()
    async with running(lake, siem, schemas=BOTH, tag="clean.{schema}.{tag}") as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, {"who": "knows"}, chunk_id="c1")
        assert await shipper.ack() == "c1"
    assert [event["kind"] for event in lake.events] == ["ai_access", "quarantine"]
    assert [event["class_uid"] for event in siem.events] == [6003, 0]
    assert ids(lake) == ids(siem)
    for event in siem.events:
        CHECKS["ocsf"](event)
    assert (lake.chunks[0].tag, siem.chunks[0].tag) == ("clean.native.app", "clean.ocsf.app")
    await stop(lake, siem)


@in_loop
async def test_what_the_protocol_cannot_hold_is_a_quarantine_event_of_each_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = ForwardSender.pack

    def packs_no_calls(sender: ForwardSender, entry: Entry) -> bytes:
        if entry.record.get("kind") == "ai_access" or entry.record.get("class_uid") == 6003:
            raise OverflowError
        return pack(sender, entry)

    monkeypatch.setattr(ForwardSender, "pack", packs_no_calls)
    lake, siem = await collectors()
    async with running(lake, siem, schemas=BOTH) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, chunk_id="c1")
        assert await shipper.ack() == "c1"
        assert sidecar.worker.pipeline.counts.received == 2, "the record, and once what leaves instead"
    assert [event["kind"] for event in lake.events] == ["quarantine"]
    assert [event["class_uid"] for event in siem.events] == [0]
    assert ids(lake) == ids(siem)
    await stop(lake, siem)


def test_an_event_that_two_encoders_fail_on_is_one_quarantine_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_event: Any) -> list[Any]:
        raise KeyError("ann@example.com")

    writers = Writers(("ocsf", "native", "ecs"), (), Fence(lambda: 1.0))
    monkeypatch.setattr(writers, "_writers", [fail, lambda event: [event], fail])
    made: list[ErrorType] = []

    def instead(error_type: ErrorType) -> dict[str, Any]:
        made.append(error_type)
        return {"kind": "quarantine"}

    assert writers.write({"kind": "ai_access"}, instead) == [
        [{"kind": "quarantine"}],
        [{"kind": "ai_access"}],
        [{"kind": "quarantine"}],
    ]
    assert made == [ErrorType.ENCODING_FAILED]


@in_loop
async def test_a_reload_takes_all_places_or_none() -> None:
    first, second = await collectors()
    async with running(first, second, schemas=BOTH) as sidecar:
        config = sidecar.config
        places = [
            place.model_copy(update={"address": "127.0.0.1:9", "shared_key": key})
            for place, key in zip(config.sidecar.forward, (None, Secret(env="VEILOG_NOT_THERE")), strict=True)
        ]
        changed = config.model_copy(update={"sidecar": config.sidecar.model_copy(update={"forward": places})})
        with pytest.raises(ConfigError):
            sidecar.worker.outlets.configure(changed)
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, chunk_id="c1")
        assert await shipper.ack() == "c1"
    assert (first.connections, second.connections) == (1, 1)
    await stop(first, second)


@pytest.mark.parametrize("schema", CHECKS)
@in_loop
async def test_every_schema_goes_through_the_forward_protocol(schema: str) -> None:
    (place,) = await collectors(1)
    async with running(place, schemas=(schema,)) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, {"who": "knows"}, chunk_id="c1")
        assert await shipper.ack() == "c1"
    assert len(place.events) == 2
    for event in place.events:
        CHECKS[schema](event)
    await stop(place)


@pytest.mark.parametrize("late", [0, 1])
@in_loop
async def test_a_chunk_is_acknowledged_when_all_places_have(late: int) -> None:
    places = await collectors()
    deaf(places[late])
    async with running(*places, schemas=BOTH, ack_timeout_secs=0.4) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, chunk_id="c1")
        await until(lambda: places[late].connections == 2)  # it was given up on, and has the chunk again
        in_flight = {schema: delivery.in_flight_chunks for schema, delivery in sidecar.traffic.deliveries.items()}
        assert in_flight == {BOTH[late]: 1, BOTH[1 - late]: 0}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await shipper.ack()
        answering(places[late])
        assert await shipper.ack() == "c1"
    assert len(places[1 - late].events) == 1, "the other one has nothing sent again"
    await stop(*places)


@pytest.mark.parametrize("late", [0, 1])
@in_loop
async def test_a_place_that_never_acknowledges_holds_back_nothing_of_the_others_up_to_the_bound(late: int) -> None:
    places = await collectors()
    other = places[1 - late]
    deaf(places[late])
    async with running(*places, schemas=BOTH, max_in_flight_chunks=5, ack_timeout_secs=0.5, workers=1) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        for number in range(12):
            shipper.send("app", CALL, {"number": number}, chunk_id=f"c{number}")
        await until(lambda: len(other.chunks) == 5)
        await until(lambda: places[late].connections >= 3)
        assert len(other.chunks) == 5, "now both wait"
        assert sidecar.traffic.delivery(BOTH[1 - late]).in_flight_chunks == 0
        answering(places[late])
        assert await acks_of(shipper, 12) == {f"c{number}" for number in range(12)}
    assert len(other.events) == 24, "each once"
    assert set(ids(places[late])) == set(ids(other))
    await stop(*places)


@in_loop
async def test_many_connections_keep_to_the_bound_while_a_place_is_away() -> None:
    """What each has made and can hand to nobody counts: here it would be 20 times the bound."""
    places = await collectors()
    deaf(places[1])
    bound, shippers, entries = 262_144, [], [CALL] * 400
    async with running(*places, schemas=BOTH, max_in_flight_bytes=bound, ack_timeout_secs=60, grace_secs=0) as sidecar:
        for number in range(20):
            shippers.append(await Shipper.connect(sidecar.port))
            shippers[-1].send("app", *entries, chunk_id=f"c{number}")
        before = -1
        while sidecar.worker.budget.used_bytes != before:
            before = sidecar.worker.budget.used_bytes
            await asyncio.sleep(0.5)
        assert sidecar.traffic.delivery(BOTH[1]).in_flight_chunks > 0
        assert bound / 4 < before < 8 * bound
    await stop(*places)


@in_loop
async def test_the_bound_in_bytes_is_shared_by_the_schemas() -> None:
    lake, siem = await collectors()
    deaf(siem)
    async with running(lake, siem, schemas=BOTH, max_in_flight_bytes=262_144, policy=KEEP) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        for number in range(100):
            shipper.send("app", {"text": "all is well " * 800}, chunk_id=f"c{number}")
        await until(lambda: sidecar.traffic.delivery("ocsf").in_flight_bytes > 65_536)
        await asyncio.sleep(0.3)
        assert len(lake.chunks) == len(siem.chunks) < 20
        # A quarter of the whole: half of it is for output, and there are two schemas. One chunk may be over it.
        assert sidecar.traffic.delivery("ocsf").in_flight_bytes < 2 * 65_536
        sidecar.worker.stop()
    await stop(lake, siem)


KEEP = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}


@in_loop
async def test_places_with_one_schema_stand_in_for_each_other() -> None:
    first, second, siem = await collectors(3)
    async with running(first, second, siem, schemas=("native", "native", "ocsf")) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, chunk_id="c1")
        assert await shipper.ack() == "c1"
        await first.stop()
        shipper.send("app", CALL, CALL, chunk_id="c2")
        assert await shipper.ack() == "c2"
    assert (len(first.events), len(second.events), len(siem.events)) == (1, 2, 3)
    await stop(second, siem)


@in_loop
async def test_other_places_of_the_same_schemas_are_taken_over_while_it_runs() -> None:
    lake, siem = await collectors()
    async with running(lake, siem, schemas=BOTH) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("app", CALL, chunk_id="c1")
        assert await shipper.ack() == "c1"
        # Each now gets what the other one got, whatever the order in the file.
        swapped = with_schemas(sidecar, "ocsf", "native")
        refuse_what_needs_a_restart(sidecar.config, swapped, "veilog.yaml")
        sidecar.worker.outlets.configure(swapped)
        await until(lambda: (lake.connections, siem.connections) == (2, 2))
        shipper.send("app", CALL, chunk_id="c2")
        assert await shipper.ack() == "c2"
    assert ["class_uid" in event for event in lake.events] == [False, True]
    assert ["class_uid" in event for event in siem.events] == [True, False]
    await stop(lake, siem)


def with_schemas(sidecar: Running, *schemas: str) -> Config:
    places = [
        place.model_copy(update={"schema_name": schema})
        for place, schema in zip(sidecar.config.sidecar.forward, schemas, strict=True)
    ]
    options = sidecar.config.sidecar.model_copy(update={"forward": places})
    return sidecar.config.model_copy(update={"sidecar": options})


def configured(*schemas: str, default: str = "native") -> Config:
    places = [
        {"address": f"127.0.0.1:{number + 9}", **({"schema": schema} if schema else {})}
        for number, schema in enumerate(schemas)
    ]
    return Config.model_validate(
        {"hash_key": {"file": str(KEY_FILE)}, "output": {"schema": default}, "sidecar": {"forward": places}}
    )


def test_a_place_without_a_schema_gets_that_of_the_output() -> None:
    config = configured("", "ecs", "", default="ocsf")
    assert config.schemas() == ("ocsf", "ecs")
    assert [len(places) for places in config.places().values()] == [2, 1]
    assert configured(default="ecs").schemas() == ("ecs",)


@pytest.mark.parametrize(
    ("after", "place"),
    [
        (configured("native", "ecs"), "sidecar.forward.schema"),
        (configured("native"), "sidecar.forward.schema"),
        (configured("native", "", default="asim"), "output.schema"),
    ],
    ids=str,
)
def test_which_schemas_leave_is_not_changed_by_a_reload(after: Config, place: str) -> None:
    """What waits for an ack is written in the old one: it would be lost, or arrive in a schema that nobody expects."""
    before = configured("native", "ocsf")
    with pytest.raises(ConfigError, match="needs a restart") as error:
        refuse_what_needs_a_restart(before, after, "veilog.yaml")
    assert [defect.key for defect in error.value.defects] == [place]
    refuse_what_needs_a_restart(before, configured("ocsf", "", "native"), "veilog.yaml")


def test_the_schema_on_standard_output_is_not_changed_by_a_reload() -> None:
    with pytest.raises(ConfigError) as error:
        refuse_what_needs_a_restart(configured(), configured(default="ecs"), "veilog.yaml")
    assert [defect.key for defect in error.value.defects] == ["output.schema"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"output": {"schema": "osf"}}, "output.schema: there is no such encoder. Fix: did you mean ocsf?"),
        (
            {"sidecar": {"forward": [{"address": "siem:1"}, {"address": "siem:2", "schema": "esc"}]}},
            "sidecar.forward[1].schema: there is no such encoder. Fix: write one of asim, ecs,",
        ),
        (
            {"output": {"schema": "udm"}, "plugins": {"disable": {"encoders": ["udm"]}}},
            "output.schema: this encoder is turned off. Fix: take it out of plugins.disable.encoders",
        ),
    ],
    ids=["output", "place", "turned off"],
)
def test_a_schema_that_is_not_there_is_an_error_with_its_place(document: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(yaml.safe_dump(document), "veilog.yaml", Config)
    assert says in str(error.value.defects[0])


class Outlet(StdoutSender):
    """An outlet in some state."""

    def __init__(self, *, healthy: bool, capacity: bool) -> None:
        self.is_healthy = healthy
        self.has_capacity = capacity


WELL, DOWN, FULL = (True, True), (False, True), (False, False)


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        ([WELL], True),
        ([DOWN], False),
        ([WELL, WELL], True),
        ([WELL, DOWN], True),
        ([DOWN, WELL], True),
        ([WELL, FULL], False),
        ([DOWN, DOWN], False),
    ],
)
def test_it_is_ready_while_something_arrives_somewhere_and_nothing_has_to_wait(
    states: list[tuple[bool, bool]], ready: bool
) -> None:
    outlets = {str(number): Outlet(healthy=a, capacity=b) for number, (a, b) in enumerate(states)}
    assert FanOut(outlets).is_healthy is ready
