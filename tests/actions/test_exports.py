"""Exports as the worker sees them: what is forgotten, what is left by the killed, who may finish."""

import os
import time
import zipfile
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.edges.panel.seeded import Seeded

from mopos.actions.export_purchases import export_purchases, forget_old_exports
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.domain.reports import exports
from mopos.domain.reports.search import Line
from mopos.edges.i18n.lang import Lang
from mopos.edges.panel.sheets import XlsxSheet, new_sheet
from mopos.outside.export_files import ExportFiles

NOW = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)


class OnlySql:
    """As much of a stack as writing purchases needs."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
async def services(dsn, tmp_path):
    async with (
        Database(dsn, pool_size=2, timeout_s=30) as db,
        Database(dsn, pool_size=2, timeout_s=30, for_reports=True) as reports,
    ):
        settings = Settings(database_url=dsn, data_dir=tmp_path)
        yield Services(db=db, terminals=Terminals.single(None), clock=lambda: NOW, settings=settings, report_db=reports)


@pytest.fixture
def seeded(dsn):
    return Seeded(OnlySql(dsn))


def asked(seeded: Seeded, **changed: object) -> int:
    ((person_id,),) = seeded.stack.sql(
        "insert into person (mobile, handle, created_at) values ('09121112233', %s, now()) returning id", os.urandom(32)
    )
    values = {"format": "csv", "query": "", "lang": "fa", "created_at": NOW, "next_try_at": NOW} | changed
    values |= {"account_id": seeded.account_id, "person_id": person_id}
    values.setdefault("expires_at", NOW + timedelta(hours=48))
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    ((export_id,),) = seeded.stack.sql(
        f"insert into export ({names}) values ({places}) returning id",
        *values.values(),
    )
    return export_id


async def test_a_file_is_kept_for_a_day_then_removed(services, seeded):
    seeded.add(at=NOW)
    export_id = asked(seeded)
    assert await export_purchases(services, new_sheet) == 1
    ((state, rows, path, expires_at),) = seeded.stack.sql("select state, rows_done, path, expires_at from export")
    assert (state, rows, expires_at) == ("done", 1, NOW + timedelta(hours=24))
    files = ExportFiles(services.settings.data_dir)
    assert files.is_there(path)
    await forget_old_exports(services)
    assert files.is_there(path)
    seeded.stack.sql("update export set expires_at = %s where id = %s", NOW, export_id)
    await forget_old_exports(services)
    assert not files.is_there(path)
    assert seeded.stack.sql("select count(*) from export") == [(0,)]


async def test_what_a_killed_worker_left_is_cleared_away_a_day_later(services):
    files = ExportFiles(services.settings.data_dir)
    old, young = files.new("csv"), files.new("xlsx")
    os.utime(old, (time.time() - 90_000,) * 2)
    await forget_old_exports(services)
    assert not old.exists()
    assert young.exists()


async def test_who_was_given_up_for_dead_finishes_nothing(services, seeded):
    seeded.add(at=NOW)
    asked(seeded)
    mine = await exports.claim(services.db, now=NOW, lease_until=NOW + timedelta(minutes=2))
    theirs = await exports.claim(services.db, now=NOW + timedelta(minutes=3), lease_until=NOW + timedelta(minutes=5))
    assert mine is not None
    assert theirs is not None
    assert theirs.id == mine.id
    late = {"rows_done": 1, "rows_all": None, "lease_until": NOW + timedelta(minutes=9)}
    assert not await exports.tell_progress(services.db, mine, **late)
    assert await exports.tell_progress(services.db, theirs, **late)
    done = {"size": 1, "rows": 1, "now": NOW, "expires_at": NOW}
    assert not await exports.finish(services.db, mine, path="mine", **done)
    assert await exports.finish(services.db, theirs, path="theirs", **done)


async def test_a_filter_that_is_no_longer_understood_has_failed(services, seeded):
    asked(seeded, query="state=RICH")
    await export_purchases(services, new_sheet)
    assert seeded.stack.sql("select state, next_try_at from export") == [("failed", None)]
    assert list(ExportFiles(services.settings.data_dir).folder.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_tried_again_later(services, seeded):
    asked(seeded)
    ExportFiles(services.settings.data_dir).folder.write_text("in the way")
    await export_purchases(services, new_sheet)
    assert seeded.stack.sql("select state, tries from export") == [("running", 1)]


def test_a_second_sheet_begins_where_the_first_is_full(tmp_path):
    sheet = XlsxSheet(tmp_path / "many.xlsx", Lang.EN, rows_max=3)
    line = _line()
    sheet.add([line] * 5)
    sheet.close()
    with zipfile.ZipFile(tmp_path / "many.xlsx") as book:
        names = [name for name in book.namelist() if name.startswith("xl/worksheets/")]
        rows = [book.read(name).count(b"<row ") for name in sorted(names)]
    assert rows == [3, 3, 2]


def _line():
    return Line(
        *(100_001, 1, "g", 1, "R", 20_000, "n", "d", "PAID", NOW, NOW, False, None, "192.0.2.1", 1),
        *("1", "2", "603799******1234", None, ""),
    )
