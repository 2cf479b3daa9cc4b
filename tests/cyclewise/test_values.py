"""``cyclewise values`` and ``cw.values``."""

import pytest

import cyclewise as cw
from tests.cyclewise.program import Program, refused


def test_tokens_and_errors_by_operator(program: Program) -> None:
    words = ("pim_gpt", "gpt_tiny", "--tokens", "2", "--prompt", "2", "--seed", "3")
    content = program("values", *words, "--json").json
    tokens = content["tokens"]
    assert isinstance(tokens, list) and len(tokens) == 2
    assert content["same"] is (tokens == content["decoder_tokens"]) and content["explained"]
    report = cw.values("pim_gpt", "gpt_tiny", tokens=2, prompt=2, seed=3)
    assert list(report.tokens) == tokens
    operators = content["operators"]
    assert isinstance(operators, list)
    assert {"qkv", "softmax", "lm_head"} <= {row["operator"] for row in operators}
    assert all(0 <= row["relative"] < 0.05 for row in operators)
    printed = program("values", *words)
    assert printed.code == 0
    assert " ".join(map(str, tokens)) in printed.out and "ffn_down" in printed.out


def test_a_difference_that_rounding_does_not_explain(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.pim.values import ValueReport

    wrong = ValueReport((1, 2), (1, 3), (0.5, 0.5), 0.01, ())
    monkeypatch.setattr("cyclewise.plans.values", lambda *_, **__: wrong)
    answer = program("values", "pim_gpt", "gpt_tiny")
    assert answer.code == 1 and "does not explain" in answer.out


def test_what_is_refused(program: Program) -> None:
    refused(program("values", "pim_gpt", "gpt_tiny", "--tokens", "0"), "tokens", "0")
    refused(program("values", "pim_gpt", "gpt_tiny", "--tokens", "100"), "100", "64")
    refused(program("values", "pim_gpt", "gpt3_xl"), "gpt3_xl", "too large")
    refused(program("values", "ddr4_2400", "gpt_tiny"), "memory", "pim")
    refused(program("values", "pim_gpt", "gpt_tiny", "--seed", "-1"), "seed")
