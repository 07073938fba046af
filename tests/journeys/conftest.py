"""What journeys stand on: a running stack for a module, the whole demo, a browser without pages."""

import os

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import browser, running

from mopos.edges.demo.check import free_ports
from mopos.edges.demo.run import started


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder) as stack:
            yield stack
        assert "Traceback" not in stack.logs()


@pytest.fixture(scope="module")
def shop(stack):
    return stack.make_shop()


@pytest.fixture
async def web():
    async with browser() as client:
        yield client


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
