"""Workouts, rings, hearing tests, prescriptions and the owner, from elements of several iOS versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from indexers.health.apple.elements import (
    attributes_in_words,
    audiogram,
    prescription,
    profile,
    rings,
    workout,
)
from indexers.health.export.workout import activity_words

SPAN = 'startDate="2024-05-01 18:00:00 +0200" endDate="2024-05-01 19:10:00 +0200"'


def element(xml: str) -> ET.Element:
    return ET.fromstring(xml)


def test_a_workout_of_today() -> None:
    found = workout(
        element(
            '<Workout workoutActivityType="HKWorkoutActivityTypeCycling" duration="62.5" durationUnit="min"'
            f' sourceName="W" {SPAN}>'
            '<MetadataEntry key="HKTimeZone" value="America/New_York"/>'
            f'<WorkoutStatistics type="HKQuantityTypeIdentifierDistanceCycling" {SPAN} sum="20.5" unit="km"/>'
            f'<WorkoutStatistics type="HKQuantityTypeIdentifierDistanceCycling" {SPAN} sum="4.5" unit="km"/>'
            f'<WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" {SPAN} sum="512.4" unit="kJ"/>'
            f'<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" {SPAN} average="131.6" minimum="90"'
            ' maximum="171" unit="count/min"/>'
            f'<WorkoutStatistics type="HKQuantityTypeIdentifierStepCount" {SPAN} sum="12" unit="count"/>'
            "</Workout>"
        )
    )
    event = found.event("x")
    assert event.title == "Cycling"
    assert event.text == "Cycling: 1 h 2 min, 25 km, 512.4 kJ, average heart rate 132 bpm"
    assert event.start.utcoffset() == timedelta(hours=-4)
    assert event.start == datetime(2024, 5, 1, 16, tzinfo=UTC)
    assert list(found.samples()) == [
        ("Workout", "min", 62.5),
        ("Workout.distance", "km", 25.0),
        ("Workout.energy", "kJ", 512.4),
        ("Workout.HeartRate.average", "count/min", 131.6),
        ("Workout.HeartRate.minimum", "count/min", 90.0),
        ("Workout.HeartRate.maximum", "count/min", 171.0),
        ("Workout.StepCount.sum", "count", 12.0),
    ]


def test_legs_weigh_by_their_length_and_events_and_notes_are_told() -> None:
    first = 'startDate="2024-05-01 18:00:00 +0200" endDate="2024-05-01 18:30:00 +0200"'
    second = 'startDate="2024-05-01 18:30:00 +0200" endDate="2024-05-01 18:40:00 +0200"'
    rate = '<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" {} average="{}" unit="count/min"/>'
    found = workout(
        element(
            f'<Workout workoutActivityType="HKWorkoutActivityTypeSwimBikeRun" sourceName="W" {SPAN}>'
            '<MetadataEntry key="HKIndoorWorkout" value="1"/><MetadataEntry key="HKElevationAscended" value="418 cm"/>'
            f"{rate.format(first, 120)}{rate.format(second, 160)}"
            '<WorkoutEvent type="HKWorkoutEventTypePause" date="x"/><WorkoutEvent type="HKWorkoutEventTypeResume"/>'
            '<WorkoutEvent type="HKWorkoutEventTypePause" date="y"/></Workout>'
        )
    )
    assert found.heart_rate == 130.0
    assert found.event("x").text == (
        "Swim bike run: 1 h 10 min, average heart rate 130 bpm, 4 m climbed, paused 2 times, indoors"
    )


def test_a_workout_of_old_and_one_of_another_app() -> None:
    old = workout(
        element(
            '<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="1.5" durationUnit="hr"'
            ' totalDistance="6.2" totalDistanceUnit="mi" totalEnergyBurned="0" totalEnergyBurnedUnit="Cal"'
            f' sourceName="S" {SPAN}/>'
        )
    )
    assert list(old.samples()) == [
        ("Workout", "min", 90.0),
        ("Workout.distance", "mi", 6.2),
        ("Workout.energy", "Cal", 0.0),
    ]
    bare = workout(
        element(f'<Workout workoutActivityType="HKWorkoutActivityTypeHighIntensityIntervalTraining" {SPAN}/>')
    )
    assert list(bare.samples()) == [("Workout", "min", 70.0)]
    assert bare.event("x").text == "High intensity interval training: 1 h 10 min"


def test_a_workouts_key_is_stable_and_its_own() -> None:
    xml = f'<Workout workoutActivityType="A" sourceName="S" {SPAN}/>'
    assert workout(element(xml)).key == workout(element(xml)).key
    assert workout(element(xml)).key != workout(element(xml.replace('"S"', '"T"'))).key


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'startDate="2024-05-01 18:00:00 +0200"',
        'startDate="2024-05-01 18:00:00 +0200" endDate="2024-05-01 17:00:00 +0200"',
    ],
)
def test_a_workout_without_a_time_is_refused(attributes: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        workout(element(f"<Workout {attributes}/>"))


def test_rings_of_now_and_of_ios_11() -> None:
    day, samples = rings(
        element(
            '<ActivitySummary dateComponents="2024-05-01" activeEnergyBurned="412.5" activeEnergyBurnedGoal="500"'
            ' activeEnergyBurnedUnit="kJ" appleStandHours="11" appleStandHoursGoal="nan"/>'
        )
    )
    assert day == date(2024, 5, 1)
    assert samples == [
        ("ActivitySummary.active_energy", "kJ", 412.5),
        ("ActivitySummary.active_energy_goal", "kJ", 500.0),
        ("ActivitySummary.stand_hours", "count", 11.0),
    ]
    assert rings(element('<ActivitySummary dateComponents="2018-05-01" appleMoveMinutes="7"/>'))[1] == [
        ("ActivitySummary.move_time", "min", 7.0)
    ]


def test_the_profile_tells_birth_date_and_sex_alone() -> None:
    trait = "HKCharacteristicTypeIdentifier"
    found = profile(
        element(
            f'<Me {trait}DateOfBirth="1950-02-03" {trait}BiologicalSex="HKBiologicalSexMale" {trait}BloodType="A"/>'
        )
    )
    assert (found.id, found.document, found.title) == ("me", "profile", "Health profile")
    assert found.text == "Date of birth: 1950-02-03\nSex: male"
    unset = profile(element(f'<Me {trait}DateOfBirth="" {trait}BiologicalSex="HKBiologicalSexNotSet"/>'))
    assert unset.text == "Date of birth: not set\nSex: not set"


def test_a_hearing_test() -> None:
    found = audiogram(
        element(
            f'<Audiogram type="HKDataTypeIdentifierAudiogram" sourceName="S" {SPAN}>'
            '<SensitivityPoint frequencyValue="1000" frequencyUnit="Hz" leftEarValue="10" leftEarUnit="dBHL"'
            ' rightEarValue="15" rightEarUnit="dBHL"/>'
            '<SensitivityPoint frequencyValue="2000" frequencyUnit="Hz" rightEarValue="20" rightEarUnit="dBHL"'
            ' rightEarMasked="1"/>'
            "</Audiogram>"
        )
    )
    assert found.text == "Hearing test, 2024-05-01\n1000 Hz: left 10 dBHL, right 15 dBHL\n2000 Hz: right 20 dBHL"
    with pytest.raises(ValueError, match="points"):
        audiogram(element(f"<Audiogram {SPAN}/>"))


def test_a_prescription() -> None:
    found = prescription(
        element(
            '<VisionPrescription type="HKVisionPrescriptionTypeGlasses" dateIssued="2024-05-01 12:00:00 +0200"'
            ' expirationDate="2026-05-01"><RightEye sphere="-1.25" sphereUnit="D" axis="90" axisUnit="deg"/>'
            '<LeftEye sphere="-1" sphereUnit="D" farPD="31" farPDUnit="mm"/>'
            "</VisionPrescription>"
        )
    )
    assert found.text.splitlines() == [
        "Vision prescription (glasses), issued 2024-05-01 12:00:00 +0200",
        "Expires: 2026-05-01",
        "Right eye: sphere -1.25 D, axis 90 deg",
        "Left eye: sphere -1 D, far pd 31 mm",
    ]
    assert found.modified_at == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_elements_without_a_documented_shape_become_words() -> None:
    found = attributes_in_words(
        element(
            f'<StateOfMind kind="dailyMood" valence="0.4" sourceName="S" device="d" {SPAN}>'
            '<Label value="calm"/></StateOfMind>'
        )
    )
    assert found.title == "State of mind"
    assert "Kind: dailyMood\nValence: 0.4\n" in found.text
    assert found.text.endswith("Value: calm")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HKWorkoutActivityTypeTraditionalStrengthTraining", "Traditional strength training"),
        ("HKWorkoutActivityTypeTaiChi", "Tai chi"),
        ("farPD", "Far pd"),
        ("3000", "3000"),
        ("!", "!"),
    ],
)
def test_names_in_words(name: str, words: str) -> None:
    assert activity_words(name) == words
