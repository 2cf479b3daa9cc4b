"""What a token does: steps in their order, instructions found by hand."""

import numpy as np
import pytest

from mapping.pim.places import instructions
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Instruction, Kind, Routine, Step, Unit
from tests.mapping.pim.plans import LLAMA, SMALL, gpt, planned


def steps(plan: PimPlan, block: Block, *fields: Step) -> list[tuple[object, ...]]:
    """Operator and routine (or unit) of each step, then the fields asked for."""
    return [
        (
            plan.operators[row[Step.OPERATOR]],
            Routine(row[Step.ROUTINE]).name if row[Step.ROUTINE] >= 0 else Unit(row[Step.UNIT]).name,
            *(int(row[field]) for field in fields),
        )
        for row in block.steps
    ]


def rows(plan: PimPlan, block: Block, step: int, channel: int) -> list[dict[str, object]]:
    names = [c.name for c in plan.pim.memory.commands]
    return [
        {
            "kind": Kind(i[Instruction.KIND]).name,
            "command": names[i[Instruction.COMMAND]],
            **{field.name.lower(): int(i[field]) for field in list(Instruction)[2:]},
        }
        for i in instructions(plan, block, step, channel)
    ]


def test_steps_of_a_gpt_layer() -> None:
    plan = planned(gpt(2, 128, 2))
    found = steps(plan, plan.program(40).layer, Step.N)
    assert found[:8] == [
        ("norm1", "LAYER_NORM", 128),
        ("qkv", "CHANNELS", 0),
        ("qkv", "ADD", 384),
        ("k_write", "CHANNELS", 0),
        ("scores", "CHANNELS", 0),
        ("v_write", "CHANNELS", 0),
        ("softmax", "SOFTMAX", 40),
        ("context", "CHANNELS", 0),
    ]
    after = [s for s in found[8:] if s[:2] != ("context", "ASIC")]
    assert after == [
        ("softmax", "SOFTMAX", 40),
        ("context", "CHANNELS", 0),
        ("projection", "CHANNELS", 0),
        ("projection", "ADD", 128),
        ("residual", "ADD", 128),
        ("norm2", "LAYER_NORM", 128),
        ("ffn_up", "CHANNELS", 0),
        ("ffn_up", "ADD", 512),
        ("activation", "GELU", 512),
        ("ffn_down", "CHANNELS", 0),
        ("ffn_down", "ADD", 128),
        ("residual", "ADD", 128),
    ]


def test_steps_of_a_gated_rotary_layer_and_its_head() -> None:
    plan = planned(LLAMA, lm_head=True)
    program = plan.program(7, head=True)
    found = steps(plan, program.layer, Step.N)
    assert ("qkv", "ROPE", 8 * 24) in found and ("norm1", "RMS_NORM", 96) in found
    assert [s for s in found if s[0] == "activation"] == [
        ("activation", "SILU", 200),
        ("activation", "MULTIPLY", 200),
    ]
    assert not any(s[1] == "ADD" and s[0] != "residual" for s in found)
    assert program.epilogue is not None
    assert steps(plan, program.epilogue, Step.N) == [
        ("final_norm", "RMS_NORM", 96),
        ("lm_head", "CHANNELS", 0),
        ("argmax", "ARGMAX", 1000),
    ]
    assert plan.program(7).epilogue is None


def test_a_matrix_is_a_load_and_a_sweep() -> None:
    plan = planned(gpt(2, 768, 12, intermediate=3072 + 16))
    block = plan.program(1).layer
    step = next(k for k, s in enumerate(steps(plan, block)) if s[:2] == ("ffn_up", "CHANNELS"))
    load, sweep = rows(plan, block, step, 0)
    assert (load["kind"], load["command"], load["n"], load["slot"]) == ("BARE", "WR_GB", 48, 0)
    assert sweep == {
        "kind": "SWEEP", "command": "MAC16", "bank": -1, "start": 19 * 64, "n": 48, "segments": 25,
        "stride": 48, "reuse": 1, "period": 1, "slot": 0, "keep": 0,
    }  # fmt: skip
    assert rows(plan, block, step, 1)[1]["segments"] == 24  # the last 16 outputs are on channel 0


def test_a_long_input_comes_in_chunks_with_sums_on_the_asic() -> None:
    plan = planned(SMALL)
    block = plan.program(1).layer
    found = [s for s in steps(plan, block, Step.N, Step.CHUNK) if s[0] == "ffn_down"]
    assert found == [
        ("ffn_down", "CHANNELS", 0, 0),
        ("ffn_down", "CHANNELS", 0, 1),
        ("ffn_down", "ADD", 768, 1),
        ("ffn_down", "CHANNELS", 0, 2),
        ("ffn_down", "ADD", 768, 2),
        ("ffn_down", "ADD", 768, -1),
    ]


def test_neuron_outer_keeps_sums_in_the_accumulators() -> None:
    plan = planned(SMALL, {"chunk_order": "neuron_outer"}, ["units.accumulators=4"])
    block = plan.program(1).layer
    step = next(k for k, s in enumerate(steps(plan, block)) if s[:2] == ("ffn_down", "CHANNELS"))
    found = [(r["command"], r["n"], r["segments"], r["keep"]) for r in rows(plan, block, step, 3)]
    part = [("WR_GB", 64, 1, 0), ("MAC16", 64, 4, 1)] * 3 + [("RD_MAC", 4, 1, 0)]
    rest = [("WR_GB", 64, 1, 0), ("MAC16", 64, 2, 1)] * 3 + [("RD_MAC", 2, 1, 0)]
    assert found == part + rest
    assert not [s for s in steps(plan, block) if s[1] == "ADD" and s[0] == "ffn_down"][1:]  # the bias only


@pytest.mark.parametrize(("context", "slots"), [(1, [1] + [0] * 7), (12, [1] * 8), (130, [2, 2] + [1] * 6)])
def test_scores_go_to_the_channels_that_have_tokens(context: int, slots: list[int]) -> None:
    plan = planned(SMALL)
    block = plan.program(context).layer
    step = next(k for k, s in enumerate(steps(plan, block)) if s[0] == "scores")
    by_channel = [rows(plan, block, step, c) for c in range(8)]
    assert [r[1]["segments"] if r else 0 for r in by_channel] == [12 * n for n in slots]
    assert by_channel[0][1] | {"start": 0} == {
        "kind": "SWEEP", "command": "MAC16", "bank": -1, "start": 0, "n": 4, "segments": 12 * slots[0],
        "stride": 4, "reuse": 1, "period": 12, "slot": 0, "keep": 0,
    }  # fmt: skip


def test_query_heads_that_share_keys_reuse_their_columns() -> None:
    plan = planned(LLAMA)
    block = plan.program(5).layer
    step = next(k for k, s in enumerate(steps(plan, block)) if s[0] == "scores")
    load, sweep = rows(plan, block, step, 0)
    assert load["n"] == 12  # six heads of two columns
    assert (sweep["n"], sweep["reuse"], sweep["period"], sweep["segments"]) == (2, 3, 6, 6)


@pytest.mark.parametrize("context", [1, 9, 137, 1024])
def test_cache_writes_of_a_token(context: int) -> None:
    plan = planned(SMALL)
    block = plan.program(context).layer
    names = [s[0] for s in steps(plan, block)]
    token = context - 1
    keys, values = names.index("k_write"), names.index("v_write")
    by_channel = [rows(plan, block, keys, c) for c in range(8)]
    assert [len(r) for r in by_channel] == [int(c == token % 8) for c in range(8)]
    (write,) = by_channel[token % 8]
    assert (write["kind"], write["command"], write["bank"]) == ("COLUMNS", "WR", token // 8 % 16)
    assert (write["start"], write["n"]) == ((55 * 64) + token // 128 * 48, 48)
    for c in range(8):
        (write,) = rows(plan, block, values, c)
        assert (write["kind"], write["command"], write["bank"]) == ("EACH_BANK", "WR", -1)
        assert (write["start"], write["n"]) == (61 * 64 + token // 16, 1)
        assert (write["segments"], write["stride"]) == (6, 64)


def test_every_channel_soon_has_a_head() -> None:
    plan = planned(SMALL)  # four groups a head, six a channel
    block = plan.program(100).layer
    order = [s[2] for s in steps(plan, block, Step.HEAD) if s[0] == "softmax"]
    assert order == [0, 1, 3, 4, 6, 7, 9, 10, 2, 5, 8, 11]
    heads = steps(plan, block, Step.HEAD, Step.AFTER)
    for number, step in enumerate(heads):
        if step[:2] == ("context", "CHANNELS"):
            assert step[3] == number - 1 and heads[number - 1][:3] == ("softmax", "SOFTMAX", step[2])


def test_the_projection_waits_for_all_heads() -> None:
    plan = planned(SMALL)
    block = plan.program(100).layer
    found = steps(plan, block, Step.AFTER)
    waiting = {s[2] for s in found if s[:2] == ("context", "ASIC")}
    for channel in range(8):
        busy = [
            k for k, s in enumerate(found)
            if s[:2] == ("context", "CHANNELS") and len(instructions(plan, block, k, channel))
        ]  # fmt: skip
        assert busy[-1] in waiting
    joins = [k for k, s in enumerate(found) if s[:2] == ("context", "ASIC")]
    assert next(s for s in found if s[0] == "projection")[2] == joins[-1]


def test_more_tokens_than_the_buffer_holds() -> None:
    plan = planned(gpt(1, 128, 2, 2048))
    block = plan.program(1040).layer
    found = [s for s in steps(plan, block, Step.HEAD, Step.CHUNK) if s[0] in ("softmax", "context")]
    assert found[-2:] == [("context", "ADD", 0, 1), ("context", "ADD", 1, 1)]
    loads = {
        (int(row[Step.HEAD]), int(row[Step.CHUNK])): rows(plan, block, step, 0)
        for step, row in enumerate(block.steps)
        if plan.operators[row[Step.OPERATOR]] == "context" and row[Step.UNIT] == Unit.CHANNELS
    }
    assert [loads[0, chunk][0]["n"] for chunk in (0, 1)] == [64, 1]
    assert loads[1, 0] == []  # another channel's head


def test_values_through_the_pins() -> None:
    plan = planned(SMALL, {"value_layout": "row_major"})
    block = plan.program(300).layer
    found = steps(plan, block, Step.N)
    assert [s for s in found if s[1] == "WEIGHTED_SUM"] == [("context", "WEIGHTED_SUM", 300 * 64)] * 12
    step = next(k for k, s in enumerate(found) if s[:2] == ("context", "CHANNELS"))
    (read,) = rows(plan, block, step, 0)
    assert (read["kind"], read["command"], read["n"], read["segments"]) == ("EACH_BANK", "RD", 48, 3)


def test_a_program_does_not_depend_on_those_before() -> None:
    plan = planned(SMALL)
    first = {context: plan.program(context) for context in (1024, 17, 500, 18)}
    for context, program in first.items():
        again = planned(SMALL).program(context)
        for field in ("steps", "instructions", "first"):
            assert np.array_equal(getattr(program.layer, field), getattr(again.layer, field))
