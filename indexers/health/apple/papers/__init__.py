"""The files beside export.xml: clinical records, electrocardiograms and workout routes."""

from indexers.health.apple.papers.clinical import LARGEST, NoResource, UnknownResource, clinical
from indexers.health.apple.papers.ecg import ecg
from indexers.health.apple.papers.route import Route, route

__all__ = ["LARGEST", "NoResource", "Route", "UnknownResource", "clinical", "ecg", "route"]
