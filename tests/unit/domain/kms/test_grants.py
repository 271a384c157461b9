"""Grants: what they permit, what may be made of them, and which ones cannot be."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import InvalidGrantIdException
from selfkms.domain.kms.grants import (
    Grant,
    GrantConstraints,
    check_constraints,
    check_fits,
    check_grant_id,
    check_operations,
    grant_operations,
)
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import USAGES, KeySpec, KeyUsage, KMSKey

OPERATIONS = (
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "Verify",
    "GetPublicKey",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
    "DescribeKey",
    "CreateGrant",
    "RetireGrant",
)
SOURCE = "arn:aws:ec2:us-east-1:111122223333:volume/vol-1"

# Few names and values, so that constraints meet each other.
pairs = st.dictionaries(st.sampled_from("aAb"), st.sampled_from("xX"), min_size=1, max_size=3)
constraints = st.one_of(
    st.none(),
    st.builds(
        GrantConstraints,
        encryption_context_equals=pairs,
        source_arn=st.sampled_from([None, SOURCE]),
    ),
    st.builds(
        GrantConstraints,
        encryption_context_subset=pairs,
        source_arn=st.sampled_from([None, SOURCE]),
    ),
)
operations = st.lists(st.sampled_from(["Decrypt", "DescribeKey", "CreateGrant", "RetireGrant"]), max_size=4)


def grant(operations: Sequence[str] = ("Decrypt",), constraints: GrantConstraints | None = None) -> Grant:
    return Grant(
        account_id="111122223333",
        region="us-east-1",
        key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        grant_id="0" * 64,
        created_at=1.0,
        grantee="arn:aws:iam::111122223333:user/a",
        issuing_account="arn:aws:iam::111122223333:root",
        operations=tuple(operations),
        constraints=constraints,
    )


def key(key_spec: KeySpec, key_usage: KeyUsage) -> KMSKey:
    return KMSKey(
        account_id="111122223333",
        region="us-east-1",
        key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        created_at=0.0,
        state=KeyState.ENABLED,
        policy="",
        key_spec=key_spec,
        key_usage=key_usage,
    )


SYMMETRIC = key(KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT)


def test_a_grant_names_its_key() -> None:
    """Account, Region, key ID and grant ID are the primary key, and three of them the key ARN."""
    made = grant()
    assert made.primary_key() == (made.account_id, made.region, made.key_id, made.grant_id)
    assert made.key_arn == SYMMETRIC.arn


class TestPermits:
    """What a grant covers."""

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_only_what_it_lists(self, operation: str) -> None:
        """An operation that is not in the list is not permitted, whatever it is."""
        assert grant([operation]).permits(operation, None)
        assert not grant([other for other in OPERATIONS if other != operation]).permits(operation, {})

    @pytest.mark.parametrize(
        ("context", "equals", "subset"),
        [
            ({"a": "x", "b": "y"}, True, True),
            ({"b": "y", "a": "x"}, True, True),
            ({"a": "x", "b": "y", "c": "z"}, False, True),
            ({"a": "x"}, False, False),
            ({"a": "x", "b": "Y"}, False, False),
            ({"A": "x", "b": "y"}, False, False),
            ({"A": "x", "a": "x", "b": "y"}, False, True),
            ({}, False, False),
            (None, False, False),
        ],
    )
    def test_constraints_on_the_encryption_context(
        self, context: dict[str, str] | None, *, equals: bool, subset: bool
    ) -> None:
        """Equals: exactly these pairs in any order; Subset: at least these. Case counts in names and in values."""
        required = {"a": "x", "b": "y"}
        exact = grant(constraints=GrantConstraints(encryption_context_equals=required))
        at_least = grant(constraints=GrantConstraints(encryption_context_subset=required))
        assert exact.permits("Decrypt", context) is equals
        assert at_least.permits("Decrypt", context) is subset

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_what_the_encryption_context_does_not_bind(self, operation: str) -> None:
        """DescribeKey, CreateGrant and RetireGrant have none; everything else is bound, known to have one or not."""
        narrow = grant([operation], GrantConstraints(encryption_context_subset={"a": "x"}))
        assert narrow.permits(operation, None) is (operation in ("DescribeKey", "CreateGrant", "RetireGrant"))

    @pytest.mark.parametrize("operation", ["Decrypt", "DescribeKey", "CreateGrant"])
    def test_a_source_must_be_acted_for(self, operation: str) -> None:
        """With SourceArn only requests on behalf of that resource are permitted."""
        bound = grant([operation], GrantConstraints(source_arn=SOURCE))
        assert bound.permits(operation, {}, source_arn=SOURCE)
        assert not bound.permits(operation, {}, source_arn=SOURCE + "2")
        assert not bound.permits(operation, {})

    def test_retiring_is_not_bound_at_all(self) -> None:
        """A grantee may retire the grant whatever constrains it."""
        bound = grant(["RetireGrant"], GrantConstraints(encryption_context_equals={"a": "x"}, source_arn=SOURCE))
        assert bound.permits("RetireGrant", None)


P = {"a": "x"}
MORE = {"a": "x", "b": "y"}
OTHER = {"a": "X"}


class TestChildren:
    """Grants that were made by permission of a grant."""

    @pytest.mark.parametrize(
        ("parent", "child", "covered"),
        [
            (None, None, True),
            (None, GrantConstraints(encryption_context_equals=P), True),
            (GrantConstraints(encryption_context_subset=P), GrantConstraints(encryption_context_subset=P), True),
            (GrantConstraints(encryption_context_subset=P), GrantConstraints(encryption_context_subset=MORE), True),
            (GrantConstraints(encryption_context_subset=P), GrantConstraints(encryption_context_equals=P), True),
            (GrantConstraints(encryption_context_subset=P), GrantConstraints(encryption_context_equals=MORE), True),
            (GrantConstraints(encryption_context_subset=MORE), GrantConstraints(encryption_context_subset=P), False),
            (GrantConstraints(encryption_context_subset=MORE), GrantConstraints(encryption_context_equals=P), False),
            (GrantConstraints(encryption_context_subset=P), GrantConstraints(encryption_context_subset=OTHER), False),
            (GrantConstraints(encryption_context_subset=P), None, False),
            (GrantConstraints(encryption_context_equals=P), GrantConstraints(encryption_context_equals=P), True),
            (GrantConstraints(encryption_context_equals=P), GrantConstraints(encryption_context_equals=MORE), False),
            (GrantConstraints(encryption_context_equals=P), GrantConstraints(encryption_context_subset=P), False),
            (GrantConstraints(encryption_context_equals=P), None, False),
            (GrantConstraints(source_arn=SOURCE), GrantConstraints(source_arn=SOURCE), True),
            (GrantConstraints(source_arn=SOURCE), GrantConstraints(encryption_context_equals=P), False),
            (GrantConstraints(source_arn=SOURCE), None, False),
        ],
    )
    def test_constraints(
        self, parent: GrantConstraints | None, child: GrantConstraints | None, *, covered: bool
    ) -> None:
        """Pairs may be added to Subset, and Subset made Equals, never the reverse; a constraint never goes."""
        assert grant(["CreateGrant", "Decrypt"], parent).covers_child(["Decrypt"], child) is covered

    def test_operations(self) -> None:
        """Some or all of the parent's, none besides."""
        parent = grant(["CreateGrant", "Decrypt", "DescribeKey"])
        assert parent.covers_child(["DescribeKey", "CreateGrant"], None)
        assert parent.covers_child(["DescribeKey", "Decrypt", "CreateGrant"], None)
        assert not parent.covers_child(["Decrypt", "Encrypt"], None)

    @settings(max_examples=150)
    @given(
        parent=st.tuples(operations, constraints),
        children=st.lists(st.tuples(operations, constraints), min_size=1, max_size=3),
        context=st.dictionaries(st.sampled_from("aAb"), st.sampled_from("xX"), max_size=3),
        source=st.sampled_from([None, SOURCE]),
    )
    def test_no_chain_permits_more_than_its_beginning(
        self,
        parent: tuple[list[str], GrantConstraints | None],
        children: list[tuple[list[str], GrantConstraints | None]],
        context: dict[str, str],
        source: str | None,
    ) -> None:
        """However often grants are made by grants, what the last one permits the first one permits."""
        first = last = grant(*parent)
        for child in children:
            if last.covers_child(*child):
                last = grant(*child)
        for operation in OPERATIONS:
            if last.permits(operation, context, source_arn=source):
                assert first.permits(operation, context, source_arn=source)


class TestRepeats:
    """When a named grant is the same one again."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"grant_id": "f" * 64, "created_at": 2.0, "row_version": 7},
            {"operations": ("Encrypt", "Decrypt")},
        ],
    )
    def test_what_does_not_matter(self, fields: dict[str, object]) -> None:
        """When it was made, under which ID, and in which order it lists its operations."""
        first = grant(["Decrypt", "Encrypt"])
        assert first.repeats(first.changed(**fields))

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "n"},
            {"grantee": "arn:aws:iam::111122223333:user/b"},
            {"grantee_id": "AIDA"},
            {"retiring": "arn:aws:iam::111122223333:user/b"},
            {"retiring_id": "AIDA"},
            {"issuing_account": "arn:aws:iam::444455556666:root"},
            {"operations": ("Decrypt",)},
            {"constraints": GrantConstraints(encryption_context_equals=P)},
            {"key_id": "00000000-0000-4000-8000-000000000000"},
        ],
    )
    def test_what_makes_it_another(self, fields: dict[str, object]) -> None:
        """Anything that a client says, and who is behind the names."""
        first = grant(["Decrypt", "Encrypt"])
        assert not first.repeats(first.changed(**fields))


class TestChecks:
    """Grants that cannot be."""

    def test_every_grant_operation_has_a_key(self) -> None:
        """Each operation of the model's list fits at least one kind of key, and nothing else fits any."""
        kinds = [key(spec, usage) for spec, usages in USAGES.items() for usage in usages]
        assert frozenset().union(*(grant_operations(kind) for kind in kinds)) == frozenset(OPERATIONS)

    @pytest.mark.parametrize(
        ("spec", "usage", "fitting"),
        [
            (KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, OPERATIONS[:8]),
            (KeySpec.RSA_2048, KeyUsage.ENCRYPT_DECRYPT, (*OPERATIONS[:4], "GetPublicKey")),
            (KeySpec.RSA_2048, KeyUsage.SIGN_VERIFY, ("Sign", "Verify", "GetPublicKey")),
            (KeySpec.ML_DSA_44, KeyUsage.SIGN_VERIFY, ("Sign", "Verify", "GetPublicKey")),
            (KeySpec.HMAC_256, KeyUsage.GENERATE_VERIFY_MAC, ("GenerateMac", "VerifyMac")),
            (KeySpec.ECC_NIST_P256, KeyUsage.KEY_AGREEMENT, ("DeriveSharedSecret", "GetPublicKey")),
            (KeySpec.ML_KEM_768, KeyUsage.ENCAPSULATE_DECAPSULATE, ("Encapsulate", "Decapsulate", "GetPublicKey")),
        ],
    )
    def test_operations_fit_the_key(self, spec: KeySpec, usage: KeyUsage, fitting: tuple[str, ...]) -> None:
        """No Sign on a symmetric key, no data keys of an asymmetric one; managing the grant goes with every key."""
        for operation in OPERATIONS:
            if operation in (*fitting, "DescribeKey", "CreateGrant", "RetireGrant"):
                check_fits(key(spec, usage), [operation], None)
            else:
                with pytest.raises(ValidationException, match=f"The grant operation {operation} is not valid for"):
                    check_fits(key(spec, usage), ["DescribeKey", operation], None)

    def test_an_encryption_context_needs_a_symmetric_key(self) -> None:
        """Operations of other keys have none; SourceArn goes with every key."""
        mac = key(KeySpec.HMAC_256, KeyUsage.GENERATE_VERIFY_MAC)
        for limit in (GrantConstraints(encryption_context_equals=P), GrantConstraints(encryption_context_subset=P)):
            check_fits(SYMMETRIC, ["Decrypt"], limit)
            with pytest.raises(ValidationException, match="only on symmetric encryption KMS keys"):
                check_fits(mac, ["GenerateMac"], limit)
        check_fits(mac, ["GenerateMac"], GrantConstraints(source_arn=SOURCE))

    @pytest.mark.parametrize(
        ("listed", "text"),
        [
            ([], "at 'operations' failed to satisfy constraint: Member must have length greater than or equal to 1"),
            (["CreateGrant"], "Grants must not contain only the CreateGrant operation."),
            (["CreateGrant", "CreateGrant"], "Grants must not contain only the CreateGrant operation."),
        ],
    )
    def test_lists_of_operations(self, listed: list[str], text: str) -> None:
        """A grant has operations, and one that can only be handed on is none."""
        with pytest.raises(ValidationException, match=text):
            check_operations(listed)

    @pytest.mark.parametrize("listed", [["Decrypt"], ["RetireGrant"], ["CreateGrant", "DescribeKey"]])
    def test_good_lists_of_operations(self, listed: list[str]) -> None:
        """Any one operation but CreateGrant, and CreateGrant with another."""
        check_operations(listed)

    @pytest.mark.parametrize(
        ("limits", "text"),
        [
            (GrantConstraints(encryption_context_equals=P, encryption_context_subset=P), "only one type"),
            (GrantConstraints(encryption_context_equals={}, encryption_context_subset=P), "only one type"),
            (GrantConstraints(encryption_context_equals={}), "at least one"),
            (GrantConstraints(encryption_context_subset={}), "at least one"),
            (GrantConstraints(encryption_context_subset={str(n): "" for n in range(9)}), "more than 8"),
            (GrantConstraints(encryption_context_equals={"a": "x" * 385}), "cannot exceed 384 characters"),
            (GrantConstraints(encryption_context_subset={"a" * 385: ""}), "cannot exceed 384 characters"),
        ],
    )
    def test_constraints_that_cannot_be(self, limits: GrantConstraints, text: str) -> None:
        """Both kinds, none of any kind, too many pairs, too long a name or a value."""
        with pytest.raises(ValidationException, match=text):
            check_constraints(limits)

    @pytest.mark.parametrize(
        "limits",
        [
            None,
            GrantConstraints(),
            GrantConstraints(source_arn=SOURCE),
            GrantConstraints(encryption_context_equals={str(n) * 384: "x" * 384 for n in range(8)}),
        ],
    )
    def test_constraints_that_can_be(self, limits: GrantConstraints | None) -> None:
        """None at all, and eight pairs of the greatest length."""
        check_constraints(limits)

    @pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 63 + "\n"])
    def test_grant_ids(self, text: str) -> None:
        """64 hex digits in small letters, nothing else."""
        check_grant_id("0123456789abcdef" * 4)
        with pytest.raises(InvalidGrantIdException, match="Invalid grantId"):
            check_grant_id(text)
