"""ECG heads and FHIR resources: read as written, in the phone's language and the provider's version."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from agent.demo.health_zip.papers import ecg_papers
from indexers.health.apple.papers import NoResource, UnknownResource, clinical, ecg
from indexers.record import Section


def fhir(kind: str, **fields: object) -> Section:
    return clinical("clinical-records/x.json", json.dumps({"resourceType": kind, **fields}).encode())


def test_ecgs_in_two_languages() -> None:
    papers = ecg_papers(1, "Robin", date(1984, 5, 17), date(2024, 3, 1))
    english, german = (ecg(name, body.encode()[:600]) for name, body in papers)
    assert english is not None
    assert german is not None
    assert english.text.splitlines() == [
        "Recorded: 2024-03-01 10:15:42 +0100",
        "Classification by the device, as written: Sinus Rhythm",
        "Symptoms noted: Skipped Heartbeat, Fatigue",
        "Sample rate: 512.844 hertz",
    ]
    assert german.text.splitlines() == [
        "Recorded: 2024-03-31 21:02:11 +0100",
        "Classification by the device, as written: Sinusrhythmus",
        "Sample rate: 511,422 hertz",
    ]
    assert english.modified_at == datetime(2024, 3, 1, 9, 15, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"a,b\n1,2\n",
        b"When,2024-03-01 10:15:42 +0100\n",
        b"When,2024-03-01 10:15:42 +0100\nVerdict,\nRate,512 Hz\n",
    ],
)
def test_other_csv_files_are_no_ecg(head: bytes) -> None:
    assert ecg("x.csv", head) is None


def test_observations() -> None:
    quantity = {"value": 5.40, "unit": "mmol/L", "comparator": "<"}
    low, high = {"low": {"value": 3.9}}, {"high": {"value": 5.6}}
    found = fhir(
        "Observation", code={"coding": [{"display": "Glucose"}]}, valueQuantity=quantity, referenceRange=[high]
    )
    assert found.text == "Glucose: <5.4 mmol/L (reference up to 5.6)"
    found = fhir("Observation", code={"text": "G"}, valueQuantity={"value": 4}, referenceRange=[low], issued="2024-03")
    assert (found.text, found.modified_at) == ("G: 4 (reference from 3.9), 2024-03", datetime(2024, 3, 1, tzinfo=UTC))
    found = fhir(
        "Observation", code={"text": "Virus"}, valueCodeableConcept={"text": "Not detected"}, status="preliminary"
    )
    assert found.text == "Virus: Not detected\nStatus: preliminary"
    assert (
        fhir("Observation", code={"text": "T"}, valueString="ok", referenceRange=[{"text": "clear"}]).text
        == "T: ok (reference clear)"
    )


def test_an_old_observation_of_parts() -> None:
    parts = [
        {"code": {"text": name}, "valueQuantity": {"value": value, "unit": "mmHg"}}
        for name, value in (("S", 120), ("D", 80))
    ]
    found = fhir("Observation", category={"text": "Vital"}, code={"text": "Blood pressure"}, component=parts)
    assert found.text == "Blood pressure\nS: 120 mmHg\nD: 80 mmHg"


def test_medications_of_both_versions() -> None:
    order = fhir(
        "MedicationOrder",
        medicationReference={"display": "Ibuprofen"},
        dateWritten="2019-01-02",
        note={"text": "with food"},
    )
    assert order.text == "Ibuprofen, 2019-01-02\nNote: with food"
    contained = [{"id": "m", "code": {"text": "Zinc"}}]
    request = fhir(
        "MedicationRequest",
        medicationReference={"reference": "#m"},
        contained=contained,
        dosageInstruction=[{"text": "1 daily"}],
    )
    assert (request.title, request.text) == ("Medication: Zinc", "Zinc\nDosage: 1 daily")


def test_allergies_conditions_and_the_rest() -> None:
    allergy = fhir(
        "AllergyIntolerance",
        substance={"text": "Nuts"},
        reaction=[{"manifestation": [{"text": "Hives"}, {"text": "Itch"}]}],
    )
    assert allergy.text == "Nuts\nReaction: Hives, Itch"
    condition = fhir("Condition", code={"text": "Asthma"}, clinicalStatus="resolved", onsetPeriod={"start": "2001"})
    assert condition.text == "Asthma, 2001\nStatus: resolved"
    shot = fhir("Immunization", vaccineCode={"coding": [{"code": "207"}]}, date="2021-05-06", lotNumber="L1")
    assert (shot.title, shot.text) == ("Immunisation: 207", "207, 2021-05-06\nLot: L1")
    report = fhir("DiagnosticReport", code={"text": "Lipids"}, result=[{"display": "LDL"}, {}], conclusion="As before")
    assert report.text == "Lipids\nResult: LDL\nConclusion, as written: As before"


@pytest.mark.parametrize("kind", ["Patient", "DocumentReference", "Novelty"])
def test_kinds_without_words_are_named(kind: str) -> None:
    with pytest.raises(UnknownResource) as caught:
        fhir(kind, name="someone")
    assert caught.value.kind == kind


@pytest.mark.parametrize("fields", [{}, {"code": 5}, {"code": {"coding": [None, 3]}}, {"code": {"text": ""}}])
def test_a_resource_without_a_name_is_not_put_in_words(fields: dict[str, object]) -> None:
    with pytest.raises((UnknownResource, NoResource)):
        clinical("x.json", json.dumps({"resourceType": "Condition", **fields}).encode())


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b'"text"', b'{"resourceType": 7}', b"[" * 200_000])
def test_other_json_is_no_resource(body: bytes) -> None:
    with pytest.raises(NoResource):
        clinical("x.json", body)
