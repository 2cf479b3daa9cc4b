"""What all tests share: hypothesis profiles, kernels compiled once, the measured data where present."""

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

FLOORS_BELOW_THE_KERNELS = ("arch", "workloads", "mapping")


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile the kernels once, by whichever worker comes first; the others wait and load them from disk."""
    tests = Path(__file__).parent
    floors = {item.path.relative_to(tests).parts[0] for item in request.session.items}
    if floors <= set(FLOORS_BELOW_THE_KERNELS):
        return
    base = tmp_path_factory.getbasetemp()
    # Under pytest-xdist every worker has a folder of its own inside one that the whole run shares.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with open(shared / "kernels.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Imported here, as it takes half a second that tests of the lower floors need not wait.
        from sim.dram.batch import warm_up

        warm_up(observe=True)


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The measured data sets, which live beside the checkout and not in it; skips where they are absent."""
    folder = pytestconfig.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the measured data in shared/data beside the checkout, and they are not there")
    return folder
