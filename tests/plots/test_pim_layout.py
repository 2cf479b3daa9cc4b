"""The picture of what the rows of a bank hold."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from plots.pim_layout import draw
from tests.mapping.pim.plans import LLAMA, SMALL, planned


def test_numbers_of_the_picture() -> None:
    drawing = draw(planned(SMALL, lm_head=True))
    data = drawing.data
    assert sum(data["rows"]) == 1099 and list(data["first row"]) == sorted(data["first row"])
    assert len(data["region"]) == 12 * 6 + 1 and data["part"][-1] == "lm_head"
    # no gaps and no overlaps
    ends = [first + rows for first, rows in zip(data["first row"], data["rows"], strict=True)]
    assert list(data["first row"][1:]) == ends[:-1]
    assert "1,099 of 16,384 rows (6.7 %) in each of 128 banks" in drawing.caption


@pytest.mark.parametrize("settings", [{}, {"concat_heads": False}, {"value_layout": "row_major"}])
def test_pictures_have_both_strips(settings: dict[str, Any], tmp_path: Path) -> None:
    drawing = draw(planned(LLAMA, settings))
    titles = [axes.get_title("left") for axes in drawing.figure.axes]
    assert titles[0] == "all 16,384 rows of a bank, 2 layers" and "of the first layer" in titles[1]
    assert drawing.figure.axes[-1].get_xlabel() == "row"
    svg, table = drawing.save(tmp_path)
    ElementTree.parse(svg)
    assert table.read_text().startswith("layer,region,part,first row,rows,utilisation")


def test_layer_strip_names_its_regions() -> None:
    names = {t.get_text() for t in draw(planned(SMALL)).figure.axes[1].texts}
    assert names == {"qkv", "projection", "ffn_up", "ffn_down", "key", "value"}
