"""Optuna's samplers as optimisers of a study: asked, told and counted like all others."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from arch.errors import InputError
from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Setting, trial_of, trial_state
from dse.space.parameter import scaled, share_of

if TYPE_CHECKING:
    import optuna

_ATTEMPTS = 50
_VIOLATION = "violation"


class OptunaOptions(Spec):
    """Of the sampler."""

    sampler: Literal["tpe", "nsgaii", "nsgaiii", "cmaes", "qmc", "random"] = "tpe"
    """Which of Optuna's samplers, with its own defaults."""


def library() -> Any:
    """Optuna, quiet.  Raises InputError if it is not installed."""
    try:
        import optuna
    except ImportError:
        message = 'Optuna is not installed: pip install "cyclewise[optuna]"'
        raise InputError(message, field="optimizer", given="optuna") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Optuna:
    """A sampler of Optuna (Akiba et al., KDD 2019) by ``sampler``, over all parameters of the space.

    Parameters without effect are sampled and left out of the design; designs that are not allowed are told to
    the sampler as failed, and after 50 of them in a row one is drawn uniformly.
    """

    Options = OptunaOptions
    several = True
    independent = False

    def __init__(self, setting: Setting, options: OptunaOptions) -> None:
        self.setting, self.options = setting, options
        self.begin()

    def begin(self) -> None:
        found = library()
        self.distributions = {p.name: self._distribution(p) for p in self.setting.space.free}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.study: optuna.Study = found.create_study(
                directions=["minimize"] * self.setting.objectives, sampler=self._sampler()
            )
        self.rng = self.setting.rng()
        self.waiting: list[Any] = []
        self.history: list[list[dict[str, Any]]] = []

    def ask(self, n: int) -> list[Config]:
        self.waiting = []
        designs = []
        for _ in range(n):
            trial, config = self._asked()
            self.waiting.append(trial)
            designs.append(config)
        return designs

    def tell(self, trials: Sequence[Trial]) -> None:
        state = library().trial.TrialState
        for waiting, trial in zip(self.waiting, trials, strict=True):
            if trial.values is None:
                self.study.tell(waiting, state=state.FAIL)
            else:
                waiting.set_user_attr(_VIOLATION, trial.violation)
                self.study.tell(waiting, list(trial.values))
        self.history.append([trial_state(trial) for trial in trials])

    def state(self) -> dict[str, Any]:
        return {"told": self.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Optuna keeps no state that could be written down: what was asked and told is repeated."""
        self.begin()
        for batch in state["told"]:
            self.ask(len(batch))
            self.tell([trial_of(trial) for trial in batch])

    def _asked(self) -> tuple[Any, Config]:
        state = library().trial.TrialState
        space = self.setting.space
        for attempt in range(_ATTEMPTS + 1):
            if attempt == _ATTEMPTS:
                self.study.enqueue_trial(self._numbers(space.sample(self.rng, 1)[0]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self.study.ask(self.distributions)
            config = self._design(trial.params)
            if space.allowed(config):
                break
            self.study.tell(trial, state=state.FAIL)
        return trial, config

    @staticmethod
    def _distribution(p: Any) -> Any:
        kinds = library().distributions
        if p.values is None:
            return kinds.FloatDistribution(0.0, 1.0)
        if p.ordered:
            return kinds.IntDistribution(0, len(p.values) - 1)
        return kinds.CategoricalDistribution(range(len(p.values)))

    def _design(self, numbers: dict[str, Any]) -> dict[str, Any]:
        chosen = {}
        for p in self.setting.space.free:
            number = numbers[p.name]
            chosen[p.name] = scaled(p, number) if p.values is None else p.values[number]
        return self.setting.space.canonical(chosen)

    def _numbers(self, config: Config) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for p in self.setting.space.free:
            value: Any = config.get(p.name)
            if value is None:
                found[p.name] = 0
            else:
                found[p.name] = share_of(p, value) if p.values is None else p.values.index(value)
        return found

    def _sampler(self) -> Any:
        samplers = library().samplers
        seed, name = self.setting.seed, self.options.sampler

        def missed(trial: Any) -> tuple[float]:
            return (trial.user_attrs.get(_VIOLATION, 0.0),)

        if name == "tpe":
            return samplers.TPESampler(seed=seed, constraints_func=missed)
        if name == "nsgaii":
            return samplers.NSGAIISampler(seed=seed, constraints_func=missed)
        if name == "nsgaiii":
            return samplers.NSGAIIISampler(seed=seed, constraints_func=missed)
        if name == "cmaes":
            if self.setting.objectives > 1:
                raise InputError("CMA-ES minimises one value", field="optimizer optuna, sampler", given=name)
            try:
                import cmaes  # noqa: F401  (Optuna imports it late, in the middle of a search)
            except ImportError:
                message = "this sampler needs one more package: pip install cmaes"
                raise InputError(message, field="optimizer optuna, sampler", given=name) from None
            return samplers.CmaEsSampler(seed=seed)
        if name == "qmc":
            return samplers.QMCSampler(seed=seed, scramble=True)
        return samplers.RandomSampler(seed=seed)
