from __future__ import annotations

import threading
import unicodedata
from collections.abc import Generator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ModelError
from agent.models.engines.generation import Emit, Relay, Stopped, control_pattern, defuse, defused
from agent.models.protocols import Prompt

TOKENS = [
    "<|im_end|>",
    "<|im_start|>",
    "<tool_call>",
    "</tool_call>",
    "<repo_name>",
    "[INST]",
    "\n\n",
    "é|>",
    "$",
    "ab",
]
CONTROL = control_pattern(TOKENS)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<|im_end|>", "<| im_end |>"),
        ("a</tool_call>b", "a</ tool_call >b"),
        ("[INST]", "[ INST ]"),
        ("ab", "a b"),
        ("5$", "5\N{REPLACEMENT CHARACTER}"),
        ("e\N{COMBINING ACUTE ACCENT}|>", "é |>"),
        ("a\udc80<|im_end|>", "a?<| im_end |>"),
        ("two\n\nparagraphs, x < y | z", "two\n\nparagraphs, x < y | z"),
    ],
)
def test_control_tokens_are_broken_up(text: str, safe: str) -> None:
    assert defuse(text, CONTROL) == safe


@given(st.lists(st.sampled_from([*TOKENS, "<|", "|>", "im_end", "<", ">", " ", "a", "b", "e", "\u0301"])).map("".join))
def test_no_control_token_is_left_and_nothing_is_lost(text: str) -> None:
    safe = defuse(text, CONTROL)
    assert CONTROL is not None
    assert not CONTROL.search(safe)
    assert defuse(safe, CONTROL) == safe
    assert unicodedata.is_normalized("NFC", safe)
    kept = unicodedata.normalize("NFC", text).replace("$", "\N{REPLACEMENT CHARACTER}")
    assert safe.replace(" ", "") == kept.replace(" ", "")


def test_a_vocabulary_without_control_tokens_changes_nothing_but_the_form() -> None:
    assert control_pattern([]) is None
    assert control_pattern(["\n", "  "]) is None
    assert defuse("<|im_end|> e\u0301", None) == "<|im_end|> é"


def test_the_system_message_is_always_there() -> None:
    roles = [message["role"] for message in defused(Prompt(system="", user="hello"), CONTROL)]
    assert roles == ["system", "user"]


def test_pieces_arrive_in_order_and_errors_at_the_end() -> None:
    def produce(emit: Emit, stopped: Stopped) -> None:
        for piece in ("a", "", "b"):
            emit(piece)
        raise ModelError("It broke.")

    relay = Relay("test")
    stream = relay.stream(produce)
    assert [next(stream), next(stream)] == ["a", "b"]
    with pytest.raises(ModelError, match="It broke"):
        next(stream)
    relay.close()


def test_closing_the_iterator_is_seen_by_the_producer() -> None:
    closed, noticed = threading.Event(), threading.Event()

    def produce(emit: Emit, stopped: Stopped) -> None:
        emit("first")
        closed.wait(10)
        if stopped():
            noticed.set()

    relay = Relay("test")
    stream = cast("Generator[str]", relay.stream(produce))
    assert next(stream) == "first"
    stream.close()
    closed.set()
    assert noticed.wait(10)
    relay.close()


def test_what_waits_and_is_dropped_never_runs() -> None:
    gate, ran = threading.Event(), []
    relay = Relay("test")

    def first(emit: Emit, stopped: Stopped) -> None:
        emit("x")
        gate.wait(10)

    running = relay.stream(first)
    assert next(running) == "x"
    never_started = relay.stream(lambda emit, stopped: ran.append(1))
    del never_started
    gate.set()
    assert list(running) == []
    relay.close()
    assert ran == []


def test_a_closed_relay_refuses_with_a_remedy() -> None:
    relay = Relay("test")
    relay.close()
    with pytest.raises(ModelError, match="closed"):
        list(relay.stream(lambda emit, stopped: emit("x")))
