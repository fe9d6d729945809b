"""The head of a WhatsApp line, whatever text follows it."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo import exports
from indexers.messages.whatsapp.header import Stamp, lock_format


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Ann", "Bob B", "Zoë:X"]),
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=40),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(sorted(exports.WHATSAPP)),
)
@settings(max_examples=60, deadline=None)
def test_any_text_survives_every_header(said: list[tuple[str, str]], name: str) -> None:
    locale = exports.WHATSAPP[name]
    at = datetime(2023, 11, 28, 17, 5, 9)  # noqa: DTZ001  # a wall clock
    lines = [f"{locale.header(at)}{sender}: {text}" for sender, text in said]
    header = lock_format(lines)
    assert header is not None
    for line, (sender, text) in zip(lines, said, strict=True):
        stamp = header.read(line)
        assert isinstance(stamp, Stamp)
        assert stamp.rest == f"{sender}: {text}"
        assert stamp.time // 60 == 17 * 60 + 5
