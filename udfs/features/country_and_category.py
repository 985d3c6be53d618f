"""Prior risk of countries and merchant categories."""

from __future__ import annotations

from collections.abc import Mapping

HIGH_RISK_COUNTRIES = frozenset({"AF", "BY", "CU", "HT", "IR", "KP", "MM", "RU", "SO", "SS", "SY", "VE", "YE"})
"""ISO 3166 codes: FATF's call for action (IR, KP, MM), and countries to which most card schemes do not lend."""

CATEGORY_RISK: Mapping[str, float] = {
    "grocery": 0.1,
    "health": 0.1,
    "restaurant": 0.15,
    "transport": 0.2,
    "clothing": 0.35,
    "travel": 0.5,
    "gifts": 0.6,
    "electronics": 0.7,
    "digital": 0.75,
    "gambling": 0.9,
    "crypto": 0.95,
    "money_transfer": 0.85,
    # The categories of the Sparkov generator.
    "food_dining": 0.15,
    "gas_transport": 0.3,
    "grocery_net": 0.25,
    "grocery_pos": 0.3,
    "health_fitness": 0.1,
    "home": 0.15,
    "kids_pets": 0.15,
    "misc_net": 0.7,
    "misc_pos": 0.3,
    "personal_care": 0.15,
    "entertainment": 0.2,
    "shopping_net": 0.75,
    "shopping_pos": 0.5,
}
"""From 0 to 1: how easily the goods are turned into money, in the ranking of fraud teams. It is not a rate: the feature
``merchant_fraud_share`` is the measured one."""
