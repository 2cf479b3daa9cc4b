"""Spaces: what is the same, how many there are, and is drawing uniform?"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from arch.errors import InputError
from arch.yaml_source import parse, read_file
from dse.evaluation import Value
from dse.space import Space, as_mapping, read_space, space_of
from dse.space.encoding import Indices, OneHot, UnitCube

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

SMALL = """
space:
  policy: {choice: [open, closed, lazy]}
  cap: {ordinal: [1 KiB, 4 KiB], when: policy == open}
  depth: {log2: [1, 8]}
  width: {integer: {from: 2, to: 8, step: 2}, when: "depth > 2 and policy in [open, lazy]"}
constraints: {fits: depth * width <= 32}
equivalent: {lazy_too: {same: {policy: {lazy: closed}}}}
"""


def space(text: str) -> Space:
    return space_of(parse(text, "study.yaml").data)


@pytest.fixture(scope="module")
def controller() -> Space:
    path = EXAMPLES / "dram_controller.yaml"
    return read_space(read_file(path, path.name), ("edp",), lambda fact: True).space


def test_the_dram_controller_has_21_760_designs(controller: Space) -> None:
    assert controller.raw_size() == 442_368
    assert controller.size() == 21_760
    every = [tuple(design.items()) for design in controller]
    assert len(every) == len(set(every)) == 21_760


def test_rules_whose_fact_does_not_hold_do_nothing() -> None:
    path = EXAMPLES / "dram_controller.yaml"
    kept = read_space(read_file(path, path.name), ("edp",), lambda fact: False).space
    assert kept.size() == 4 * 3 * 3 * 8 * 2 * (1 + 4 * 4) * (1 + 2 * 8)


def test_millions_of_designs_are_counted_exactly() -> None:
    path = EXAMPLES / "pim_gpt_design.yaml"
    found = read_space(read_file(path, path.name), ("power", "time", "energy"))
    assert [c.name for c in found.on_metrics] == ["power"]
    linked = 0
    for channels in (1, 2, 4, 8, 16, 32):
        for banks in (1, 2, 4, 8):
            for columns in (16, 32, 64, 128, 256):
                for lanes in (2, 4, 8, 16):
                    for accumulators in (1, 2, 4, 8):
                        for buffer in (1024, 2048, 4096, 8192):
                            area = 4 * channels * banks * (lanes + accumulators / 4) + channels * buffer / 256
                            linked += area <= 4480 and channels * banks * columns >= 512
    assert found.space.size() == linked * 4 * 4 * 4 * 4 * 2**5


def test_a_design_stands_for_all_that_come_to_the_same() -> None:
    found = space(SMALL)
    lazy: dict[str, Value] = {"policy": "lazy", "cap": "1 KiB", "depth": 8, "width": 4}
    assert found.canonical(lazy) == {"policy": "closed", "depth": 8}
    assert found.broken({"policy": "open", "cap": "1 KiB", "depth": 8, "width": 8}) == "fits"
    with pytest.raises(InputError, match='polcy: unknown parameter; did you mean "policy"'):
        found.canonical({"polcy": "open"})
    with pytest.raises(InputError, match="cap"):
        found.canonical({"policy": "open", "depth": 1})


@st.composite
def spaces(draw: Any) -> Space:
    """Small spaces with conditions and constraints on earlier parameters."""
    content: dict[str, Any] = {"space": {}, "constraints": {}}
    count = draw(st.integers(1, 4))
    for n in range(count):
        entry: dict[str, Any] = {"integer": [0, draw(st.integers(0, 3))]}
        if n and draw(st.booleans()):
            entry["when"] = f"p{draw(st.integers(0, n - 1))} == 0"
        content["space"][f"p{n}"] = entry
    if draw(st.booleans()):
        content["constraints"]["sum"] = f"p0 + p{count - 1} <= {draw(st.integers(0, 4))}"
    return space_of(content)


@given(spaces())
@settings(max_examples=60, deadline=None)
def test_counting_enumerating_and_drawing_agree(found: Space) -> None:
    every = [tuple(sorted(design.items())) for design in found]
    assert len(set(every)) == len(every) == found.size()
    drawn = found.sample(np.random.default_rng(0), 50)
    assert {tuple(sorted(design.items())) for design in drawn} <= set(every)
    for design in found:
        assert found.canonical(design) == design and found.allowed(design)
    again = space_of(as_mapping(found))
    assert [*again] == [*found]


def test_drawing_is_uniform_over_canonical_designs() -> None:
    found = space(SMALL)
    counts = Counter(str(design) for design in found.sample(np.random.default_rng(1), 100_000))
    assert len(counts) == found.size()
    assert stats.chisquare([*counts.values()]).pvalue > 1e-3


@pytest.mark.parametrize("encoder", [UnitCube, Indices])
def test_uniform_actions_give_every_value_of_every_parameter_uniformly(encoder: Any) -> None:
    raw = space("space: {a: {choice: [x, y, z]}, b: {log2: [1, 128]}, c: {integer: [0, 4]}}")
    rng = np.random.default_rng(2)
    coder = encoder(raw)
    if encoder is UnitCube:
        actions = rng.random((100_000, coder.width)).tolist()
    else:
        actions = rng.integers(coder.sizes, size=(100_000, len(coder.sizes))).tolist()
    designs = [coder.decode(action) for action in actions]
    for p in raw.parameters:
        counts = Counter(design[p.name] for design in designs)
        assert set(counts) == set(p.values or ())
        assert stats.chisquare([*counts.values()]).pvalue > 1e-3


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_encoding_and_decoding_give_the_design_back(seed: int) -> None:
    found = space(SMALL)
    design = found.sample(np.random.default_rng(seed), 1)[0]
    for coder in (UnitCube(found), Indices(found)):
        assert coder.decode(coder.encode(design).tolist()) == design
    assert OneHot(found).encode(design).shape == (OneHot(found).width,)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("space: {}", 1, "no parameters"),
        ("space:\n  a: {chioce: [1]}", 2, 'did you mean "choice"'),
        ("space:\n  a: {choice: [1], log2: [1, 2]}", 2, "choice and log2"),
        ("space:\n  a: {log2: [1, 3]}", 2, "powers of two"),
        ("space:\n  a: {integer: [4, 1]}", 2, r"\[least, greatest\]"),
        ("space:\n  a: {choice: [x, x]}", 2, "twice"),
        ("space:\n  a: {choice: [x, y]}\n  b: {integer: [1, 2], when: a == z}", 3, "z"),
        ("space:\n  a: {choice: [x, y], when: b == 1}\n  b: {integer: [1, 2], when: a == x}", 2, "wait for"),
        ("space:\n  a: {integer: [1, 2]}\n  b: {integer: [1, 2], when: a > 5}", 3, "never holds"),
        ("space:\n  a: {integer: [1, 2]}\nconstraints:\n  no: a > 5", 4, "no design meets"),
        ("space:\n  a: {integer: [1, 2]}\nconstraints:\n  no: import os", 4, "expression"),
        ("space:\n  a: {integer: [1, 2]}\nconstraints:\n  no: a.b > 1", 4, 'unknown name "a.b"'),
        ("space:\n  a: {choice: [x, y]}\nequivalent:\n  r: {same: {a: {x: y, y: x}}}", 4, "stand for each"),
        ("space:\n  a: {float: [0, 1], scale: log}", 2, "above 0"),
        ("space:\n  a: {choice: [1, 1.0]}", 2, "twice"),
        (
            "space:\n  a: {choice: [x, y, z]}\nequivalent:\n"
            "  r: {same: {a: {x: y}}}\n  s: {same: {a: {x: z}}}",
            5,
            "y stands for x in another rule",
        ),
        (
            "space:\n  a: {integer: [1, 4]}\n  b: {integer: [1, 4]}\nconstraints: {c: a <= b}\n"
            "equivalent:\n  r: {ignore: [a]}",
            6,
            "a is ignored, but the constraint c",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_space(parse(text, "study.yaml"))
    assert caught.value.file == "study.yaml" and caught.value.line == line


def test_floats_are_drawn_within_their_range_and_are_not_counted() -> None:
    found = space("space: {x: {float: [0.1, 10], scale: log}, y: {float: [-1, 1]}}\nconstraints: {c: x > y}")
    drawn = found.sample(np.random.default_rng(3), 500)
    assert found.size() is None and all(d["x"] > d["y"] for d in drawn)  # type: ignore[operator]
    assert 0.4 < np.mean([d["x"] < 1 for d in drawn]) < 0.6  # type: ignore[operator]
    with pytest.raises(InputError, match="enumerated"):
        list(found)
