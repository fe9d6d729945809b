"""The export of Apple's Health app (export.zip), streamed: columns of samples, workouts, rings, ECG, clinical files."""

from indexers.health.apple.source import AppleHealth

__all__ = ["AppleHealth"]
