"""Lays a transformer on the banks of a PIM and says what each token does there."""

from dataclasses import dataclass
from functools import cached_property

from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.fit import require_rows, require_sram
from mapping.pim.layout import Layout, Region, lay_out
from mapping.pim.options import PimMapping
from mapping.pim.program import Block, Program
from mapping.pim.steps import OPERATORS
from mapping.pim.text import describe
from mapping.pim.token import TokenWriter
from workloads.transformer.requests import Decoding


@dataclass(frozen=True, eq=False)
class PimPlan:
    """A transformer's place in the banks, and the programs of its tokens.

    Attributes:
        pim: the machine.
        decoding: the model and what is asked of it.
        mapping: the choices behind the layout.
        layout: which rows hold what.
    """

    pim: Pim
    decoding: Decoding
    mapping: PimMapping
    layout: Layout

    @property
    def operators(self) -> tuple[str, ...]:
        """Names that ``Step.OPERATOR`` indexes."""
        return OPERATORS if self.decoding.lm_head else OPERATORS[: OPERATORS.index("final_norm")]

    @property
    def regions(self) -> tuple[Region, ...]:
        """Regions that ``Step.REGION`` indexes: of a layer, then the LM head's if there is one."""
        return self.layout.regions

    @property
    def context(self) -> int:
        """Tokens that rows are reserved for."""
        return self.layout.context

    @property
    def rows(self) -> int:
        """Rows of every bank that are used."""
        return self.layout.rows

    @property
    def capacity(self) -> int:
        """Rows of every bank that there are."""
        return self.pim.memory.organization.rows

    def program(self, context: int, *, head: bool = False) -> Program:
        """What a token that attends to ``context`` tokens does, itself included.

        Args:
            context: at least 1; the token is number ``context - 1``.
            head: the LM head's product follows the last layer; only with ``decoding.lm_head``.

        Raises:
            InputError: more tokens than rows are reserved for.
            ValueError: no token, or no LM head in this plan.
        """
        if context < 1:
            raise ValueError(f"a token attends at least to itself, not to {context} tokens")
        if context > self.context:
            raise InputError(
                f"rows are reserved for {self.context} tokens",
                field="mapping.context",
                given=context,
                accepted=f"a context of at most {self.context}",
            )
        if head and not self.decoding.lm_head:
            raise ValueError("this plan has no LM head")
        stride = self.layout.layer_rows * self.pim.memory.organization.columns
        layer = self.token_writer.layer(context)
        return Program(self.layout.layers, stride, layer, self._head if head else None)

    def text(self) -> str:
        """What lies where, in lines for people."""
        return describe(self)

    @cached_property
    def token_writer(self) -> TokenWriter:
        """Writes the blocks of the programs."""
        return TokenWriter(self.pim, self.decoding.model, self.mapping, self.layout)

    @cached_property
    def _head(self) -> Block:
        return self.token_writer.head()


def plan(pim: Pim, decoding: Decoding, mapping: PimMapping | None = None) -> PimPlan:
    """Lay the model of ``decoding`` on the banks of ``pim`` (default: as PIM-GPT does).

    Raises:
        InputError: a request reaches further than rows are reserved, the model does not fit the banks, what a
            token needs at once does not fit the ASIC's memory, or a head not the global buffer.
    """
    chosen = PimMapping() if mapping is None else mapping
    layout = lay_out(pim, decoding, chosen)
    require_rows(pim, decoding, chosen, layout)
    require_sram(pim, decoding, layout)
    return PimPlan(pim, decoding, chosen, layout)
