"""DRAMsim3's ini configurations.  The facts stand in ``dramsim3_keys.yaml``; what is done with them, here.

DRAMsim3 counts in memory clocks and fills a missing key with a default of its own; both are kept, and every
default that was used is named.  Its currents become ours where one background current fits, see
:mod:`arch.energy`.
"""

from decimal import Decimal
from typing import Any

from arch.controller import MOST_ENTRIES
from arch.foreign.draft import STANDARDS, Imported
from arch.foreign.dramsim3_power import put_energy
from arch.foreign.dramsim3_values import NUMBER, Values
from arch.foreign.ini import read_ini

_PROTOCOLS = {"DDR3": "DDR3", "DDR4": "DDR4", "GDDR6": "GDDR6", "HBM": "HBM2", "HBM2": "HBM2"}
_FIELDS = {"ch": "channel", "ra": "rank", "bg": "group", "ba": "bank", "ro": "row", "co": "column"}
_SPLIT = {"tCCD": "column commands", "tRRD": "activates", "tWTR": "a write and a read"}


def imported(text: str, shown: str) -> Imported:
    """The memory of an ini file.  Raises InputError with line and key for what cannot be imported."""
    return _Configuration(read_ini(text, shown), shown).imported()


class _Configuration(Values):
    """One file being translated; what each part needs of another stands in its fields."""

    def imported(self) -> Imported:
        self.check_sections()
        protocol = self.word("dram_structure.protocol")
        if protocol not in _PROTOCOLS:
            self.refuse(
                "dram_structure.protocol",
                "no family of the library covers this standard",
                given=protocol,
                accepted=", ".join(_PROTOCOLS),
            )
        standard = _PROTOCOLS[protocol]
        self.check_keys()
        self.draft.take(self.name("dram_structure.protocol"), "extends")
        self.structure(protocol, standard)
        self.timing(standard)
        self.system(standard)
        put_energy(self.draft, self.named, self.devices)
        self.leave_rest()
        self.draft.assume(
            "DRAMsim3 schedules differently: transactions move on to a queue for each bank, served in turn, "
            "rows close after four hits, and writes drain when their queue is full; here it is profile "
            "cyclewise, row hits first"
        )
        self.draft.assume(
            "DRAMsim3 refreshes ranks in turn, closing bank by bank; here all ranks refresh at each tREFI"
        )
        return self.draft.finished("DRAMsim3", protocol, STANDARDS[standard])

    # ------------------------------------------------------------------ the parts of the memory

    def structure(self, protocol: str, standard: str) -> None:
        groups, banks = self.count("dram_structure.bankgroups"), self.count("dram_structure.banks_per_group")
        into_groups = ("organization", "groups")
        if not self.flag("dram_structure.bankgroup_enable"):
            groups, banks = 1, banks * groups
            self.draft.take(self.name("dram_structure.bankgroup_enable"), "organization.groups")
        elif self.has("dram_structure.bankgroup_enable"):
            self.draft.take(self.name("dram_structure.bankgroup_enable"), "organization.groups")
        if standard == "DDR3" and groups > 1:
            self.refuse("dram_structure.bankgroups", "DDR3 has no bank groups", given=groups, accepted="1")
        self.groups = groups
        width, pins = self.count("system.bus_width"), self.count("dram_structure.device_width")
        burst_length = self.number("dram_structure.BL", least=0)
        if burst_length == 0:
            message = "0 stands for a data bus without limit, which is not modelled here"
            self.refuse("dram_structure.BL", message, given=0, accepted="the burst length")
        divisor = 16 if standard == "GDDR6" else 2
        if burst_length % divisor:
            accepted = f"a multiple of {divisor}, the transfers of a clock"
            self.refuse("dram_structure.BL", "", given=burst_length, accepted=accepted)
        if width % pins or width < pins:
            message = "no whole number of devices on this bus"
            self.refuse("dram_structure.device_width", message, given=pins, accepted=f"a part of {width}")
        self.devices = width // pins
        columns = self.count("dram_structure.columns")
        if standard == "GDDR6":  # a column there is a burst
            columns *= burst_length
        elif standard == "HBM2":  # and two transfers here
            columns *= 2
        if columns % burst_length:
            accepted = f"a multiple of {burst_length}, one burst"
            self.refuse("dram_structure.columns", "", given=columns, accepted=accepted)
        rows = self.count("dram_structure.rows")
        put = self.put
        put("system.channels", ("channels",), self.count("system.channels"))
        self.rank_count = self.ranks(columns, pins, rows, groups * banks)
        size = self.name("system.channel_size")
        where = size if self.has("system.channel_size") else None
        self.draft.put(("organization", "ranks"), self.rank_count, self.rank_source, "derived", setting=where)
        put("dram_structure.bankgroups", into_groups, groups)
        put("dram_structure.banks_per_group", ("organization", "banks"), banks)
        put("dram_structure.rows", ("organization", "rows"), rows)
        put("dram_structure.columns", ("organization", "columns"), columns // burst_length)
        self.draft.take(self.name("dram_structure.BL"), "organization.transaction, timing.tBL")
        transaction = f"{width * burst_length // 8} B" if width * burst_length % 8 == 0 else "0 B"
        put("system.bus_width", ("organization", "transaction"), transaction)
        put("system.bus_width", ("organization", "bus"), f"{width} bit")
        put("dram_structure.BL", ("timing", "tBL"), f"{burst_length // divisor} nCK", "derived")
        self.draft.take(self.name("dram_structure.device_width"), "organization.ranks")

    def ranks(self, columns: int, pins: int, rows: int, banks: int) -> int:
        """As DRAMsim3 computes them, in whole MB."""
        bank = columns * pins // 8 * (rows // 1024) // 1024
        rank = bank * banks * self.devices
        size = self.count("system.channel_size")
        if rank == 0:
            message = "a bank of less than 1 MB, with which DRAMsim3 cannot compute the ranks"
            self.refuse("dram_structure.rows", message, given=rows, accepted="more rows or columns")
        self.draft.take(self.name("system.channel_size"), "organization.ranks")
        self.rank_source = f"channel_size {size} MB / {rank} MB of a rank"
        if rank > size:
            self.draft.assume(
                f"a rank holds {rank} MB, more than channel_size {size} MB; one rank is used, as in DRAMsim3"
            )
        elif size % rank:
            self.draft.assume(
                f"channel_size {size} MB holds {size // rank} whole ranks of {rank} MB; the rest is lost"
            )
        return max(1, size // rank)

    def timing(self, standard: str) -> None:
        self.clock()
        extra = self.number("timing.AL", least=0)
        if self.has("timing.AL"):
            self.draft.take(
                self.name("timing.AL"), "timing.tCL, timing.tCWL, timing.tRTP" if extra else "timing.tCL"
            )
        self.cycles("CL", "tCL", extra, least=1)
        self.cycles("CWL", "tCWL", extra, least=1)
        if standard in ("DDR3", "DDR4"):
            self.cycles("tRCD", "tRCD", -extra)
            for other in ("tRCDRD", "tRCDWR"):
                self.draft.leave(self.name(f"timing.{other}"), f"DRAMsim3 waits tRCD for {standard}")
        else:
            self.cycles("tRCDRD", "tRCDRD")
            self.cycles("tRCDWR", "tRCDWR")
            self.draft.leave(self.name("timing.tRCD"), f"DRAMsim3 waits tRCDRD and tRCDWR for {standard}")
        precharge, active = self.cycles("tRP", "tRP"), self.cycles("tRAS", "tRAS")
        source, where = "DRAMsim3 always takes tRAS + tRP", self.name("timing.tRAS")
        self.draft.put(("timing", "tRC"), f"{active + precharge} nCK", source, "derived", setting=where)
        self.cycles("tWR", "tWR")
        self.cycles("tRTP", "tRTP", extra)
        for name, between in _SPLIT.items():
            self.split(name, between, standard)
        self.cycles("tFAW", "tFAW")
        self.cycles("tRFC", "tRFC")
        self.cycles("tREFI", "tREFI", least=1)
        self.turnaround(standard)
        if standard == "GDDR6":
            self.cycles("tPPD", "tPPD")
            self.cycles("t32AW", "t32AW")
            rule = {"after": ["ACT"], "before": ["ACT"], "scope": "rank", "wait": "t32AW", "window": 32}
            self.rule("t32AW", rule, "src/channel_state.cc: 32 activates in t32AW for GDDR")
        else:
            for other in ("tPPD", "t32AW"):
                self.draft.leave(self.name(f"timing.{other}"), f"DRAMsim3 does not use it for {standard}")
        if standard == "HBM2":
            source = "DRAMsim3 sends an activate in one cycle"
            self.draft.put(("commands", "ACT", "cycles"), 1, source)

    def clock(self) -> None:
        key = self.name("timing.tCK")
        text = self.text("timing.tCK")
        if NUMBER.fullmatch(text) is None or Decimal(text) == 0:
            self.refuse("timing.tCK", "", given=text, accepted="the clock period in ns, such as 0.83")
        self.put("timing.tCK", ("clock_period",), f"{text} ns")
        self.draft.take(key, "clock_period")

    def split(self, name: str, between: str, standard: str) -> None:
        """A time with a short and a long form; with one bank group DRAMsim3 takes the short one for both."""
        short, long = f"{name}_S", f"{name}_L"
        if standard == "DDR3":
            self.cycles(short, name)
        else:
            self.cycles(short, short)
            if self.groups > 1:
                self.cycles(long, long)
                return
            self.cycles(short, long)
        why = f"there is one bank group, and DRAMsim3 then waits {short} between {between}"
        self.draft.leave(self.name(f"timing.{long}"), why)

    def turnaround(self, standard: str) -> None:
        """Rules in which DRAMsim3 and the family differ, by tRTRS and by what a precharge waits for."""
        self.cycles("tRTRS", "tCS")
        both = {"after": ["RD", "RDA"], "before": ["WR", "WRA"]}
        wait = {"wait": "tCL + tBL + tCS - tCWL"}
        self.rule("read_to_write", {**both, "scope": "rank", **wait}, "src/timing.cc: read_to_write")
        if standard in ("GDDR6", "HBM2") and self.rank_count > 1:
            source = "src/timing.cc: other_ranks"
            reads, writes, other = ["RD", "RDA"], ["WR", "WRA"], "other_ranks"
            for rule, after, before, text in (
                ("rank_switch_read_read", reads, reads, "tBL + tCS"),
                ("rank_switch_read_write", reads, writes, "tCL + tBL + tCS - tCWL"),
                ("rank_switch_write_read", writes, reads, "tCWL + tBL + tCS - tCL"),
                ("rank_switch_write_write", writes, writes, "tBL"),
            ):
                row = {"after": after, "before": before, "scope": other, "wait": text, "label": "rank switch"}
                self.rule(rule, row, source)
        if self.word("system.row_buf_policy") == "CLOSE_PAGE":
            row = {
                "after": ["RDA"],
                "before": ["ACT"],
                "scope": "bank",
                "wait": "tBL + tRTP + tRP",
                "label": "tRP",
            }
            self.rule("tRP_read_auto", row, "src/timing.cc: readp_to_act")

    def system(self, standard: str) -> None:
        self.address_map()
        policy = self.word("system.row_buf_policy")
        if policy not in ("OPEN_PAGE", "CLOSE_PAGE"):
            self.refuse("system.row_buf_policy", "", given=policy, accepted="OPEN_PAGE, CLOSE_PAGE")
        put = self.draft.put
        choice = "nearest to DRAMsim3's scheduling"
        put(("controller", "profile"), "cyclewise", choice, "assumed")
        self.put(
            "system.row_buf_policy",
            ("controller", "page_policy"),
            "open" if policy == "OPEN_PAGE" else "closed",
        )
        entries = self.number("system.trans_queue_size", least=1, most=MOST_ENTRIES)
        self.put("system.trans_queue_size", ("controller", "read_queue"), entries)
        self.put("system.trans_queue_size", ("controller", "write_queue"), entries)
        if self.flag("system.unified_queue"):
            why = "reads and writes have queues of their own here, each of trans_queue_size entries"
            self.draft.leave(self.name("system.unified_queue"), why)
        else:
            self.draft.take(
                self.name("system.unified_queue"), "controller.read_queue, controller.write_queue"
            )
        refresh = self.word("system.refresh_policy")
        if refresh == "RANK_LEVEL_STAGGERED":
            self.draft.take(self.name("system.refresh_policy"), "controller.refresh")
        elif refresh == "RANK_LEVEL_SIMULTANEOUS":
            why = "DRAMsim3 then refreshes only rank 0; here every rank is refreshed"
            self.draft.leave(self.name("system.refresh_policy"), why)
        elif refresh == "BANK_LEVEL_STAGGERED":
            why = "refresh bank by bank is not modelled here; all banks of a rank are refreshed together"
            self.draft.leave(self.name("system.refresh_policy"), why)
        else:
            accepted = "RANK_LEVEL_STAGGERED, RANK_LEVEL_SIMULTANEOUS, BANK_LEVEL_STAGGERED"
            self.refuse("system.refresh_policy", "", given=refresh, accepted=accepted)
        self.command_buses(standard)

    def command_buses(self, standard: str) -> None:
        name = self.name("dram_structure.hbm_dual_cmd")
        if standard != "HBM2":
            self.draft.leave(name, "DRAMsim3 uses it for HBM only")
        elif self.flag("dram_structure.hbm_dual_cmd"):
            self.draft.take(name, "bus")
        else:
            self.draft.take(name, "bus")
            for slot in ("column", "row"):
                self.draft.put(("bus", slot), None, "")
            self.draft.put(("bus", "command", "commands"), "all", self.draft.where(name))

    def address_map(self) -> None:
        text = self.word("system.address_mapping")
        fields = [text[at : at + 2] for at in range(0, len(text), 2)]
        if sorted(fields) != sorted(_FIELDS):
            self.refuse(
                "system.address_mapping",
                "",
                given=text,
                accepted="ch, ra, bg, ba, ro and co once each, most significant first, such as rochrababgco",
            )
        self.put("system.address_mapping", ("address_map",), " ".join(_FIELDS[f] for f in fields))

    def cycles(self, key: str, into: str, more: int = 0, *, least: int = 0) -> int:
        """Puts a time in clocks, ``more`` added to it; the sum."""
        value = self.number(f"timing.{key}", least=least) + more
        if value < least:
            self.refuse(f"timing.{key}", f"less than AL, {-more}", given=value - more)
        self.put(f"timing.{key}", ("timing", into), f"{value} nCK", "derived" if more else "read")
        return value

    def rule(self, name: str, row: dict[str, Any], source: str) -> None:
        self.draft.put(("constraints", name), row, f"DRAMsim3 {source}")
