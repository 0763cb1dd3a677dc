"""Signing: whoever has the public key can tell a plan from anything else, with one dig."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import endpoint, plan

from outlast.drivers.signing import PlanSigner, decode, encode, is_signed_by, read_public
from outlast.model.errors import ConfigError
from outlast.model.fence import Fence, parse_fence
from outlast.model.names import DnsName
from outlast.model.plan import Plan
from outlast.model.units import Generation

SIGNER = PlanSigner.generate()
PUBLIC = read_public(SIGNER.public)
PLAN = SIGNER.sign(plan(endpoint("eu-1", "us-1")))


def fence_for(one: Plan, writer: str = "enactor-1") -> Fence:
    """The fence that an enactor writes for a plan."""
    return Fence(
        generation=one.generation,
        digest=one.digest,
        nonce="0" * 16,
        writer=writer,
        signature=one.signature,
    )


def test_a_fence_carries_the_signature_and_is_read_back() -> None:
    """Whatever enactor wrote it, the signature is the planner's."""
    for writer in ("enactor-1", "rescue"):
        fence = fence_for(PLAN, writer)
        assert parse_fence((str(fence),)) == fence
        assert is_signed_by(PUBLIC, PLAN.layout.fence_at, fence)


def test_the_longest_fence_fits_one_string() -> None:
    """255 bytes is what one string of a TXT record holds (RFC 1035 section 3.3)."""
    longest = replace(fence_for(PLAN, "w" * 63), generation=Generation(10**17))
    assert len(str(longest)) == 255
    assert parse_fence((str(longest),)) == longest
    assert str(longest) == str(longest).lower()


def test_a_signature_is_good_for_one_content_number_and_place_only() -> None:
    """Anything else that bears it was not made by the planner."""
    fence, at = fence_for(PLAN), PLAN.layout.fence_at
    assert not is_signed_by(PUBLIC, at, replace(fence, generation=Generation(fence.generation + 1)))
    assert not is_signed_by(PUBLIC, at, replace(fence, digest="0" * 32))
    assert not is_signed_by(PUBLIC, DnsName("_outlast.other.example.net"), fence)
    assert not is_signed_by(PUBLIC, at, replace(fence, signature=""))
    assert not is_signed_by(PUBLIC, at, replace(fence, signature="a" * 103))
    assert not is_signed_by(read_public(PlanSigner.generate().public), at, fence)


def test_a_key_comes_back_from_its_text() -> None:
    """The file's text and the published text are all that is needed."""
    again = PlanSigner.from_secret(SIGNER.secret)
    assert again.sign(PLAN) == PLAN
    assert again.public == SIGNER.public


def test_what_is_no_key_is_refused_without_repeating_it() -> None:
    """A secret in the wrong place must not end in a log."""
    with pytest.raises(ConfigError) as caught:
        PlanSigner.from_secret("c2hvcnQ=")
    assert "c2hvcnQ" not in str(caught.value)
    for text in ("", "outlast-key1 abc", "outlast-key1 !"):
        with pytest.raises(ConfigError):
            read_public(text)


@given(st.binary(max_size=80))
def test_encoding_is_lower_case_and_loses_nothing(data: bytes) -> None:
    """PowerDNS compares TXT regardless of case."""
    assert decode(encode(data)) == data
    assert encode(data) == encode(data).lower()
