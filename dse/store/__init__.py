"""Results that are never lost and never made twice: records by what decides them, in append-only files."""

from dse.store.record import Aside, Failure, Record
from dse.store.store import Damage, Store, Writer

__all__ = ["Aside", "Damage", "Failure", "Record", "Store", "Writer"]
