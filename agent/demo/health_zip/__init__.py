"""Writes Apple Health exports of people who never lived: years of phone and watch samples, seeded and streamed."""

from agent.demo.health_zip.archive import Layout, write_export
from agent.demo.health_zip.makers import Maker, write_maker_export
from agent.demo.health_zip.truth import HRV, RESTING, RUN, SLEEP, STEPS, WEIGHT, Day, Planted, Wearer, days

__all__ = [
    "HRV",
    "RESTING",
    "RUN",
    "SLEEP",
    "STEPS",
    "WEIGHT",
    "Day",
    "Layout",
    "Maker",
    "Planted",
    "Wearer",
    "days",
    "write_export",
    "write_maker_export",
]
