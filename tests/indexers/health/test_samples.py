"""Records to columns: the fast way and the patient way give the same rows, in the owner's local offsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.health.apple.names import device_words
from indexers.health.apple.numbers.samples import Sampler
from indexers.record import SampleBatch

ZONES = st.sampled_from([timezone(timedelta(minutes=minutes)) for minutes in (-570, -300, 0, 60, 330, 345, 825)])
MOMENTS = st.datetimes(datetime(1990, 1, 2), datetime(2099, 1, 1)).map(lambda moment: moment.replace(microsecond=0))  # noqa: DTZ001 - zones are drawn apart
SAMPLE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["StepCount", "HeartRate", "HKCategoryTypeIdentifierSleepAnalysis"]),
        "source": st.sampled_from(["Watch", "A &amp; B", "Alex’s\N{NO-BREAK SPACE}iPhone"]),
        "unit": st.sampled_from(["count", "mmol&lt;180.1558800000541&gt;/L", ""]),
        "start": st.tuples(MOMENTS, ZONES).map(lambda pair: pair[0].replace(tzinfo=pair[1])),
        "seconds": st.integers(0, 100_000),
        "value": st.floats(0, 1e6, allow_nan=False).map(lambda value: f"{value:.10g}"),
    }
)


def written(sample: dict[str, object], order: tuple[str, ...]) -> bytes:
    start = sample["start"]
    assert isinstance(start, datetime)
    end = start + timedelta(seconds=int(str(sample["seconds"])))
    category = str(sample["type"]).startswith("HKCategory")
    values = {
        "type": sample["type"],
        "sourceName": sample["source"],
        "unit": sample["unit"],
        "startDate": f"{start:%Y-%m-%d %H:%M:%S %z}",
        "endDate": f"{end:%Y-%m-%d %H:%M:%S %z}",
        "value": f"State{sample['value']}" if category else sample["value"],
    }
    attributes = " ".join(f'{name}="{values[name]}"' for name in order if values[name] or name != "unit")
    return f"<Record {attributes}/>\n".encode()


def rows(batches: list[SampleBatch]) -> list[tuple[object, ...]]:
    return sorted(
        (
            batch.measure,
            batch.unit,
            batch.source,
            batch.device,
            batch.start[at],
            batch.end[at],
            batch.offset[at],
            batch.value[at],
            batch.labels[batch.label[at]] if batch.label else "",
        )
        for batch in batches
        for at in range(len(batch.start))
    )


def sampled(*data: bytes) -> list[SampleBatch]:
    sampler = Sampler()
    return [*chain.from_iterable(map(sampler.read, data)), *sampler.finish()]


@given(samples=st.lists(SAMPLE, max_size=20))
def test_order_of_attributes_changes_nothing(samples: list[dict[str, object]]) -> None:
    """Apple's order takes the fast way; any other falls out of its count and takes the patient one."""
    usual = ("type", "sourceName", "unit", "startDate", "endDate", "value")
    fast = b"".join(written(sample, usual) for sample in samples)
    slow = b"".join(written(sample, usual[::-1]) for sample in samples)
    assert rows(sampled(fast)) == rows(sampled(slow))
    assert len(rows(sampled(fast))) == len(samples)


@given(sample=SAMPLE)
def test_times_are_instants_with_their_offset(sample: dict[str, object]) -> None:
    (row,) = rows(sampled(written(sample, ("type", "sourceName", "unit", "startDate", "endDate", "value"))))
    start = sample["start"]
    assert isinstance(start, datetime)
    offset = start.utcoffset()
    assert offset is not None
    assert row[4:7] == (
        round(start.timestamp() * 1000),
        round(start.timestamp() + int(str(sample["seconds"]))) * 1000,
        offset.total_seconds() / 60,
    )


def test_one_odd_record_does_not_cost_its_block() -> None:
    record = b'<Record type="T" sourceName="S" unit="u" startDate="%b" endDate="%b" value="1"/>'
    good, old, bad = b"2015-06-16 07:19:16 -0700", b"20150616071916-0700", b"2015-06-16 07:61:16 -0700"
    sampler = Sampler()
    data = b"".join(record % (form, form) for form in (good, old, bad))
    (batch,) = [*sampler.read(data), *sampler.finish()]
    assert list(batch.start) == [1434464356000] * 2
    assert sampler.records == 3
    assert sampler.trouble.total() == 1


def test_the_records_own_zone_wins_over_the_phones() -> None:
    """A night in Tokyo, exported at home: HKTimeZone says where the sleeper was, for that Record alone."""
    record = (
        '<Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="S"'
        ' startDate="2024-07-01 17:00:00 +0200" endDate="2024-07-01 18:00:00 +0200" value="InBed"'
    )
    zone = '><MetadataEntry key="{}" value="{}"/></Record>'
    forms = [
        "/>",
        zone.format("HKTimeZone", "Asia/Tokyo"),
        zone.format("HKTimeZone", "Asia/Tokyo"),
        zone.format("Other", "Asia/Tokyo"),
        "/>",
        zone.format("HKTimeZone", "Asia/Kolkata"),
        zone.format("HKTimeZone", "../../etc/passwd"),
        zone.format("HKTimeZone", "Nowhere/Land"),
        "/>",
    ]
    (batch,) = sampled("\n".join(record + form for form in forms).encode())
    assert list(batch.offset) == [120, 540, 540, 120, 120, 330, 120, 120, 120]
    assert len(set(batch.start)) == 1


def test_a_state_without_a_value_and_a_state_of_an_unknown_type() -> None:
    times = 'startDate="2024-01-01 08:00:00 +0000" endDate="2024-01-01 08:00:00 +0000"'
    first, second = sampled(
        f'<Record type="HKCategoryTypeIdentifierHandwashingEvent" sourceName="S" {times}/>'
        f'<Record type="HKDataTypeNovelty" sourceName="S" {times} value="HKNoveltyValueGreat"/>'.encode()
    )
    assert (first.labels, list(first.value)) == (("HKCategoryValueNotApplicable",), [1.0])
    assert (second.measure, second.labels) == ("HKDataTypeNovelty", ("HKNoveltyValueGreat",))


def test_units_and_fractions_stay_as_exported() -> None:
    times = 'startDate="2024-01-01 08:00:00 +0000" endDate="2024-01-01 08:00:00 +0000"'
    batches = sampled(
        "".join(
            f'<Record type="{kind}" sourceName="S" unit="{unit}" {times} value="{value}"/>'
            for kind, unit, value in [
                ("BodyMass", "lb", "154.3"),
                ("BodyMass", "kg", "70"),
                ("BloodGlucose", "mmol&lt;180.1558800000541&gt;/L", "5.2"),
                ("OxygenSaturation", "%", "0.97"),
                ("VO2Max", "mL/min·kg", "42.5"),
            ]
        ).encode()
    )
    assert [(batch.measure, batch.unit, batch.value[0]) for batch in batches] == [
        ("BodyMass", "lb", 154.3),
        ("BodyMass", "kg", 70.0),
        ("BloodGlucose", "mmol<180.1558800000541>/L", 5.2),
        ("OxygenSaturation", "%", 0.97),
        ("VO2Max", "mL/min·kg", 42.5),
    ]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            "<<HKDevice: 0x2818d1e00>, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2,"
            " software:9.1>",
            "name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2",
        ),
        ("<<HKDevice: 0x1>, name:Cuff, localIdentifier:A-1, creation date:2024-01-01 00:00:00 +0000>", "name:Cuff"),
        ("<<HKDevice: 0x1>, software:1>", "software:1"),
        ("My own band", "My own band"),
        ("", ""),
    ],
)
def test_devices_are_named_without_address_and_versions(written: str, words: str) -> None:
    assert device_words(written) == words


def test_moments_before_the_epoch_and_at_the_ends_of_the_calendar() -> None:
    record = '<Record type="T" sourceName="S" unit="u" startDate="{0}" endDate="{0}" value="1"/>'
    years = ("0001-01-01 00:00:00 +0000", "1969-12-31 23:59:59 +0000", "9999-12-31 23:59:59 -1200")
    (batch,) = sampled("".join(map(record.format, years)).encode())
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert batch.start[0] == round((datetime(1, 1, 1, tzinfo=UTC) - epoch).total_seconds()) * 1000
    assert batch.start[1] == -1000
    assert batch.start[2] > 253_402_300_799_000
