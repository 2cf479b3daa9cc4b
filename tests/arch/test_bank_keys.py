"""Keys of bank machines: what they go with, and where they do nothing."""

import pytest

import arch
from arch.errors import InputError
from arch.inactive import inactive_keys


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["controller.page_policy=open_adaptive"], "does not go with machines: queue"),
        (["controller.scheduler=fr_fcfs_grp"], "does not go with machines: queue"),
        (["controller.profile=dramsys", "controller.scheduler=row_hit_first"], "machines: bank"),
        (["controller.machines=bank"], "scheduler: row_hit_first does not go with machines: bank"),
        (["front_end.admission=fifo"], "accepted simple"),
        (["controller.profile=dramsys", "front_end.streams=2"], "bank machines take one stream"),
        (["controller.profile=dramsys", "controller.refresh_postponed=9"], "0 to 8"),
        (
            ["controller.profile=dramsys", "refresh.postpone=2", "controller.refresh_postponed=3"],
            "more than refresh.postpone",
        ),
        (["controller.profile=dramsys", "controller.buffer_size=0"], "1 to 1024"),
        (
            ["controller.profile=dramsys", "requests.READ.closing=null", "controller.page_policy=closed"],
            "closed needs a command with auto-precharge",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_refused(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        arch.load("ddr3_1600", overrides)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["controller.profile=dramsys", "controller.read_queue=32"], "controller.read_queue"),
        (["controller.profile=dramsys", "controller.write_high=0.9"], "controller.write_high"),
        (["controller.buffer_size=32"], "controller.buffer_size"),
        (["controller.response_queue=reorder"], "controller.response_queue"),
        (["controller.profile=dramsys", "controller.refresh_postponed=3"], "controller.refresh_postponed"),
        (["controller.profile=dramsys", "front_end.max_active=3"], "front_end.max_active"),
    ],
)
def test_told_to_do_nothing(overrides: list[str], key: str) -> None:
    system = arch.load("ddr3_1600", overrides)
    told = [text for text in inactive_keys(system, {"READ": 5, "WRITE": 5}) if text.startswith(f"{key}: ")]
    assert len(told) == 1, told
