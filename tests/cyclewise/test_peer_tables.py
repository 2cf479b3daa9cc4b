"""Answers of peers as tables for a page."""

from cyclewise.peer_tables import markdown
from cyclewise.peers import DIFFERS, EQUAL, Answer


def answer(table: str, figure: str, theirs: object, ours: object, case: str = "t") -> Answer:
    return Answer(table, "dev", "ram", case, figure, theirs, ours, None, EQUAL if theirs == ours else DIFFERS)


def test_what_agrees_is_one_number_and_what_differs_is_two() -> None:
    text = markdown(
        {
            "carried": [
                answer("streams", "commands", 1200, 1200),
                answer("streams", "sha256", "0123456789ab", "0123456789ab"),
                answer("results", "cycles", 5000, 5001),
                answer("results", "avg_read_latency", 40.123, 40.123),
                answer("sequences", "commands equal", 3, 3, case="one"),
                answer("sequences", "commands equal", 3, 2, case="two"),
            ]
        }
    )
    assert "| `dev` | ramulator21 | 1 of 1 | 0 of 1 | 1 of 2 | 4 of 6 |" in text
    assert "6 figures compared: **2 differ**." in text
    assert "| `t` | 1,200 | `01234567…` | 5,000, ours 5,001 | 40.12 |" in text
    assert text.index("2 differ") < text.index("<!-- runs -->") < text.index("5,001")


def test_other_streams_show_both_hashes() -> None:
    rows = [answer("streams", "sha256", "aaaaaaaaaa", "bbbbbbbbbb"), answer("results", "cycles", 1, 1)]
    assert "`aaaaaaaa…`, ours `bbbbbbbb…`" in markdown({"carried": rows})
