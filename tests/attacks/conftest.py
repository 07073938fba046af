"""One running stack for all attacks."""

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import browser, running


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
