"""The stack with the SMS provider's simulator beside it, and at a name to which passkeys can be bound."""

from __future__ import annotations

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import running


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, host="localhost", with_services=True) as stack:
            yield stack
        assert not stack.tracebacks()
