"""The document type in front of an export: whole (version 14), and with the faults of iOS 16.0 (version 12)."""

from __future__ import annotations

_SRC = "sourceName sourceVersion? device? creationDate? startDate endDate"
_EYE = "sphere? sphereUnit? cylinder? cylinderUnit? axis? axisUnit? add? addUnit? vertex? vertexUnit?"
_ME = " ".join(
    f"HKCharacteristicTypeIdentifier{trait}"
    for trait in ("DateOfBirth", "BiologicalSex", "BloodType", "FitzpatrickSkinType", "CardioFitnessMedicationsUse")
)
# element, content model, attributes ("?" marks those that may be missing)
_ELEMENTS = (
    (
        "HealthData",
        "(ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord|Audiogram|VisionPrescription)*)",
        "locale",
    ),
    ("ExportDate", "EMPTY", "value"),
    ("Me", "EMPTY", _ME),
    ("Record", "((MetadataEntry|HeartRateVariabilityMetadataList)*)", f"type unit? value? {_SRC}"),
    ("Correlation", "((MetadataEntry|Record)*)", f"type {_SRC}"),
    (
        "Workout",
        "((MetadataEntry|WorkoutEvent|WorkoutRoute|WorkoutStatistics)*)",
        "workoutActivityType duration? durationUnit? totalDistance? totalDistanceUnit? totalEnergyBurned?"
        f" totalEnergyBurnedUnit? {_SRC}",
    ),
    ("WorkoutActivity", "((MetadataEntry)*)", "uuid startDate endDate? duration? durationUnit?"),
    ("WorkoutEvent", "((MetadataEntry)*)", "type date duration? durationUnit?"),
    ("WorkoutStatistics", "EMPTY", "type startDate endDate average? minimum? maximum? sum? unit?"),
    ("WorkoutRoute", "((MetadataEntry|FileReference)*)", _SRC),
    ("FileReference", "EMPTY", "path"),
    (
        "ActivitySummary",
        "EMPTY",
        "dateComponents? activeEnergyBurned? activeEnergyBurnedGoal? activeEnergyBurnedUnit? appleMoveTime?"
        " appleMoveTimeGoal? appleExerciseTime? appleExerciseTimeGoal? appleStandHours? appleStandHoursGoal?",
    ),
    ("MetadataEntry", "EMPTY", "key value"),
    ("HeartRateVariabilityMetadataList", "(InstantaneousBeatsPerMinute*)", ""),
    ("InstantaneousBeatsPerMinute", "EMPTY", "bpm time"),
    ("ClinicalRecord", "EMPTY", "type identifier sourceName sourceURL fhirVersion receivedDate resourceFilePath"),
    ("Audiogram", "((MetadataEntry|SensitivityPoint)*)", f"type {_SRC}"),
    (
        "SensitivityPoint",
        "EMPTY",
        "frequencyValue frequencyUnit leftEarValue? leftEarUnit? rightEarValue? rightEarUnit?",
    ),
    (
        "VisionPrescription",
        "((RightEye|LeftEye|Attachment|MetadataEntry)*)",
        "type dateIssued expirationDate? brand?",
    ),
    ("RightEye", "EMPTY", _EYE),
    ("LeftEye", "EMPTY", _EYE),
    ("Attachment", "EMPTY", "identifier?"),
)


def _written(version: int) -> str:
    lines = ["<!DOCTYPE HealthData [", f"<!-- HealthKit Export Version: {version} -->"]
    for element, content, attributes in _ELEMENTS:
        lines.append(f"<!ELEMENT {element} {content}>")
        if attributes:
            lines.append(f"<!ATTLIST {element}")
            for name in attributes.split():
                need = "IMPLIED" if name.endswith("?") else "REQUIRED"
                lines.append(f"  {name.rstrip('?'):<21} CDATA #{need}")
            lines.append(">")
    return "\n".join([*lines, "]>", ""])


DTD = _written(14)

# The bracket that iOS 16.0 forgot: every conforming parser stops here.
BROKEN_DTD = _written(12).replace(">\n<!ELEMENT RightEye", "<!ELEMENT RightEye")
