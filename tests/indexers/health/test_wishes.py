"""What is read only when the owner asks: distance and beginning of routes, and single heartbeats."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.contract import check_source
from indexers.health.apple import AppleHealth
from indexers.health.apple.numbers.beats import beats
from indexers.health.apple.papers import route
from indexers.record import Event, Record, SampleBatch, Section, Skipped
from tests.indexers.health.conftest import Pack

SPAN = 'startDate="2024-05-01 18:00:00 +0200" endDate="2024-05-01 19:00:00 +0200"'
# A sixtieth of a degree of latitude is a nautical mile, about 1.853 km on this sphere.
POINTS = '<trkpt lon="-30.5" lat="10.0"><ele>3</ele></trkpt>\n<trkpt lat="10.0166666667" lon="-30.5"/>\n'
GPX = f'<?xml version="1.0"?><gpx><trk><trkseg>{POINTS}</trkseg></trk></gpx>'


def workout(path: str) -> str:
    reference = f'<WorkoutRoute {SPAN}><FileReference path="{path}"/></WorkoutRoute>'
    return f'<Workout workoutActivityType="HKWorkoutActivityTypeRunning" sourceName="W" {SPAN}>{reference}</Workout>\n'


def read(path: Path, **options: object) -> list[Record | Skipped]:
    return check_source(AppleHealth(name="health", path=path, options=options))


def skips(records: list[Record | Skipped]) -> dict[str, int]:
    return {entry.where.rpartition("#")[2]: entry.count for entry in records if isinstance(entry, Skipped)}


def test_routes_are_read_when_asked_for(pack: Pack) -> None:
    body = workout("/workout-routes/route_1.gpx") + workout("/workout-routes/route_2.gpx").replace("18:00", "18:01")
    more = {
        "apple_health_export/workout-routes/route_1.gpx": GPX,
        "apple_health_export/workout-routes/route_3.gpx": GPX,
    }
    path = pack(body, more=more)
    plain = read(path)
    assert skips(plain) == {"workout routes": 2}
    assert [(event.place, event.text) for event in plain if isinstance(event, Event)] == [
        ("", "Running: 1 h"),
        ("", "Running: 59 min"),
    ]
    asked = read(path, routes=True)
    assert skips(asked) == {"workout routes": 1}, "no workout names the third"
    assert [(event.place, event.text) for event in asked if isinstance(event, Event)] == [
        ("10.000° N, 30.500° W", "Running: 1 h, route of 1.853 km"),
        ("", "Running: 59 min"),
    ]


@given(size=st.integers(1, len(GPX)))
def test_a_route_comes_in_blocks_of_any_size(size: int) -> None:
    raw = GPX.encode()
    found = route(raw[at : at + size] for at in range(0, len(raw), size))
    assert found is not None
    assert found.kilometres == pytest.approx(1.8533, abs=1e-3)
    assert found.begins == (10.0, -30.5)


@pytest.mark.parametrize(
    "gpx", ["", "<gpx/>", '<trkpt lat="91" lon="0"/>', '<trkpt lat="1"/>', '<trkpt lat="x" lon="y"/>']
)
def test_no_point_on_earth_is_no_route(gpx: str) -> None:
    assert route([gpx.encode()]) is None


def test_an_endless_route_takes_no_memory() -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(40):
            yield b"<trkpt " + b"x" * (1 << 20)

    tracemalloc.start()
    assert route(stream()) is None
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 8 << 20


def variability(start: str, times: list[str], source: str = "Watch") -> str:
    inside = "".join(
        f'   <InstantaneousBeatsPerMinute bpm="{60 + n}" time="{time}"/>\n' for n, time in enumerate(times)
    )
    return (
        f' <Record type="HKQuantityTypeIdentifierHeartRateVariabilitySDNN" sourceName="{source}" unit="ms"'
        f' startDate="{start}" endDate="{start}" value="41">\n  <MetadataEntry key="k" value="v"/>\n'
        f"  <HeartRateVariabilityMetadataList>\n{inside}  </HeartRateVariabilityMetadataList>\n </Record>\n"
    )


def test_beats_are_kept_when_asked_for(pack: Pack) -> None:
    body = variability("2024-05-01 06:12:03 +0200", ["7:12:03,21 AM", "7:12:04,01 AM", "7:12:04,91 AM"])
    path = pack(body)
    assert skips(read(path))["beats"] == 3
    asked = read(path, beats=True)
    assert "beats" not in skips(asked)
    (batch,) = [one for one in asked if isinstance(one, SampleBatch) and one.measure == "InstantaneousBeatsPerMinute"]
    begin = 1_714_536_723_000
    assert [at - begin for at in batch.start] == [0, 800, 1700], "anchored to the record, whose hour is right"
    assert (list(batch.value), set(batch.offset), batch.unit) == ([60.0, 61.0, 62.0], {120}, "count/min")


@pytest.mark.parametrize(
    ("times", "steps"),
    [
        (["23:59:59.50", "00:00:00.25"], [0, 750]),
        (["11:59:59.50\N{NARROW NO-BREAK SPACE}AM", "12:00:00.25\N{NARROW NO-BREAK SPACE}PM"], [0, 750]),
        (["12:59:59,5 PM", "1:00:00,2 PM"], [0, 700]),
        (["08.33.44,67", "noon", "08.33.45,67"], [0, 1000]),
    ],
)
def test_clocks_of_several_countries_and_over_midnight(times: list[str], steps: list[int]) -> None:
    (found,) = beats(variability("2024-05-01 06:12:03 +0200", times).encode())
    assert [at - found.beats[0][0] for at, _ in found.beats] == steps


def test_beats_without_a_time_to_anchor_them_are_counted() -> None:
    assert not list(beats(variability("yesterday", ["7:12:03"]).encode()))
    assert not list(beats(variability("2024-05-01 06:12:03 +0200", ["never"]).encode()))


def test_every_kind_of_element_arrives_through_the_whole_reader(pack: Pack) -> None:
    """Hearing tests, glasses, moods and medication as texts to cite; names of meals and notes on records counted."""
    at = SPAN + ' sourceName="Health"'
    point = '<SensitivityPoint frequencyValue="500" frequencyUnit="Hz" leftEarValue="5" leftEarUnit="dBHL"/>'
    body = (
        f'<Audiogram type="A" {at}>{point}</Audiogram>'
        '<VisionPrescription type="HKVisionPrescriptionTypeGlasses" dateIssued="2024-05-01 12:00:00 +0200">'
        '<LeftEye sphere="-1" sphereUnit="D"/></VisionPrescription>'
        f'<StateOfMind kind="dailyMood" valence="0.4" {at}/>'
        f'<Medication name="Cetirizine" {at}/><MedicationDoseEvent name="Cetirizine" status="skipped" {at}/>'
        f'<Correlation type="HKCorrelationTypeIdentifierFood" {at}><MetadataEntry key="HKFoodType" value="Soup"/></Correlation>'
        f'<Record type="T" unit="count" value="1" {at}><MetadataEntry key="HKWasUserEntered" value="1"/></Record>'
        f'<SleepApneaStudy {at} events="3"><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></SleepApneaStudy>'
    )
    records = read(pack(body))
    sections = {record.title: record for record in records if isinstance(record, Section)}
    assert set(sections) == {
        "Hearing test",
        "Vision prescription",
        "State of mind",
        "Medication",
        "Medication dose event",
        "Sleep apnea study",
    }
    assert "Status: skipped" in sections["Medication dose event"].text
    assert "Events: 3; Time zone: Asia/Tokyo" in sections["Sleep apnea study"].text
    assert all(section.locator.startswith("file:///") for section in sections.values())
    assert skips(records) == {"Correlation": 1, "metadata": 1, "SleepApneaStudy": 1}
