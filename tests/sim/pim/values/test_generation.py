"""Whole tokens with numbers: the same as plain decoders, in every layout, and wrong layouts are noticed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from mapping.pim.options import PimMapping
from mapping.pim.plan import PimPlan
from mapping.pim.program import Instruction, Kind, Program, Routine
from sim.pim.arithmetic import bf16, run_routine, tree_sum
from sim.pim.engine import Commands
from sim.pim.values import LayoutError, ValueReport, check_values, generate, random_weights
from sim.pim.values.generation import simulated_commands
from sim.pim.values.machine import Machine
from tests.reference.transformer_decoder import Decoder, greedy
from tests.sim.pim.values.tiny_models import GPT, LLAMA, UNEVEN, decoding, machine, planned, without_times
from workloads.transformer.model import Transformer

PROMPT = [17, 80, 3, 64]
# Largest error of an operator beside its largest element: a bf16 rounding is 2**-9 of a number, and a matrix
# with bias rounds twice, partial sums once more for each part.
TOLERANCE = 2.5 * 2.0**-8


def decode(plan: PimPlan, seed: int, tokens: int = 24) -> ValueReport:
    weights = random_weights(plan.decoding.model, seed)

    def issue(program: Program) -> list[Commands]:
        return list(without_times(plan.pim, program))

    return generate(plan, weights, PROMPT, tokens, issue=issue)


@pytest.mark.parametrize("model", [GPT, LLAMA, UNEVEN], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(2))
def test_tokens_are_those_of_a_plain_decoder(model: Transformer, seed: int) -> None:
    """With commands of the simulator.  A token differs only where rounding may exchange the two best."""
    weights = random_weights(model, seed)
    report = generate(planned(model), weights, PROMPT, 24)
    tokens, margins = greedy(Decoder(model, weights), PROMPT, 24)
    assert report.decoder_tokens == tuple(tokens)
    np.testing.assert_allclose(report.margins, margins, atol=1e-9)
    assert report.logit_error < 0.05
    assert report.explained, report
    for operator in report.operators:
        assert operator.relative < TOLERANCE, operator


WITHOUT_TIES = [(GPT, seed) for seed in (2, 5, 13)] + [(LLAMA, seed) for seed in (2, 5, 11)]


@pytest.mark.parametrize(("model", "seed"), WITHOUT_TIES)
def test_all_tokens_are_the_same(model: Transformer, seed: int) -> None:
    """Seeds without a tie closer than rounding: 24 tokens, every one the decoder's."""
    report = decode(planned(model), seed)
    assert report.tokens == tuple(greedy(Decoder(model, random_weights(model, seed)), PROMPT, 24)[0])
    assert len(set(report.tokens)) > 8  # it does not just repeat itself


def test_errors_are_those_of_rounding_to_bf16() -> None:
    """A decoder that rounds every operator's exact result to bf16 is about as far from float64."""
    weights = random_weights(GPT, 0)
    rounding, exact = Decoder(GPT, weights, lambda v: bf16(v).astype(np.float64)), Decoder(GPT, weights)
    differences = [
        np.abs(a - b).max() / b.std() for a, b in ((rounding.step(t), exact.step(t)) for t in PROMPT)
    ]
    report = decode(planned(GPT), 0, 1)
    assert 0.3 < report.logit_error / differences[-1] < 3


SMALL_BUFFER = "units.global_buffer=32 B"  # every vector in parts of 16: weights, keys and probabilities
VARIANTS = [
    ((), PimMapping(concat_heads=False)),
    ((), PimMapping(value_layout="row_major")),
    ((), PimMapping(packing="row_aligned")),
    ((SMALL_BUFFER,), PimMapping()),
    ((SMALL_BUFFER,), PimMapping(chunk_order="neuron_outer")),
    ((SMALL_BUFFER, "units.accumulators=3"), PimMapping(chunk_order="neuron_outer")),
    ((SMALL_BUFFER,), PimMapping(concat_heads=False, value_layout="row_major")),
    (("all_bank_act=ganged4",), PimMapping()),
    (("units.accumulators=4",), PimMapping()),
    (("units.readout=fp32", "units.accumulators=2"), PimMapping()),
    (("dram.channels=2",), PimMapping(context=30)),
]


@pytest.mark.parametrize("model", [GPT, LLAMA], ids=lambda m: m.name)
@pytest.mark.parametrize(("overrides", "mapping"), VARIANTS)
def test_every_layout_computes_the_same(
    model: Transformer, overrides: tuple[str, ...], mapping: PimMapping
) -> None:
    report = decode(planned(model, *overrides, mapping=mapping), 5, 20)
    assert report.same and report.logit_error < 0.06
    for operator in report.operators:
        # Sums that the ASIC keeps between parts or tokens are rounded each time.
        assert operator.relative < 2 * TOLERANCE, operator


def test_without_partial_sums_layouts_agree_to_the_last_bit() -> None:
    reports = [
        decode(planned(GPT, *overrides, mapping=mapping), 0, 10)
        for overrides, mapping in [
            ((), None),
            ((), PimMapping(concat_heads=False)),
            ((), PimMapping(packing="row_aligned")),
            (("all_bank_act=ganged4", "dram.channels=2"), None),
            (("units.accumulators=4",), None),
            ((SMALL_BUFFER,), PimMapping(chunk_order="neuron_outer")),
        ]
    ]
    assert len(set(reports)) == 1


@pytest.mark.parametrize(
    ("override", "operator"),
    [
        ("asic.exp_terms=2", "softmax"),
        ("asic.reciprocal_iterations=0", "activation"),
        ("asic.rsqrt_iterations=0", "norm1"),
        ("asic.arithmetic=bf16", "softmax"),
        ("units.accumulator=bf16", "lm_head"),
    ],
)
def test_coarser_arithmetic_shows_in_its_operator(override: str, operator: str) -> None:
    def error(report: ValueReport) -> float:
        return next(o.relative for o in report.operators if o.operator == operator)

    assert error(decode(planned(GPT, override), 0, 3)) > 1.5 * error(decode(planned(GPT), 0, 3))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 70), st.integers(1, 300), st.sampled_from([32, 64, 2048]), st.integers(0, 2**31))
def test_a_mapped_product_is_bit_for_bit_the_declared_order(
    inputs: int, outputs: int, buffer: int, seed: int
) -> None:
    """The LM head's matrix, dealt over all banks and cut into parts whose sums the ASIC adds."""
    model = replace(GPT, layers=1, hidden=inputs, heads=1, kv_heads=1, head_size=2, vocabulary=outputs)
    plan = planned(model, f"units.global_buffer={buffer} B")
    weights = random_weights(model, seed)
    engine = Machine(plan, weights)
    program = plan.program(1, head=True)
    engine.token(0, program, without_times(plan.pim, program))
    x, total = engine.vectors["normed"], None
    for begin in range(0, inputs, buffer // 2):
        part = x[begin : begin + buffer // 2], weights["lm_head"][:, begin : begin + buffer // 2]
        padding = -len(part[0]) % 16
        products = np.pad(part[0] * part[1], [(0, 0), (0, padding)]).reshape(outputs, -1, 16)
        sums = tree_sum(products, "fp32")
        accumulator = np.zeros(outputs, np.float32)
        for column in range(sums.shape[1]):
            accumulator = np.add(accumulator, sums[:, column], dtype=np.float32)
        given_out = bf16(accumulator)
        asic = plan.pim.asic
        total = (
            given_out
            if total is None
            else run_routine(Routine.ADD, outputs, asic, {"x": total, "y": given_out})
        )
    assert total is not None
    assert np.array_equal(engine.vectors["logits"], total)


TWO_SEGMENTS = replace(LLAMA, name="wide Llama", hidden=80)
"""On one channel every sweep has several segments, and query heads share keys."""
CHANGES = [
    (Kind.BARE, {Instruction.N: -1, Instruction.SLOT: 1}),
    (Kind.COLUMNS, {Instruction.START: 1, Instruction.N: -1, Instruction.BANK: 1}),
    (Kind.EACH_BANK, {Instruction.START: 1, Instruction.N: 1, Instruction.SEGMENTS: -1}),
    (
        Kind.SWEEP,
        {
            Instruction.START: 1,
            Instruction.N: -1,
            Instruction.SEGMENTS: -1,
            Instruction.STRIDE: 1,
            Instruction.SLOT: 1,
            Instruction.REUSE: 1,
            Instruction.PERIOD: 1,
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "column", "change"), [(kind, c, by) for kind, changes in CHANGES for c, by in changes.items()]
)
def test_wrong_instructions_are_noticed(kind: Kind, column: Instruction, change: int) -> None:
    """Every field of the instructions of one kind changed: an exception, or numbers far off."""
    plan = planned(TWO_SEGMENTS, "dram.channels=1")
    weights = random_weights(TWO_SEGMENTS, 0)

    def issue(program: Program) -> list[Commands]:
        return list(without_times(plan.pim, program))

    def changed(program: Program) -> list[Commands]:
        rows = program.layer.instructions.copy()
        rows[rows[:, Instruction.KIND] == kind, column] += change
        return issue(replace(program, layer=replace(program.layer, instructions=rows)))

    try:
        report = generate(plan, weights, PROMPT, 4, issue=changed)
    except LayoutError:
        return
    assert max(o.relative for o in report.operators) > 10 * TOLERANCE


def test_a_plan_that_places_otherwise_is_noticed() -> None:
    """Weights laid out by one plan, commands by another whose feed-forward matrix begins a column later."""
    plan = planned(GPT)
    number = plan.layout.index("ffn_up")
    region = plan.regions[number]
    moved = replace(region, chunks=tuple(replace(c, start=c.start + 1) for c in region.chunks))
    regions = (*plan.regions[:number], moved, *plan.regions[number + 1 :])
    other = replace(plan, layout=replace(plan.layout, regions=regions))
    with pytest.raises(LayoutError, match="elements never given"):
        generate(plan, random_weights(GPT, 0), PROMPT, 1, issue=lambda p: issue_of(other, p))


def issue_of(plan: PimPlan, program: Program) -> list[Commands]:
    again = plan.program(1, head=program.epilogue is not None)
    return list(without_times(plan.pim, again))


@pytest.mark.parametrize("mapping", [PimMapping(), PimMapping(value_layout="row_major", concat_heads=False)])
@pytest.mark.parametrize("overrides", [(), ("all_bank_act=ganged4", SMALL_BUFFER)])
def test_the_simulator_issues_what_the_instructions_say(
    mapping: PimMapping, overrides: tuple[str, ...]
) -> None:
    """Command for command, refresh left out."""
    plan = planned(LLAMA, *overrides, mapping=mapping)
    issue = simulated_commands(plan)
    refresh = plan.pim.memory.command("REFA").code
    for context in (1, 17, 64):
        program = plan.program(context, head=context > 1)
        for ours, theirs in zip(without_times(plan.pim, program), issue(program), strict=True):
            keep = theirs.commands[:, 1] != refresh
            assert np.array_equal(ours.commands[:, 1:], theirs.commands[keep, 1:])
            assert np.array_equal(ours.operands, theirs.operands[keep])
            assert np.array_equal(ours.step, theirs.step[keep])


def test_check_values_is_a_function_of_its_inputs() -> None:
    system = arch.load("pim_gpt")
    asked = decoding(GPT)
    one, other = (check_values(system, asked, 5, seed) for seed in (3, 4))
    assert one == check_values(machine(), asked, 5, 3) != other
    assert len(one.tokens) == len(one.margins) == 5
    assert {o.operator for o in one.operators} >= {"norm1", "qkv", "scores", "softmax", "context", "lm_head"}


def test_values_need_pins() -> None:
    with pytest.raises(InputError, match="values need their bursts"):
        check_values(machine("ideal=[io]"), decoding(GPT), 2, 0)
