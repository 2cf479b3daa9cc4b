"""Plans carried out on labels: right ones pass, and each kind of mistake is found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from mapping.pim import check as check_module
from mapping.pim.check import check
from mapping.pim.places import Place, place
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Instruction, Kind, Program, Step, Unit
from tests.mapping.pim.plans import ALTERNATIVES, LLAMA, SMALL, gpt, planned
from workloads.transformer.catalogue import load_model
from workloads.transformer.model import Transformer


def test_the_smallest_paper_model_with_its_head() -> None:
    assert check(planned(SMALL, lm_head=True), [1, 513, 1024]) == ()


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize(
    "model",
    [
        "gpt2_small", "gpt2_medium", "gpt2_large", "gpt2_xl",
        "gpt3_small", "gpt3_medium", "gpt3_large", "gpt3_xl",
    ],
)  # fmt: skip
def test_all_paper_models(model: str) -> None:
    assert check(planned(load_model(model), {"context": 1024}), [1, 512, 1024]) == ()


@pytest.mark.parametrize("choice", ALTERNATIVES, ids=str)
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["units.global_buffer=128 B"],  # two heads at once
        ["units.global_buffer=64 B"],  # one: a group of query heads is split
        ["units.accumulators=4", "units.global_buffer=128 B"],
        ["dram.channels=4", "units.lanes=4"],
    ],
    ids=str,
)
def test_grouped_queries_and_odd_heads(choice: dict[str, Any], overrides: list[str]) -> None:
    assert check(planned(LLAMA, choice, overrides, lm_head=True), [1, 5, 129, 300]) == ()


@pytest.mark.parametrize("choice", ALTERNATIVES, ids=str)
def test_twenty_five_heads_and_more_tokens_than_the_buffer(choice: dict[str, Any]) -> None:
    plan = planned(gpt(1, 200, 25, 2100), choice, ["units.global_buffer=512 B"], steps=2100)
    assert check(plan, [1, 257, 2100]) == ()


@st.composite
def cases(draw: st.DrawFn) -> tuple[Transformer, dict[str, Any], list[str], bool, list[int]]:
    """A model, choices, overrides of the machine, whether there is an LM head, and contexts to check."""
    kv_heads = draw(st.integers(1, 5))
    heads = kv_heads * draw(st.integers(1, 3))
    size = 2 * draw(st.integers(1, 20))
    context = draw(st.integers(1, 400))
    model = gpt(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 150)),
        heads,
        context,
        kv_heads=kv_heads,
        head_size=size,
        intermediate=draw(st.integers(1, 200)),
        gated=draw(st.booleans()),
        positions=draw(st.sampled_from(["learned", "rotary"])),
        bias=draw(st.booleans()),
        vocabulary=draw(st.integers(1, 300)),
    )
    choice = {
        "concat_heads": draw(st.booleans()),
        "value_layout": draw(st.sampled_from(["column_major", "row_major"])),
        "chunk_order": draw(st.sampled_from(["chunk_outer", "neuron_outer"])),
        "packing": draw(st.sampled_from(["packed", "row_aligned"])),
    }
    overrides = [
        f"dram.channels={draw(st.sampled_from([1, 2, 8]))}",
        f"units.global_buffer={32 * draw(st.integers(3, 12))} B",
        f"units.accumulators={draw(st.integers(1, 5))}",
        f"units.lanes={draw(st.sampled_from([4, 16]))}",
        f"units.readout={draw(st.sampled_from(['bf16', 'fp32']))}",
    ]
    contexts = draw(st.lists(st.integers(1, context), min_size=1, max_size=3))
    return model, choice, overrides, draw(st.booleans()), contexts


@settings(max_examples=60, deadline=None)
@given(cases())
def test_any_model_is_laid_out_right(
    case: tuple[Transformer, dict[str, Any], list[str], bool, list[int]],
) -> None:
    model, choice, overrides, lm_head, contexts = case
    plan = planned(model, choice, overrides, steps=model.context, lm_head=lm_head)
    assert check(plan, contexts) == ()


def _find(plan: PimPlan, block: Block, operator: str, kind: Kind | None = None) -> Any:
    """The first step of an operator on the channels, or the first instruction of a kind in it."""
    channels = plan.pim.memory.channels
    for step, row in enumerate(block.steps):
        if plan.operators[row[Step.OPERATOR]] == operator and row[Step.UNIT] == Unit.CHANNELS:
            if kind is None:
                return step
            for i in range(block.first[step * channels], block.first[(step + 1) * channels]):
                if block.instructions[i, Instruction.KIND] == kind:
                    return i
    raise AssertionError(operator)


def _changed(operator: str, kind: Kind, field: Instruction, by: int) -> Callable[[PimPlan, Block], Block]:
    def change(plan: PimPlan, block: Block) -> Block:
        instructions = block.instructions.copy()
        instructions[_find(plan, block, operator, kind), field] += by
        return replace(block, instructions=instructions)

    return change


def _earlier(operator: str, unit: Unit, after: int) -> Callable[[PimPlan, Block], Block]:
    """The last step of an operator on a unit waits for another."""

    def change(plan: PimPlan, block: Block) -> Block:
        steps = block.steps.copy()
        name = plan.operators.index(operator)
        (found,) = np.nonzero((steps[:, Step.OPERATOR] == name) & (steps[:, Step.UNIT] == unit))
        steps[found[-1], Step.AFTER] = after
        return replace(block, steps=steps)

    return change


I, R = Instruction, Kind  # noqa: E741


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed("qkv", R.SWEEP, I.START, 1), "qkv: an input meets what is not its weight"),
        (_changed("qkv", R.SWEEP, I.N, -1), "qkv: 32 outputs do not meet each input once"),
        (_changed("qkv", R.SWEEP, I.SEGMENTS, -1), "qkv: results that are not read"),
        (_changed("qkv", R.SWEEP, I.SEGMENTS, 1), "qkv: more results than outputs"),
        (_changed("qkv", R.SWEEP, I.STRIDE, 1), "qkv: an input meets what is not its weight"),
        (_changed("qkv", R.SWEEP, I.START, 1 << 20), "qkv: columns outside of its rows"),
        (_changed("qkv", R.BARE, I.N, -1), "qkv: a weight meets no input"),
        (_changed("scores", R.SWEEP, I.PERIOD, -1), "scores: an input that the output does not have"),
        (_changed("scores", R.SWEEP, I.REUSE, -1), "scores: an input meets"),
        (_changed("scores", R.SWEEP, I.SLOT, 2), "scores: an input"),
        (_changed("context", R.SWEEP, I.START, 1), "context: an input meets"),
        (_changed("ffn_down", R.SWEEP, I.START, 13), "ffn_down: an input meets"),
        (_changed("k_write", R.COLUMNS, I.BANK, 1), "k_write: an element is written to another's place"),
        (_changed("k_write", R.COLUMNS, I.START, 2), "k_write: an element is written to another's place"),
        (_changed("v_write", R.EACH_BANK, I.START, 1), "v_write: an element is written to another's place"),
        (_changed("v_write", R.EACH_BANK, I.SEGMENTS, -1), "v_write: not every element"),
        (_earlier("projection", Unit.CHANNELS, 0), "(projection) does not wait for step"),
        (_earlier("context", Unit.CHANNELS, 0), "(context) does not wait for step"),
        (_earlier("context", Unit.ASIC, 0), "does not wait for step"),
        (_earlier("residual", Unit.ASIC, 0), "does not wait for step"),
        (_earlier("scores", Unit.CHANNELS, 0), "(scores) does not wait for step 1 (qkv)"),
        (_earlier("ffn_up", Unit.CHANNELS, 99), "is not before it"),
    ],
)
def test_a_wrong_program_is_found(
    change: Callable[[PimPlan, Block], Block], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(LLAMA)
    assert check(plan, [300]) == ()
    right = plan.program(300)
    wrong: Program = replace(right, layer=change(plan, right.layer))
    monkeypatch.setattr(PimPlan, "program", lambda *_, **__: wrong)
    assert any(words in text for text in check(plan, [300])), check(plan, [300])


def test_what_lies_in_one_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(LLAMA)

    def folded(*args: Any) -> Place:
        found = place(*args)
        return found._replace(lane=found.lane // 2)

    monkeypatch.setattr(check_module, "place", folded)
    assert any("lie where others do" in text for text in check(plan, []))

    def further(*args: Any) -> Place:
        found = place(*args)
        return found._replace(address=found.address + 64)

    monkeypatch.setattr(check_module, "place", further)
    assert any("outside of its rows" in text for text in check(plan, []))


def test_rows_that_overlap_are_found() -> None:
    plan = planned(LLAMA)
    layout = replace(plan.layout, layer_rows=plan.layout.layer_rows - 1)
    assert any("rows that hold something else" in t for t in check(replace(plan, layout=layout), []))
    layout = replace(plan.layout, layer_rows=plan.capacity)
    assert any("rows beyond the last" in t for t in check(replace(plan, layout=layout), []))


def test_a_head_that_does_not_fit_the_buffer_is_refused() -> None:
    with pytest.raises(InputError, match="less than a head"):
        planned(LLAMA, {}, ["units.global_buffer=32 B"])
