"""Calibration of scores agrees with its definition, on generated scores."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from models import calibration

payments = st.lists(st.tuples(st.integers(-20, 20).map(lambda i: i / 4), st.booleans()), min_size=1, max_size=60)


@given(payments)
def test_each_point_is_the_isotonic_rate_of_its_block(sample: list[tuple[float, bool]]) -> None:
    raw, fraud = np.array([score for score, _ in sample]), np.array([label for _, label in sample])
    calibrated = calibration.fit(raw, fraud)
    # The definition: isotonic regression with the two pseudo-payments, and each block at its mean score.
    scores, labels = np.append(raw, [raw.min(), raw.max()]), np.append(fraud, [True, False]).astype(float)
    rates = np.round(IsotonicRegression().fit_transform(scores, labels), 9)
    blocks = [(scores[rates == rate].mean(), rate) for rate in np.unique(rates)]
    np.testing.assert_allclose(calibrated.scores, [score for score, _ in blocks], atol=1e-9)
    np.testing.assert_allclose(calibrated.probabilities, [rate for _, rate in blocks], atol=1e-8)


@given(payments)
def test_no_probability_is_0_or_1(sample: list[tuple[float, bool]]) -> None:
    calibrated = calibration.fit(np.array([score for score, _ in sample]), np.array([label for _, label in sample]))
    assert calibrated.probabilities[0] > 0
    assert calibrated.probabilities[-1] < 1
