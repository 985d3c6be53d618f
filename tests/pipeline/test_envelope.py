"""A record travels through the job byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from udfs.names import Kind
from udfs.stages.envelope import Envelope, decode_envelope, encode_envelope, is_control

envelopes = st.builds(
    Envelope,
    kind=st.sampled_from([kind.value for kind in Kind]),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    key=st.none() | st.binary(max_size=300),
    value=st.none() | st.binary(max_size=300),
)


@given(envelopes)
def test_an_encoded_envelope_is_decoded_to_itself(envelope: Envelope) -> None:
    assert decode_envelope(encode_envelope(envelope)) == envelope


@given(envelopes)
def test_a_control_record_is_known_by_its_first_letter(envelope: Envelope) -> None:
    assert is_control(encode_envelope(envelope)) == (envelope.kind == Kind.CONTROL)


def test_an_empty_key_is_a_key_and_an_empty_value_a_value() -> None:
    bare = Envelope("t", 0, 0, b"", b"")
    assert decode_envelope(encode_envelope(bare)) == bare
    nothing = Envelope("t", 0, 0, None, None)
    assert decode_envelope(encode_envelope(nothing)) == nothing


def test_it_is_laid_out_as_the_source_of_the_job_writes_it() -> None:
    header = b"t" + b"\x03" + b"\0\0\0\x03" + b"\0\0\0\0\0\0\0\x2a" + b"\0\0\0\x05"
    assert encode_envelope(Envelope("t", 3, 42, b"alice", b"{}\n")) == header + b"alice" + b"{}\n"
    assert encode_envelope(Envelope("l", 0, 0, None, None)) == b"l" + bytes(17)
