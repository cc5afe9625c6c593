import math

from vlogger_jax.metrics.count import Count, pooled


def test_counts_pool_where_shares_do_not():
    counts = [Count(1, 1), Count(0, 9)]
    assert [count.share for count in counts] == [1.0, 0.0]
    assert pooled(iter(counts)) == Count(1, 10)


def test_nothing_has_no_share():
    assert math.isnan(pooled([]).share)
