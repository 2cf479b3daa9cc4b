"""A study that was carried out, as studies of an Optuna storage: for its dashboard and its plots."""

import os
import warnings
from pathlib import Path
from typing import Any

from arch.errors import InputError
from dse.exploring import trajectory_lines
from dse.optimisers.optuna_samplers import library
from dse.space.parameter import Parameter
from dse.study import Study


def export_to_optuna(study: Study, folder: str | os.PathLike[str], storage: str) -> tuple[str, ...]:
    """Write every run of a study's folder into an Optuna storage, one Optuna study each.

    A design with metrics is a complete trial, one without a failed one; how far a design misses the
    constraints is the trial's constraint.  User attributes: ``n``, ``fresh``, and the aggregated metrics.

    Args:
        folder: with the study's trajectories.
        storage: a URL such as ``sqlite:///out.db``.

    Returns:
        The names of the Optuna studies, ``STUDY/OPTIMIZER-SEED``.

    Raises:
        InputError: Optuna is not installed, the storage cannot be used, or has a study of this name.
    """
    optuna = library()
    written = []
    for choice in study.optimizers:
        for seed in study.seeds:
            name = f"{study.name}/{choice.label}-{seed}"
            trials = [
                _trial(optuna, study, line) for line in trajectory_lines(Path(folder), choice.label, seed)
            ]
            try:
                made = optuna.create_study(
                    study_name=name,
                    storage=storage,
                    directions=["minimize"] * len(study.objective.goals),
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # names are called experimental
                    made.set_metric_names(_names(study))
                made.add_trials(trials)
            except optuna.exceptions.DuplicatedStudyError:
                message = f"has a study {name} already; it is left alone"
                raise InputError(message, file=storage, accepted="another storage") from None
            except Exception as error:  # the storage's drivers raise errors of their own
                first = str(error).strip().splitlines()[0] if str(error).strip() else ""
                raise InputError(
                    f"cannot be used ({type(error).__name__}: {first})",
                    file=storage,
                    accepted="an Optuna storage such as sqlite:///out.db",
                ) from None
            written.append(name)
    return tuple(written)


def _names(study: Study) -> list[str]:
    """What is minimised; a maximised metric as its negative."""
    return [goal.name if goal.sign > 0 else f"-{goal.name}" for goal in study.objective.goals]


def _trial(optuna: Any, study: Study, line: dict[str, Any]) -> Any:
    config, values = line["config"], line["values"]
    state = optuna.trial.TrialState
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.trial.create_trial(
            state=state.FAIL if values is None else state.COMPLETE,
            params=config,
            distributions={
                p.name: _distribution(optuna, p) for p in study.space.parameters if p.name in config
            },
            values=values,
            user_attrs={"n": line["n"], "fresh": line["fresh"], **line["metrics"]},
            system_attrs={"constraints": [line["violation"]]},
        )


def _distribution(optuna: Any, p: Parameter) -> Any:
    kinds = optuna.distributions
    if p.values is None:
        return kinds.FloatDistribution(p.low, p.high, log=p.log)
    if p.kind == "integer" and len(p.values) > 1:
        low, high = p.values[0], p.values[-1]
        assert isinstance(low, int) and isinstance(high, int)
        return kinds.IntDistribution(low, high, step=(high - low) // (len(p.values) - 1))
    return kinds.CategoricalDistribution(p.values)
