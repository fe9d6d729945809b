"""Clinical records (FHIR, DSTU2 to R4) in readable lines, as the provider wrote them. Nothing is interpreted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from indexers.record import Section

Resource = Mapping[str, object]
LARGEST = 8 << 20


class NoResource(ValueError):
    """The file is no FHIR resource."""


class UnknownResource(ValueError):
    """A FHIR resource of a kind that is not put in words; `kind` is its resourceType."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def clinical(name: str, body: bytes, *, provider: str = "") -> Section:
    """One resource as a Section; `name` is the file in the export, `provider` who it came from.

    Raises NoResource, or UnknownResource where there are no words for it.
    """
    try:
        resource = json.loads(body)
    except (ValueError, RecursionError):
        raise NoResource from None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise NoResource
    kind = resource["resourceType"]
    writer = _WRITERS.get(kind)
    if writer is None:
        raise UnknownResource(kind)
    title, *lines = writer(resource)
    if not title:
        raise UnknownResource(kind)
    written = _written(resource)
    first = ", ".join(part for part in (title, written) if part)
    status = _code(resource.get("status")) or _concept(resource.get("clinicalStatus"))
    if status and status not in _USUAL:
        lines.append(f"Status: {status}")
    if provider:
        lines.append(f"From: {provider}")
    return Section(
        id=name,
        document=name,
        title=f"{_NAMES[kind]}: {title.partition(':')[0]}",
        text="\n".join([first, *lines]),
        kind="form",
        modified_at=_when(written),
        locator=f"#{name}",
    )


def _observation(resource: Resource) -> Iterator[str]:
    name = _concept(resource.get("code"))
    value = _value(resource)
    parts = [part for part in _dicts(resource.get("component")) if _value(part)]
    if value or not parts:
        yield _with_range(f"{name}: {value}" if value else name, resource)
    else:
        yield name
    for part in parts:
        yield _with_range(f"{_concept(part.get('code'))}: {_value(part)}", part)
    yield from _notes(resource)


def _report(resource: Resource) -> Iterator[str]:
    yield _concept(resource.get("code"))
    yield from (
        f"Result: {display}" for part in _dicts(resource.get("result")) if (display := _text(part.get("display")))
    )
    if conclusion := _text(resource.get("conclusion")):
        yield f"Conclusion, as written: {conclusion}"


def _medication(resource: Resource) -> Iterator[str]:
    reference = resource.get("medicationReference")
    name = _concept(resource.get("medicationCodeableConcept"))
    if not name and isinstance(reference, dict):
        contained = [
            part for part in _dicts(resource.get("contained")) if f"#{part.get('id')}" == reference.get("reference")
        ]
        name = _text(reference.get("display")) or next((_concept(part.get("code")) for part in contained), "")
    yield name
    for dose in (*_dicts(resource.get("dosageInstruction")), *_dicts(resource.get("dosage"))):
        if words := _text(dose.get("text")):
            yield f"Dosage: {words}"
    yield from _notes(resource)


def _allergy(resource: Resource) -> Iterator[str]:
    yield _concept(resource.get("code")) or _concept(resource.get("substance"))
    for reaction in _dicts(resource.get("reaction")):
        shown = reaction.get("manifestation")
        signs = [_concept(sign) for sign in (shown if isinstance(shown, list) else [shown])]
        if any(signs):
            yield f"Reaction: {', '.join(filter(None, signs))}"
    if criticality := _text(resource.get("criticality")):
        yield f"Criticality, as written: {criticality}"


def _immunization(resource: Resource) -> Iterator[str]:
    yield _concept(resource.get("vaccineCode"))
    if lot := _text(resource.get("lotNumber")):
        yield f"Lot: {lot}"


def _coded(resource: Resource) -> Iterator[str]:
    yield _concept(resource.get("code"))
    yield from _notes(resource)


_NAMES = {
    "Observation": "Observation",
    "DiagnosticReport": "Report",
    "MedicationRequest": "Medication",
    "MedicationOrder": "Medication",
    "MedicationStatement": "Medication",
    "MedicationDispense": "Medication",
    "AllergyIntolerance": "Allergy",
    "Immunization": "Immunisation",
    "Condition": "Condition",
    "Procedure": "Procedure",
}
_WRITERS: Mapping[str, Callable[[Resource], Iterator[str]]] = {
    **{kind: _medication for kind, name in _NAMES.items() if name == "Medication"},
    "Observation": _observation,
    "DiagnosticReport": _report,
    "AllergyIntolerance": _allergy,
    "Immunization": _immunization,
    "Condition": _coded,
    "Procedure": _coded,
}
_USUAL = {"final", "active", "completed", "unknown"}
_DATES = (
    "effectiveDateTime",
    "occurrenceDateTime",
    "performedDateTime",
    "onsetDateTime",
    "authoredOn",
    "dateWritten",
    "dateAsserted",
    "whenHandedOver",
    "date",
    "recordedDate",
    "dateRecorded",
    "issued",
)
_PERIODS = ("effectivePeriod", "performedPeriod", "onsetPeriod")


def _written(resource: Resource) -> str:
    """The resource's own date, as written."""
    for key in _DATES:
        if found := _text(resource.get(key)):
            return found
    for key in _PERIODS:
        period = resource.get(key)
        if isinstance(period, dict) and (found := _text(period.get("start"))):
            return found
    return ""


def _when(written: str) -> datetime | None:
    """FHIR dates may stop at the year or the month; those and times without a zone are placed in UTC."""
    padded = written + {4: "-01-01", 7: "-01"}.get(len(written), "")
    try:
        found = datetime.fromisoformat(padded)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _value(holder: Resource) -> str:
    quantity = holder.get("valueQuantity")
    if isinstance(quantity, dict) and quantity.get("value") is not None:
        sign = _text(quantity.get("comparator"))
        return f"{sign}{_number(quantity['value'])} {_text(quantity.get('unit'))}".strip()
    for key in ("valueString", "valueDateTime", "valueInteger", "valueBoolean"):
        if holder.get(key) is not None:
            return _text(holder[key])
    return _concept(holder.get("valueCodeableConcept"))


def _with_range(line: str, holder: Resource) -> str:
    for part in _dicts(holder.get("referenceRange")):
        low, high = (
            _number(bound["value"]) if isinstance(bound := part.get(side), dict) and "value" in bound else ""
            for side in ("low", "high")
        )
        words = f"{low}–{high}" if low and high else f"from {low}" if low else f"up to {high}" if high else ""
        words = words or _text(part.get("text"))
        if words:
            return f"{line} (reference {words})"
    return line


def _notes(resource: Resource) -> Iterator[str]:
    notes = resource.get("note")
    for note in _dicts(notes) or ([notes] if isinstance(notes, dict) else []):
        if words := _text(note.get("text")):
            yield f"Note: {words}"


def _concept(value: object) -> str:
    """A CodeableConcept in words: its text, else what its first coding is called, else that coding's code."""
    if not isinstance(value, dict):
        return _code(value)
    codings = _dicts(value.get("coding"))
    names = [_text(value.get("text")), *(_text(coding.get("display")) for coding in codings)]
    return next(filter(None, [*names, *(_text(coding.get("code")) for coding in codings)]), "")


def _code(value: object) -> str:
    return value if isinstance(value, str) else ""


def _dicts(value: object) -> list[Resource]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _number(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
