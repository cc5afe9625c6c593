"""Tables of the documentation are those of the committed results."""

import pytest

from benchmarks import motion_ablation, tables

PAGE = tables.PAGE.read_text(encoding="utf-8")


def test_the_page_is_as_it_would_be_written():
    assert tables.rendered(PAGE) == PAGE


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_has_its_place_and_its_numbers(name):
    if name == "ablation" and not motion_ablation.RESULTS.exists():
        pytest.skip("not measured yet: python -m benchmarks.motion_ablation")
    assert f"<!-- table: {name} -->\n| " in PAGE


def test_a_table_that_nobody_makes_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        tables.rendered("<!-- table: nothing -->\n\n<!-- end -->")
