import pytest

from mopos.base.money import RIAL_MAX, Rial


def test_rial_is_an_integer_that_stays_rial():
    total = Rial(20_000) + Rial(1)
    assert (total, type(total)) == (20_001, Rial)
    assert type(total - Rial(1)) is Rial
    assert f"{total:,}" == "20,001"
    assert str(total) == "20001"


@pytest.mark.parametrize("wrong", [1.0, "1", True, None])
def test_only_whole_numbers_become_rial(wrong):
    with pytest.raises(TypeError):
        Rial(wrong)


def test_rial_and_plain_numbers_do_not_mix():
    with pytest.raises(TypeError):
        Rial(1) + 1
    with pytest.raises(TypeError):
        Rial(1) - 1


def test_rial_ends_where_the_database_ends():
    assert Rial(RIAL_MAX) == 2**63 - 1
    with pytest.raises(ValueError):
        Rial(RIAL_MAX + 1)
