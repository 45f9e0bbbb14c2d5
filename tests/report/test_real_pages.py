"""How volumes of tools on real scans compare, for prose: on the same scans, and only where both tools drew."""

import pandas as pd
import pytest

from thalutils.report import real_pages


def volumes(**methods):
    return pd.DataFrame(
        [
            {"head": f"head {place}", "visit": "1", "method": method, "volume_ml": volume}
            for method, found in methods.items()
            for place, volume in enumerate(found)
        ]
    ).replace({"ThalNet": "ThalNet-T1", "SAMSEG": "SAMSEG-T1"})


def test_the_difference_is_the_mean_over_scans_that_both_drew():
    found = real_pages.numbers(volumes(ThalNet=[11.0, 12.0, 99.0], SAMSEG=[10.0, 10.0], Template=[22.0]))
    assert found["real.samseg_percent"] == pytest.approx(15) and found["real.samseg_n"] == 2
    assert found["real.template_percent"] == pytest.approx(-50) and found["real.template_n"] == 1


def test_a_tool_that_drew_nothing_is_not_known():
    found = real_pages.numbers(volumes(ThalNet=[11.0]))
    assert found == dict.fromkeys(
        ("real.samseg_n", "real.samseg_percent", "real.template_n", "real.template_percent")
    )
