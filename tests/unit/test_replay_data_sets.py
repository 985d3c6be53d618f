"""The mappings that ship with the product work on the headers that the public data sets really have."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.replay.mapping_file import built_in_mappings, load_mapping
from apps.replay.replaying import ReplayOptions, replay_records
from apps.replay.rows import open_rows
from udfs.names import Topic
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.transaction import Transaction, decode_transaction

SPARKOV_GENERATED = (
    "ssn|cc_num|first|last|gender|street|city|state|zip|lat|long|city_pop|job|dob|acct_num|profile|trans_num|"
    "trans_date|trans_time|unix_time|category|amt|is_fraud|merchant|merch_lat|merch_long\n"
    "000-00-0000|4000000000000002|A|B|F|1 Way|Town|OH|01234|40.1|-82.9|1000|Baker|1980-01-01|100000000001|adults.json|"
    "t1|2026-11-25|10:00:00|1795600800|gas_transport|55.10|0|Smith, Jones and Co|40.5|-82.5\n"
)
SPARKOV_KAGGLE = (
    ",trans_date_trans_time,cc_num,merchant,category,amt,first,last,gender,street,city,state,zip,lat,long,city_pop,job,"
    "dob,trans_num,unix_time,merch_lat,merch_long,is_fraud\n"
    '0,2019-01-01 00:00:18,4000000000000002,"fraud_Smith, Jones and Co",misc_net,4.97,A,B,F,1 Way,Town,NC,28654,36.0,'
    "-81.1,3495,Baker,1988-03-09,t1,1325376018,36.0,-82.0,1\n"
)
PAYSIM = (
    "step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud,"
    "isFlaggedFraud\n"
    "1,PAYMENT,9839.64,C1,170136.0,160296.36,M1,0.0,0.0,0,0\n"
    "743,TRANSFER,1.0e+06,C2,181.0,0.0,C3,0.0,0.0,1,0\n"
)
CREDITCARD = (
    ",".join(['"Time"', *(f'"V{number}"' for number in range(1, 29)), '"Amount"', '"Class"'])
    + "\n"
    + ",".join(["0", *["-1.5"] * 28, "149.62", '"0"'])
    + "\n"
    + ",".join(["1e+05", *["0.25"] * 28, "0", '"1"'])
    + "\n"
)
_IEEE = [
    *("TransactionID", "isFraud", "TransactionDT", "TransactionAmt", "ProductCD"),
    *(f"card{number}" for number in range(1, 7)),
    *("addr1", "addr2", "dist1", "dist2", "P_emaildomain", "R_emaildomain"),
    *(f"C{number}" for number in range(1, 15)),
    *(f"D{number}" for number in range(1, 16)),
    *(f"M{number}" for number in range(1, 10)),
    *(f"V{number}" for number in range(1, 340)),
]
IEEE_CIS = (
    ",".join(_IEEE)
    + "\n2987000,0,86400,68.5,W,13926,,150.0,discover,142.0,credit,315.0,87.0,19.0,,,"
    + "," * (len(_IEEE) - 17)
    + "\n2987001,1,86401,29.0,H,2755,404.0,150.0,mastercard,102.0,,325.0,87.0,,,gmail.com,"
    + "," * (len(_IEEE) - 17)
    + "\n"
)
TABFORMER = (
    "User,Card,Year,Month,Day,Time,Amount,Use Chip,Merchant Name,Merchant City,Merchant State,Zip,MCC,"
    "Errors?,Is Fraud?\n"
    "0,0,2002,9,1,06:21,$134.09,Swipe Transaction,3527213246127876953,La Verne,CA,91750.0,5300,,No\n"
    '0,0,2002,9,1,06:42,$38.48,Online Transaction,-727612092139916043,ONLINE,,,5411,"Bad PIN,Glitch",Yes\n'
)
HANDBOOK = (
    "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,"
    "TX_FRAUD_SCENARIO\n"
    "0,2018-04-01 00:00:31,596,3156,57.16,31,0,0,0\n"
)
FILES = {
    "sparkov-generated": ("sparkov", SPARKOV_GENERATED, [("card-4000000000000002", 55.1, 1_795_600_800_000, False)]),
    "sparkov-kaggle": ("sparkov", SPARKOV_KAGGLE, [("card-4000000000000002", 4.97, 1_325_376_018_000, True)]),
    "paysim": (
        "paysim",
        PAYSIM,
        [("C1", 9839.64, 1_451_610_000_000, False), ("C2", 1e6, 1_454_281_200_000, True)],
    ),
    "creditcard": (
        "creditcard",
        CREDITCARD,
        [("card-1", 149.62, 1_377_993_600_000, False), ("card-2", 0.0, 1_378_093_600_000, True)],
    ),
    "ieee-cis": (
        "ieee-cis",
        IEEE_CIS,
        [("card-13926", 68.5, 1_512_086_400_000, False), ("card-2755", 29.0, 1_512_086_401_000, True)],
    ),
    "tabformer": (
        "tabformer",
        TABFORMER,
        [("card-0-0", 134.09, 1_030_861_260_000, False), ("card-0-0", 38.48, 1_030_862_520_000, True)],
    ),
    "handbook": ("handbook", HANDBOOK, [("customer-596", 57.16, 1_522_540_831_000, False)]),
}


@pytest.mark.parametrize("name", FILES)
def test_the_job_accepts_payments_and_labels_of_a_public_data_set(name: str, tmp_path: Path) -> None:
    mapping_name, text, expected = FILES[name]
    (tmp_path / "data.csv").write_text(text)
    mapping = load_mapping(mapping_name)
    file = open_rows(tmp_path / "data.csv", mapping.text_format)
    found: list[tuple[str, float, int]] = []
    fraud: list[bool] = []
    for record in replay_records(file, mapping, ReplayOptions(label_delay_ms=0)):
        if record.topic == Topic.LABELS:
            label = decode_label(record.value, record.key, 4_000_000_000_000, Limits(rates=None))
            assert isinstance(label, Label), label
            fraud.append(label.fraud)
        else:
            payment = decode_transaction(record.value, record.key, 4_000_000_000_000, Limits(rates=None))
            assert isinstance(payment, Transaction), payment
            found.append((payment.user_id, payment.amount, payment.event_time))
    assert [(*payment, is_fraud) for payment, is_fraud in zip(found, fraud, strict=True)] == expected


def test_every_mapping_of_the_product_is_tried() -> None:
    assert {mapping for mapping, _, _ in FILES.values()} == set(built_in_mappings())
