"""Units of health data: one linear scale each, conversions between equal dimensions, numbers for the eye."""

from __future__ import annotations

import re
from typing import NamedTuple


class Scale(NamedTuple):
    """base = value * factor + shift, in the base unit of its dimension."""

    dimension: str
    factor: float
    shift: float = 0.0


_LENGTH = {"m": 1.0, "km": 1000.0, "cm": 0.01, "mm": 0.001, "mi": 1609.344, "yd": 0.9144, "ft": 0.3048, "in": 0.0254}
_SPEED = {"m/s": 1.0, "km/h": 1 / 3.6, "km/hr": 1 / 3.6, "mi/hr": 0.44704, "mph": 0.44704, "ft/s": 0.3048}
_MASS = {"g": 1.0, "kg": 1e3, "mg": 1e-3, "mcg": 1e-6, "lb": 453.59237, "st": 6350.29318, "oz": 28.349523125}
_VOLUME = {"mL": 1.0, "L": 1e3, "fl_oz_us": 29.5735, "fl_oz_imp": 28.4131, "cup_us": 236.588, "cup_imp": 284.131}
_VOLUME |= {"pt_us": 473.176, "pt_imp": 568.261}
_ENERGY = {"kcal": 1.0, "Cal": 1.0, "kJ": 1 / 4.184, "cal": 1e-3}
_TIME = {"min": 1.0, "s": 1 / 60, "sec": 1 / 60, "ms": 1 / 60_000, "hr": 60.0, "h": 60.0, "d": 1440.0}
_RATE = {"bpm": 1.0, "count/min": 1.0, "breaths/min": 1.0, "rpm": 1.0, "count/s": 60.0}
_COUNT = {"count": 1.0, "index": 1.0, "score": 1.0, "appleEffortScore": 1.0, "kg/m2": 1.0, "rings": 1.0, "valence": 1.0}
_EFFORT = {"MET": 1.0, "kcal/hr·kg": 1.0, "kcal/(kg*hr)": 1.0}
_OXYGEN = {"mL/kg/min": 1.0, "mL/min·kg": 1.0, "ml/(kg*min)": 1.0}
_SOUND = {"dB(A)": 1.0, "dBASPL": 1.0, "dBHL": 1.0}
_PRESSURE = {"mmHg": 1.0, "kPa": 7.500616827}
_CONDUCTANCE = {"uS": 1.0, "mcS": 1.0, "S": 1e6}
_FAMILIES = {
    "length": _LENGTH, "speed": _SPEED, "mass": _MASS, "volume": _VOLUME, "energy": _ENERGY, "time": _TIME,
    "rate": _RATE, "count": _COUNT, "effort": _EFFORT, "oxygen": _OXYGEN, "sound": _SOUND, "pressure": _PRESSURE,
    "conductance": _CONDUCTANCE, "pace": {"min/km": 1.0, "min/mi": 1 / 1.609344}, "power": {"W": 1.0},
    "flow": {"L/min": 1.0}, "insulin": {"IU": 1.0}, "share": {"%": 1.0}, "clock": {"local time": 1.0},
}  # fmt: skip
_SCALES = {unit: Scale(name, factor) for name, units in _FAMILIES.items() for unit, factor in units.items()} | {
    "degC": Scale("temperature", 1.0),
    "degF": Scale("temperature", 5 / 9, -160 / 9),
    "K": Scale("temperature", 1.0, -273.15),
    "mg/dL": Scale("glucose", 1.0),
    "mmol/L": Scale("glucose", 18.0156),
}
_MOLAR = re.compile(r"mmol<(\d+(?:\.\d+)?)>/L")

WORDS = {
    "km": "km", "kilometer": "km", "kilometers": "km", "kilometre": "km", "kilometres": "km", "mile": "mi",
    "miles": "mi", "meters": "m", "metres": "m", "yards": "yd", "feet": "ft", "cm": "cm", "centimeters": "cm",
    "inches": "in", "kg": "kg", "kilos": "kg", "kilograms": "kg", "lb": "lb", "lbs": "lb", "pounds": "lb",
    "stone": "st", "kcal": "kcal", "calories": "kcal", "kj": "kJ", "kilojoules": "kJ", "hours": "hr", "hour": "hr",
    "minutes": "min", "minute": "min", "mins": "min", "celsius": "degC", "fahrenheit": "degF", "liters": "L",
    "litres": "L", "ml": "mL", "mmol/l": "mmol/L", "mg/dl": "mg/dL", "bpm": "bpm", "beats": "bpm", "percent": "%",
    "mph": "mph", "grams": "g", "ms": "ms",
}  # fmt: skip
"""How people say units, in lower case."""

_IMPERIAL = {
    "km": "mi", "m": "ft", "cm": "in", "kg": "lb", "degC": "degF", "km/h": "mph", "min/km": "min/mi", "mL": "fl_oz_us",
}  # fmt: skip
_ROAD_MILES = {"km": "mi", "km/h": "mph", "min/km": "min/mi"}
_MMOL = frozenset("AU CA CH CN CZ DK FI GB HR HU IE IS LV NL NO NZ RU SE SG SI SK ZA".split())


def preferred(region: str) -> dict[str, str]:
    """The units that people of a region (ISO 3166, "US") read in place of the canonical ones."""
    if region == "US":
        return dict(_IMPERIAL)
    units = dict(_ROAD_MILES) if region == "GB" else {}
    return units | ({"mg/dL": "mmol/L"} if region in _MMOL else {})


_SHOWN = {
    "mi": "miles",
    "hr": "h",
    "degC": "°C",
    "degF": "°F",
    "mph": "mph",
    "in": "inches",
    "st": "stone",
    "fl_oz_us": "fl oz",
}


def scale_of(unit: str) -> Scale | None:
    """The scale of a unit as an export or this product writes it; None when it is unknown."""
    if molar := _MOLAR.fullmatch(unit):
        return Scale("glucose", float(molar[1]) / 10)
    return _SCALES.get(unit)


def conversion(unit: str, target: str, *, measure: str = "") -> tuple[float, float] | None:
    """(factor, shift) with target = value * factor + shift; None where the units do not fit or are not known.

    Factors: facts of Apple's units (Cal is kcal), 4.184 kJ a kcal, 18.0156 mg/dL a mmol/L of glucose, 40 IU a
    microgram of vitamin D. A stored "%" is a fraction.
    """
    if unit == target:
        return 1.0, 0.0
    if unit == "IU" and target == "mcg":
        return (1 / 40, 0.0) if measure.endswith("VitaminD") else None
    source, wanted = scale_of(unit), scale_of(target)
    if source is None or wanted is None or source.dimension != wanted.dimension:
        return None
    return source.factor / wanted.factor, (source.shift - wanted.shift) / wanted.factor


def shown(value: float, unit: str) -> str:
    """A number with its unit for reading: rounded by kind, hours and minutes for times, clock for local times."""
    if unit == "local time":
        minutes = round(value) % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if unit == "min" and abs(value) >= 60:
        minutes = round(abs(value))
        return f"{'-' if value < 0 else ''}{minutes // 60} h {minutes % 60:02d} min"
    if unit == "min":
        return f"{value:.0f} min" if abs(value) >= 10 or value == round(value) else f"{value:.1f} min"
    if unit in ("min/km", "min/mi"):
        seconds = round(abs(value) * 60)
        return f"{'-' if value < 0 else ''}{seconds // 60}:{seconds % 60:02d} {unit}"
    if unit == "%":
        return f"{value * 100:.1f} %"
    return f"{rounded(value)} {_SHOWN.get(unit, unit)}" if unit not in ("count", "") else rounded(value)


def rounded(value: float) -> str:
    """Digits by size: whole numbers from 1,000 on, one decimal from 10 on, two below; whole values stay whole."""
    if abs(value) >= 1000 or abs(value - round(value)) < 1e-9:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
