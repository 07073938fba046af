"""A stack whose worker asks a silent bank again only after ten minutes, so that operators find purchases in UNKNOWN."""

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import running


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, MOPOS_ASK_AGAIN_S="600") as stack:
            yield stack
        assert "Traceback" not in stack.logs()
