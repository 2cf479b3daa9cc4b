"""A plan in words."""

from fractions import Fraction

import pytest

from mapping.pim.text import utilisation
from tests.mapping.pim.plans import LLAMA, SMALL, planned


def test_words_of_a_plan() -> None:
    lines = planned(SMALL, lm_head=True).text().splitlines()
    assert lines[0] == "gpt 768 on pim_gpt: 8 channels of 16 banks, rows of 1024 elements"
    assert "1099 of 16384 rows of every bank (6.7 %): 12 layers of 67, the LM head's 295" in lines
    assert "  weights 660, keys 72, values 72" in lines
    (down,) = [line.split() for line in lines if line.startswith("ffn_down")]
    assert down[1:7] == ["37", "18", "3", "6", "100.0", "%"]


def test_utilisation_by_hand() -> None:
    found = {r.name: utilisation(planned(SMALL), r) for r in planned(SMALL).regions}
    assert found["qkv"] == Fraction(18 * 48, 14 * 64)
    assert found["key"] == 1
    # 300 tokens of 2 heads of 24 elements in one row of 131072
    llama = planned(LLAMA)
    assert utilisation(llama, llama.regions[llama.layout.index("key")]) == pytest.approx(300 * 48 / 131072)
