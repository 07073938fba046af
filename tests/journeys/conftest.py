"""The whole demo, for journeys."""

import os

import pytest
from tests.conftest import open_folder

from mopos.edges.demo.check import free_ports
from mopos.edges.demo.run import started


@pytest.fixture(scope="module")
def demo():
    """`mopos demo`, all of it, on free ports."""
    kept = dict(os.environ)
    with open_folder() as folder:
        os.environ["MOPOS_DATA_DIR"] = str(folder)
        try:
            with started("127.0.0.1", free_ports()) as demo:
                yield demo
        finally:
            os.environ.clear()
            os.environ.update(kept)
