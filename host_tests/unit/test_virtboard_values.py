"""Values that come from a board by their repr."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtboard import values

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_a_plain_value_comes_back(value):
    assert repr(values.parse(repr(value), "x")) == repr(value)


def test_what_repr_does_not_write_as_a_literal():
    assert values.parse("bytearray(b'ab')", "x") == b"ab"
    assert values.parse("[inf, -inf]", "x") == [math.inf, -math.inf]
    assert math.isnan(values.parse("nan", "x"))
    assert values.parse("set()", "x") == set()


@pytest.mark.parametrize("text", ["<object>", "", "f(1)", "a", "[<x>]", "1 +"])
def test_anything_else_is_no_plain_value(text):
    with pytest.raises(ValueError, match="what is .* on the board, which is no plain value"):
        values.parse(text, "what")
