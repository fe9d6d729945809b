"""The smaller files of a synthetic export: ECGs, clinical records of a practice that does not exist, and one route."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

_LOINC = "http://loinc.org"
_PRACTICE = "Lindenhof Practice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A clinical record: its file's path under the export, the file, and the element that points to it."""

    path: str
    body: str
    element: str


def clinical_papers(seed: int, first: date) -> list[Stub]:
    """One of each kind of FHIR resource that people get from a practice, R4 and one old DSTU2 observation."""
    chance = Random(f"{seed}/clinical")
    day = (first + timedelta(days=3)).isoformat()
    glucose = chance.randint(80, 98)
    resources: list[dict[str, object]] = [
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Glucose", "coding": [{"system": _LOINC, "code": "2345-7"}]},
            "effectiveDateTime": day,
            "valueQuantity": {"value": glucose, "unit": "mg/dL"},
            "referenceRange": [{"low": {"value": 70, "unit": "mg/dL"}, "high": {"value": 99, "unit": "mg/dL"}}],
        },
        {
            "resourceType": "Observation",
            "category": {"text": "Vital Signs"},
            "code": {"coding": [{"system": _LOINC, "code": "85354-9", "display": "Blood pressure"}]},
            "effectiveDateTime": f"{day}T08:30:00Z",
            "component": [
                {"code": {"text": "Systolic"}, "valueQuantity": {"value": chance.randint(110, 125), "unit": "mmHg"}},
                {"code": {"text": "Diastolic"}, "valueQuantity": {"value": chance.randint(68, 80), "unit": "mmHg"}},
            ],
        },
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "medicationCodeableConcept": {"text": "Cetirizine 10 mg tablet"},
            "authoredOn": day,
            "dosageInstruction": [{"text": "One tablet in the evening"}],
        },
        {
            "resourceType": "AllergyIntolerance",
            "code": {"text": "Birch pollen"},
            "reaction": [{"manifestation": [{"text": "Sneezing"}]}],
            "recordedDate": day,
        },
        {"resourceType": "Immunization", "vaccineCode": {"text": "Tetanus"}, "occurrenceDateTime": day},
        {
            "resourceType": "Condition",
            "code": {"text": "Seasonal allergic rhinitis"},
            "onsetDateTime": day,
            "clinicalStatus": {"coding": [{"code": "active"}]},
        },
    ]
    return [_stub(number, resource, day) for number, resource in enumerate(resources)]


def ecg_papers(seed: int, name: str, born: date, first: date) -> list[tuple[str, str]]:
    """One English ECG and one German one, with decimal commas, as (path, text)."""
    chance = Random(f"{seed}/ecg")
    english = [
        f"Name,{name}",
        f'Date of Birth,"{born:%b} {born.day}, {born.year}"',
        f"Recorded Date,{first} 10:15:42 +0100",
        "Classification,Sinus Rhythm",
        'Symptoms,"Skipped Heartbeat, Fatigue"',
        "Software Version,2.0",
        'Device,"Watch6,2"',
        "Sample Rate,512.844 hertz",
        "",
        "",
        "Lead,Lead I",
        "Unit,µV",
        "",
    ]
    german = [
        f"Name,{name}",
        f"Geburtsdatum,{born.day}.{born.month}.{born.year}",
        f"Aufzeichnungsdatum,{first + timedelta(days=30)} 21:02:11 +0100",
        "Klassifizierung,Sinusrhythmus",
        "Symptome,",
        "Softwareversion,1.90",
        "Gerät,Watch6.2",
        "Messrate,511,422\N{NO-BREAK SPACE}hertz",
        "",
        "Ableitung,Lead I",
        "Einheit,µV",
        "",
    ]
    volts = [chance.gauss(0, 180) for _ in range(2_048)]
    english += [f"{volt:.3f}" for volt in volts]
    german += [f"{volt:.3f}".replace(".", ",") for volt in volts]
    folder = "electrocardiograms"
    return [
        (f"{folder}/ecg_{first}.csv", "\n".join(english)),
        (f"{folder}/ecg_{first + timedelta(days=30)}.csv", "\n".join(german)),
    ]


def route(first: date) -> tuple[str, str]:
    """A GPX file with two points in the sea, as (path, text)."""
    points = "".join(f'<trkpt lon="-30.{n}" lat="0.{n}"><ele>0</ele></trkpt>' for n in range(2))
    return f"workout-routes/route_{first}_6.32pm.gpx", f"<gpx><trk><trkseg>{points}</trkseg></trk></gpx>\n"


def _stub(number: int, resource: dict[str, object], day: str) -> Stub:
    kind = str(resource["resourceType"])
    path = f"clinical-records/{kind}-{number:08X}.json"
    version = "1.0.2" if isinstance(resource.get("category"), dict) else "4.0.1"
    element = (
        f' <ClinicalRecord type="{kind}" identifier="{number}" sourceName="{_PRACTICE}" sourceURL="https://practice.invalid/fhir"'
        f' fhirVersion="{version}" receivedDate="{day} 12:00:00 +0000" resourceFilePath="/{path}"/>\n'
    )
    return Stub(path=path, body=json.dumps({"id": str(number)} | resource, ensure_ascii=False), element=element)
