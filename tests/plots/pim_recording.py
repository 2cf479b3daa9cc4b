"""A made-up run of a machine that computes in its memory: a report and tables that agree with each other."""

from typing import Any

from sim.report import SCHEMA_VERSION, Assumption, Host, Invariant, Report, bounds

Tables = dict[str, dict[str, Any]]

OPERATORS = (  # name, cycles per token and layer, MAC columns, ASIC cycles
    ("norm1", 60, 0, 60),
    ("qkv", 5000, 3072, 10),
    ("k_write", 40, 0, 0),
    ("scores", 300, 160, 0),
    ("softmax", 100, 0, 90),
    ("context", 400, 200, 0),
    ("projection", 1600, 1024, 0),
    ("residual", 30, 0, 30),
    ("ffn_up", 6500, 4096, 0),
    ("activation", 120, 0, 120),
    ("ffn_down", 6600, 4096, 12),
)
BURST, CHANNELS, BANKS = 32, 8, 16
PEAK = CHANNELS * BANKS * BURST * 1e9


def made(
    *, tokens: int = 64, layers: int = 4, name: str = "pim_gpt", model: str = "gpt2_small", **metrics: Any
) -> tuple[Report, Tables]:
    """``tokens`` steps of one request, the first quarter of them prompt, at 1 GHz; ``metrics`` override."""
    per_layer = sum(cycles for _, cycles, _, _ in OPERATORS)
    steps = [layers * (per_layer + 3 * t + (455 if t % 3 == 0 else 0)) for t in range(tokens)]
    cycles = sum(steps)
    starts = [sum(steps[:t]) for t in range(tokens)]
    columns = CHANNELS * layers * sum(columns for _, _, columns, _ in OPERATORS)
    activates = columns // 64
    prompt = tokens // 4
    names, shares = [name for name, *_ in OPERATORS], [cycles for _, cycles, _, _ in OPERATORS]
    scaled = [share * cycles // sum(shares) for share in shares]
    scaled[-1] += cycles - sum(scaled)
    tables: Tables = {
        "tokens": {
            "request": [0] * tokens,
            "position": [*range(1, tokens + 1)],
            "start": starts,
            "cycles": steps,
            "mac_columns": [columns] * tokens,
            "activates": [activates] * tokens,
            "generated": [int(t >= prompt) for t in range(tokens)],
        },
        "operators": {
            "operator": names,
            "cycles": scaled,
            "mac_columns": [CHANNELS * layers * tokens * columns for _, _, columns, _ in OPERATORS],
            "activates": [CHANNELS * layers * tokens * columns // 64 for _, _, columns, _ in OPERATORS],
            "result_bursts": [columns // 48 for _, _, columns, _ in OPERATORS],
            "load_bursts": [48 if columns else 0 for _, _, columns, _ in OPERATORS],
            "asic_cycles": [layers * tokens * busy for _, _, _, busy in OPERATORS],
        },
        "layers": {
            "layer": [*range(layers)],
            "cycles": [cycles // layers + (cycles % layers if k == 0 else 0) for k in range(layers)],
        },
        "commands_by_channel": {
            "component": [f"ch{k}" for k in range(CHANNELS) for _ in range(3)],
            "command": ["ACT16", "MAC16", "REFA"] * CHANNELS,
            "count": [activates * tokens // CHANNELS, columns * tokens // CHANNELS, 7] * CHANNELS,
        },
    }
    seconds = cycles * 1e-9
    inside = columns * tokens * BANKS * BURST / seconds
    ledger = {
        "activate": 0.0, "mac_column": 4.0, "read": 0.25, "write": 0.25, "io": 0.5, "refresh": 1.0,
        "background": 2.0, "mac_logic": 1.0, "asic_dynamic": 0.5, "asic_leakage": 0.5,
    }  # fmt: skip
    energy = {part: value * seconds for part, value in ledger.items()}
    energy["total"] = sum(energy.values())
    found: dict[str, Any] = {
        "tokens_per_second": tokens / seconds,
        "time_per_token.mean": seconds / tokens,
        "time_per_token.first": steps[0] * 1e-9,
        "time_per_token.last": steps[-1] * 1e-9,
        "time_to_first_token.mean": sum(steps[: max(prompt, 1)]) * 1e-9,
        "joules_per_token": energy["total"] / tokens,
        "energy_delay_product": energy["total"] * seconds,
        "average_power": energy["total"] / seconds,
        "row_hit_rate": 0.984,
        "bank_utilisation": inside / PEAK,
        "data_bus_utilisation": 0.03,
        "asic_utilisation": 0.02,
        "refresh_share": 1 / 15,
        "internal_bandwidth": inside,
        "peak_internal_bandwidth": PEAK,
        "external_bandwidth": 7e9,
        "peak_external_bandwidth": 256e9,
        "tokens": tokens,
        "weight_bytes": columns * BANKS * BURST,
        "cache_bytes": 4096,
        **{f"operator_share.{name}": part / cycles for name, part in zip(names, scaled, strict=True)},
        "commands.ACT16": activates * tokens // CHANNELS * CHANNELS,
        "commands.MAC16": columns * tokens // CHANNELS * CHANNELS,
        "commands.REFA": 7 * CHANNELS,
        **metrics,
    }
    units = {"tokens_per_second": "1/s", "joules_per_token": "J", "energy_delay_product": "J·s"}
    units |= {key: "s" for key in found if key.startswith("time_")}
    units |= {key: "B/s" for key in found if key.endswith("bandwidth")}
    units |= {"average_power": "W", "weight_bytes": "B", "cache_bytes": "B"}
    charged = {"tMAC": cycles * 3 // 5, "tRCDMAC": cycles // 5, "tRP": cycles // 10}
    charged |= {"refresh": cycles // 15, "asic": cycles // 50}
    charged["results"] = cycles - sum(charged.values())
    return Report(
        schema_version=SCHEMA_VERSION,
        system={"kind": "pim", "name": name, "title": "a made-up machine", "digest": "0" * 64},
        workload={"name": model, "digest": "1" * 64, "tokens": tokens},
        seconds=seconds,
        cycles={"memory": cycles, "asic": cycles},
        energy_joules=energy,
        metrics=found,
        units={key: units.get(key, "1") for key in found},
        bound_by=bounds(charged),
        invariants=(Invariant.equal("a law", {"left": 1}, {"right": 1}),),
        warnings=(),
        assumptions=(Assumption("energy.f_mac", "read", "CENT power calculator"),),
        provenance={"cyclewise": "0", "timing_cycles": {"tRCD": 12}, "sources": {}},
        host=Host(0.0, 0.0, 0, "", "", "", ""),
        tables=tables,
    ), tables
