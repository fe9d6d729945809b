"""What a language model may fill in: words of the question, read again; everything else is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.metrics.catalogue import ASLEEP, BEDTIME, WORKOUT, catalogue
from agent.metrics.question import about, fill, read, unread
from agent.models.engines.llama_cpp import LlamaCpp
from agent.models.library import Library, default_folder
from agent.models.scripted import Scripted

TODAY = date(2026, 11, 22)
Q = "HKQuantityTypeIdentifier"
STEPS, RESTING, WEIGHT = f"{Q}StepCount", f"{Q}RestingHeartRate", f"{Q}BodyMass"
ALL = frozenset(
    {m.id for m in catalogue() if m.rollup != "none" or m.kind in ("night", "clock")} | {f"{WORKOUT}/Running"}
)
SAID = {"measure": "", "second": "", "when": "", "against": "", "limit": "", "statistic": "mean"}


def filled(text: str, **said: str) -> object:
    model = Scripted(json.dumps({**SAID, **said}))
    return fill(text, model, today=TODAY, catalogue=catalogue(), available=ALL)


ODD = "roughly speaking, where does my resting heart rate stand these days compared with the olden times since March"


def test_the_rules_could_not_read_it_and_the_model_may_not_invent() -> None:
    assert read(ODD, today=TODAY, catalogue=catalogue(), available=ALL) is None
    text = "roughly speaking, what is my resting heart rate up to since March"
    query = filled(text, measure="resting heart rate", when="since March", statistic="trend")
    assert query is not None
    assert (query.measures, query.stat, query.span.start) == ((RESTING,), "trend", date(2026, 3, 1))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # A measure, a time or a limit that is not of the question.
        ("roughly, my steps last week, champion", {"measure": "weight", "when": "last week"}),
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last month"}),
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last week", "limit": "over 5000"}),
        # A time, a second measure or a limit of the question that goes unheard.
        ("roughly, my steps last week, champion", {"measure": "steps"}),
        ("roughly, my steps and my weight last week", {"measure": "steps", "when": "last week"}),
        ("my steps over 5000 last week, champion", {"measure": "steps", "when": "last week", "statistic": "sum"}),
        # Two questions in one are not one about both.
        (
            "oh my steps and how about my weight, champion",
            {"measure": "steps", "second": "weight", "statistic": "correlate"},
        ),
        # Declined, or of a form that does not fit.
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last week", "statistic": "none"}),
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last week", "statistic": "compare"}),
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last week", "statistic": "days"}),
        ("roughly, my steps last week, champion", {"measure": "steps", "when": "last week", "statistic": "drop table"}),
        # Negations change a meaning that the fields cannot hold.
        ("roughly the days my steps were not a thing last week", {"measure": "steps", "when": "last week"}),
        # Not about the owner's own numbers.
        ("what did Anna say about my steps last week", {"measure": "steps", "when": "last week"}),
        ("how many of Tom's steps last week were mine", {"measure": "steps", "when": "last week"}),
        ("the average revenue last week", {"measure": "revenue", "when": "last week"}),
    ],
)  # fmt: skip
def test_what_is_not_copied_or_not_heard_is_refused(text: str, said: dict[str, str]) -> None:
    assert filled(text, **said) is None


def test_what_fits_is_taken() -> None:
    query = filled("roughly, my steps last week, champion", measure="steps", when="last week", statistic="sum")
    assert query is not None
    assert (query.measures, query.stat) == ((STEPS,), "sum")  # type: ignore[attr-defined]
    text = "mornings with fewer than 5000 steps on my tally since March, champion"
    query = filled(text, measure="steps", when="since March", limit="fewer than 5000 steps", statistic="days")
    limit = "fewer than 5000"
    query = query or filled(text, measure="steps", when="since March", limit=limit, statistic="days")
    assert query is not None
    assert (query.stat, query.threshold.op, query.threshold.value) == ("days", "<", 5000)  # type: ignore[attr-defined]
    text = "my weight, by golly: in May against in June"
    query = filled(text, measure="weight", when="May", against="June", statistic="compare")
    assert query is not None
    assert (query.span.start, query.against.start) == (date(2026, 5, 1), date(2026, 6, 1))  # type: ignore[attr-defined]
    text = "my bedtime and my resting heart rate, champion: any tie"
    query = filled(text, measure="bedtime", second="resting heart rate", statistic="correlate")
    assert query is not None
    assert query.measures == (BEDTIME, RESTING)  # type: ignore[attr-defined]


def test_a_limit_of_workouts_is_not_filled_in_as_one_of_days() -> None:
    """Days with an hour of them, or workouts of an hour each: a model cannot know, so nobody counts."""
    text = "roughly the training sessions of mine over 60 minutes since March"
    for limit in ("over 60 minutes", "over 60"):
        assert filled(text, measure="training sessions", when="since March", limit=limit, statistic="days") is None


def test_the_model_is_asked_with_a_schema_of_the_question_s_own_words() -> None:
    model = Scripted(json.dumps({**SAID, "measure": "weight", "when": "last week"}))
    fill("my weight, champion, last week", model, today=TODAY, catalogue=catalogue(), available=ALL)
    assert "Measures: weight" in model.prompts[0].user
    assert "Times: last week" in model.prompts[0].user
    # The instruction never changes, so that an engine's prefix cache serves it.
    fill("my steps, champion", model, today=TODAY, catalogue=catalogue(), available=ALL)
    assert model.prompts[0].system == model.prompts[1].system


def test_a_question_that_is_not_about_a_measure_never_reaches_the_model() -> None:
    model = Scripted("{}")
    for text in ("how long is the contract", "how many people came to Anna's party?", "did I walk the dog yesterday"):
        assert fill(text, model, today=TODAY, catalogue=catalogue(), available=ALL) is None
    assert model.prompts == []


@pytest.mark.parametrize(
    "text",
    [
        "what's my blood pressure medication",
        "when is my blood pressure appointment",
        "my weight loss plan",
        "where is my heart rate belt",
        "how much did my heart rate belt cost",
        "my step counter is broken, can I return it",
        "did I pay for the sleep lab",
        "my resting heart rate diary from school",
        "what is my weight class in boxing",
        "what did Anna and I decide about my sleep",
        "am I allergic to protein powder",
        "did I order the caffeine tablets",
    ],
)
def test_things_named_after_a_measure_are_not_it(text: str) -> None:
    assert read(text, today=TODAY, catalogue=catalogue(), available=ALL) is None
    assert about(text, catalogue=catalogue(), available=ALL) is None


def test_every_suggestion_is_itself_understood() -> None:
    tried = 0
    for measure in catalogue():
        for word in (*measure.words, measure.name.lower()):
            known = about(f"so what of my {word}", catalogue=catalogue(), available=ALL)
            if known is None or measure.sensitive:
                continue
            for question in unread(known, catalogue=catalogue()).nearest:
                tried += 1
                assert read(question, today=TODAY, catalogue=catalogue(), available=ALL) is not None, question
    assert tried > 300


def test_vague_questions_name_what_can_be_answered() -> None:
    for text in ("did I sleep enough last night", "have I been sleeping enough", "is my resting heart rate normal"):
        assert read(text, today=TODAY, catalogue=catalogue(), available=ALL) is None
        known = about(text, catalogue=catalogue(), available=ALL)
        assert known is not None
        said = unread(known, catalogue=catalogue())
        assert "I can answer" in said.text
        assert len(said.nearest) >= 2
        assert "fine" not in said.text
    known = about("did I sleep enough last night", catalogue=catalogue(), available=ALL)
    assert known is not None
    assert known.measures == ((ASLEEP,),)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> LlamaCpp:
    try:
        path: Path = Library(default_folder()).open("qwen2.5-coder-0.5b-instruct").path
    except ModelError as error:
        pytest.skip(f"{error.problem}: run homebody-models install")
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    return LlamaCpp(path, runtime_dir=folder, context_tokens=1024, threads=1)


@pytest.mark.models
def test_real_weights_fill_soundly_or_not_at_all(qwen: LlamaCpp) -> None:
    """Whatever the small model says: measure and days are those of the question, and some questions are read."""
    questions = {
        "so roughly the usual weight of my own self in May": (WEIGHT, date(2026, 5, 1), {"mean"}),
        "my resting heart rate, you know, how it went over time since March": (RESTING, date(2026, 3, 1), {"trend"}),
        "my very highest resting heart rate reached anyhow in May": (RESTING, date(2026, 5, 1), {"max"}),
    }  # fmt: skip
    right = 0
    for text, (measure, start, stats) in questions.items():
        assert read(text, today=TODAY, catalogue=catalogue(), available=ALL) is None, text
        query = fill(text, qwen, today=TODAY, catalogue=catalogue(), available=ALL)
        if query is not None:
            assert (query.measures, query.span.start) == ((measure,), start)
            right += query.stat in stats
    qwen.close()
    assert right >= 1
