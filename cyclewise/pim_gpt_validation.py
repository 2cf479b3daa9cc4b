"""``cyclewise validate pim_gpt``: published figures of PIM-GPT, ours from runs, and the verdicts.

Every row of ``sim/published/pim_gpt.yaml`` has a function here that finds our figure for one of its cases.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from arch.errors import InputError
from cyclewise.published import Answer, Case, Published, cases, judged, not_run, published
from sim.baselines import baselines

if TYPE_CHECKING:
    from sim.report import Report
    from workloads.transformer.model import Transformer

PAPER = "pim_gpt"
SYSTEM = "pim_gpt"
AIM = "gddr6_aim"

CONTEXT = 512
"""Where a token is looked at: the mean context of 1,024 generated tokens."""
AROUND = 32
"""Contexts on either side that a time is the mean of, so that refreshes fall evenly."""

WEIGHTS = ("qkv", "projection", "ffn_up", "ffn_down")
"""Operators that multiply with weights of a layer."""

ROWS = (
    "tRCDMAC", "tRCDRD", "tRCDWR", "tRC", "tRRD_S", "tRRD_L", "tFAW", "tRAS", "tRP", "tRTP", "tPPD",
)  # fmt: skip
"""Causes that are the opening or closing of rows."""

T4_LAYER_SECONDS = 0.9e-3
"""What PyTorch takes to start the kernels of a layer, if the smallest model gains most and GPT2-XL least."""

Simulate = Callable[[str, str, Sequence[str]], "Report"]
"""System, model and settings to a report with the tables ``tokens`` and ``operators``."""


class NotThere(Exception):  # noqa: N818  (an answer, not an error)
    """There is no figure of ours; the text says why."""


@dataclass
class Lab:
    """Runs of the machine, each carried out once."""

    simulate: Simulate
    done: "dict[tuple[str, ...], Report]" = field(default_factory=dict)

    def report(self, model: str, *settings: str, system: str = SYSTEM) -> "Report":
        """A run of ``model`` with 1,024 tokens, or as the settings say."""
        key = (system, model, *settings)
        if key not in self.done:
            self.done[key] = self.simulate(system, model, settings)
        return self.done[key]


def compared(
    *,
    quick: bool = False,
    simulate: Simulate | None = None,
    rows: Published | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Iterator[Answer]:
    """Every published figure beside ours; ``quick`` leaves most models out.

    Args:
        simulate: stands in for the simulator, in tests.
        rows: what is published, default: the file in the package.
    """
    found = rows or published(PAPER)
    lab = Lab(simulate or simulated)
    wanted = [*cases(found, quick=quick)]
    for done, case in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted))
        row = found.rows[case.row]
        try:
            ours = MEASURES[case.row](lab, case, found)
        except NotThere as reason:
            yield not_run(row, case, str(reason))
        else:
            yield judged(row, case, ours)


def simulated(system: str, model: str, settings: Sequence[str]) -> "Report":
    """The simulator's report."""
    from cyclewise.api import run

    return run(system, model, overrides=settings).report


# Times of a token


def token_seconds(report: "Report", context: int, around: int = AROUND) -> float:
    """Mean time of the tokens within ``around`` of a context, in seconds."""
    table = report.tables["tokens"]
    position, cycles = np.asarray(table["position"]), np.asarray(table["cycles"])
    chosen = np.abs(position - context) <= around
    if not chosen.any():
        raise NotThere(f"no token has a context of {context}")
    return float(cycles[chosen].mean()) * report.seconds / report.cycles["memory"]


def _ideal(lab: Lab, case: Case, _: Published) -> float:
    report = lab.report(case.case, "ideal=[asic,io]", f"workload.tokens={CONTEXT + AROUND}")
    return token_seconds(report, CONTEXT)


def _over_ideal(lab: Lab, case: Case, found: Published) -> float:
    return token_seconds(lab.report(case.case), CONTEXT) / _ideal(lab, case, found) - 1


def _slower(setting: str) -> "Callable[[Lab, Case, Published], float]":
    def measure(lab: Lab, case: Case, _: Published) -> float:
        changed = lab.report(case.case, setting, f"workload.tokens={CONTEXT + AROUND}")
        return token_seconds(changed, CONTEXT) / token_seconds(lab.report(case.case), CONTEXT) - 1

    return measure


# Shares


def _metric(name: str) -> "Callable[[Lab, Case, Published], float]":
    def measure(lab: Lab, case: Case, _: Published) -> float:
        value = lab.report(case.case).metrics.get(name)
        if value is None:
            raise NotThere(f"the report has no {name}")
        return float(value)

    return measure


def _bound(*causes: str) -> "Callable[[Lab, Case, Published], float]":
    def measure(lab: Lab, case: Case, _: Published) -> float:
        bounds = lab.report(case.case).bound_by
        return sum(bounds[cause].share for cause in causes if cause in bounds)

    return measure


def _operators(report: "Report") -> Mapping[str, Mapping[str, int]]:
    """The table ``operators``, a row by its operator."""
    table = report.tables["operators"]
    names = [str(name) for name in table["operator"]]
    columns = [key for key in table if key != "operator"]
    return {name: {key: int(table[key][at]) for key in columns} for at, name in enumerate(names)}


def _weight_hits(lab: Lab, case: Case, _: Published) -> float:
    rows = [row for name, row in _operators(lab.report(case.case)).items() if name in WEIGHTS]
    return 1 - sum(row["activates"] for row in rows) / sum(row["mac_columns"] for row in rows)


def _vmm_share(lab: Lab, case: Case, _: Published) -> float:
    rows = _operators(lab.report(case.case)).values()
    return sum(r["cycles"] for r in rows if r["mac_columns"]) / sum(r["cycles"] for r in rows)


def _operations_per_parameter(lab: Lab, case: Case, _: Published) -> float:
    report = lab.report(case.case)
    # Two operations for each element of two bytes.
    operations = float(report.metrics["internal_bandwidth"] or 0) * report.seconds
    return operations / _tokens(report) / _model(case.case).weights


# Beside the baselines


def _model(name: str) -> "Transformer":
    from workloads.transformer.catalogue import load_model

    return load_model(name)


def _tokens(report: "Report") -> int:
    return len(report.tables["tokens"]["position"])


def _token_bytes(name: str, element: int = 2) -> float:
    """What a token reads on any machine at the mean context: weights and cache."""
    model = _model(name)
    return element * model.weights + model.cache_bytes(CONTEXT, element)


def _seconds_per_token(lab: Lab, model: str) -> float:
    report = lab.report(model)
    return report.seconds / _tokens(report)


def _speedup(baseline: str) -> "Callable[[Lab, Case, Published], float]":
    def measure(lab: Lab, case: Case, _: Published) -> float:
        least = baselines(PAPER)[baseline].seconds(_token_bytes(case.case))
        return least / _seconds_per_token(lab, case.case)

    return measure


def _energy_gain(baseline: str) -> "Callable[[Lab, Case, Published], float]":
    def measure(lab: Lab, case: Case, _: Published) -> float:
        other = baselines(PAPER)[baseline]
        joules = other.power * other.seconds(_token_bytes(case.case))
        return joules / (_energy(lab.report(case.case)) / _tokens(lab.report(case.case)))

    return measure


def _energy(report: "Report") -> float:
    if report.energy_joules is None:
        raise NotThere("the report has no energy")
    return report.energy_joules["total"]


def _bandwidth_over_t4(lab: Lab, case: Case, found: Published) -> float:
    return _metric("internal_bandwidth")(lab, case, found) / baselines(PAPER)["t4"].bandwidth


def _extreme(found: Published, baseline: str, model: str) -> float:
    """The speedup that the reference gives to a model: the most to the smallest, the least to GPT2-XL."""
    least, most = found.gains[baseline].speedup
    return most if model == "gpt2_small" else least


def _t4_layer_time(lab: Lab, case: Case, found: Published) -> float:
    seconds = _seconds_per_token(lab, case.case) * _extreme(found, "t4", case.case)
    return seconds / _model(case.case).layers


def _xeon_traffic(lab: Lab, case: Case, found: Published) -> float:
    seconds = _seconds_per_token(lab, case.case) * _extreme(found, "xeon", case.case)
    return 4 * _model(case.case).weights / seconds


def _speedup_spread(lab: Lab, case: Case, found: Published) -> float:
    t4 = baselines(PAPER)["t4"]
    speedups = []
    for name in found.models:
        layers = _model(name).layers
        layer = max(T4_LAYER_SECONDS, t4.seconds(_token_bytes(name, 4) / layers))
        speedups.append(layers * layer / _seconds_per_token(lab, name))
    return max(speedups) / min(speedups)


def _power(lab: Lab, model: str, *settings: str) -> float:
    report = lab.report(model, *settings)
    return _energy(report) / report.seconds


def _power_spread(lab: Lab, case: Case, found: Published) -> float:
    watts = [_power(lab, name) for name in found.models]
    mean = sum(watts) / len(watts)
    return max(abs(each / mean - 1) for each in watts)


def _power_v1(lab: Lab, case: Case, _: Published) -> float:
    return _power(lab, case.case, "energy.profile=v1", f"workload.tokens={CONTEXT + AROUND}")


# CENT


def _cent(lab: Lab, case: Case, *settings: str) -> "Report":
    """One block of Llama2-7B up to the case's context, on CENT's memory, without refresh."""
    import arch

    if AIM not in [entry.name for entry in arch.library()]:
        raise NotThere(f"the library has no system {AIM}")
    context = int(case.case.split()[-1])
    one = ("workload.layers=1", f"workload.tokens={context}")
    wanted = ("dram.controller.refresh=none", "asic.sram=1 MiB", *one, *settings)
    try:
        return lab.report("llama2_7b", *wanted, system=AIM)
    except InputError as error:
        raise NotThere(str(error)) from error


def _cent_seconds(lab: Lab, case: Case, *settings: str) -> float:
    return token_seconds(_cent(lab, case, *settings), int(case.case.split()[-1]), 0)


def _cent_block(lab: Lab, case: Case, _: Published) -> float:
    return _cent_seconds(lab, case, "ideal=[asic]")


def _cent_accelerator(lab: Lab, case: Case, found: Published) -> float:
    return _cent_seconds(lab, case) - _cent_block(lab, case, found)


def _cent_energy(lab: Lab, case: Case, _: Published) -> float:
    report = _cent(lab, case)
    share = _cent_seconds(lab, case) / report.seconds
    return _energy(report) * share * _model("llama2_7b").layers


MEASURES: Mapping[str, Callable[[Lab, Case, Published], float]] = {
    "ideal_token_time": _ideal,
    "token_time_over_ideal": _over_ideal,
    "weight_row_hits": _weight_hits,
    "row_hits": _metric("row_hit_rate"),
    "operations_per_parameter": _operations_per_parameter,
    "internal_bandwidth": _metric("internal_bandwidth"),
    "refresh_share": _metric("refresh_share"),
    "vmm_share": _vmm_share,
    "asic_share": _bound("asic"),
    "row_and_refresh_share": _bound(*ROWS, "refresh"),
    "slow_pins": _slower("pin_rate=2 Gbit/s"),
    "slow_asic": _slower("asic.clock=100 MHz"),
    "bandwidth_over_t4": _bandwidth_over_t4,
    "t4_speedup": _speedup("t4"),
    "xeon_speedup": _speedup("xeon"),
    "t4_layer_time": _t4_layer_time,
    "xeon_weight_traffic": _xeon_traffic,
    "speedup_spread": _speedup_spread,
    "power_spread": _power_spread,
    "power": lambda lab, case, _: _power(lab, case.case),
    "power_v1": _power_v1,
    "t4_energy_gain": _energy_gain("t4"),
    "xeon_energy_gain": _energy_gain("xeon"),
    "cent_block_time": _cent_block,
    "cent_accelerator_time": _cent_accelerator,
    "cent_token_energy": _cent_energy,
}
"""What finds our figure for each row of the file."""
