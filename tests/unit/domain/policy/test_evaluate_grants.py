"""The verdict where grants come in: what they open, and who may retire them.

Source: KMS developer guide, "Grants in AWS KMS", "Creating grants", "Retiring and revoking grants"; AWS KMS API
Reference, "CreateGrant", "RetireGrant".
"""

from collections.abc import Mapping
from typing import Final

import pytest

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    FEDERATED,
    KEY_ARN,
    OTHER_APP,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    ROOT,
    SESSION,
    Statements,
    allow,
    deny,
    identity,
    keep_out,
    key_side,
    let,
    make_grant,
    question,
    role_session,
    role_side,
)
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.policy.evaluate import Decision, Identity, NewGrant, Why, decide, decide_on_retiring

KMS: Final = [allow("kms:*")]
CLOSED: Final = [let(f"arn:aws:iam::{OWNER}:user/somebody-else")]
"""A key policy that lets in none of the callers of these tests."""

EQUALS: Final = GrantConstraints(encryption_context_equals={"a": "1"})
SUBSET: Final = GrantConstraints(encryption_context_subset={"a": "1"})


def by_grant(
    who: Identity | str,
    grant: Grant,
    action: str = "kms:Encrypt",
    *,
    key_policy: Statements = CLOSED,
    encryption_context: Mapping[str, str] | None = None,
    new_grant: NewGrant | None = None,
) -> Decision:
    """The verdict on a key with this grant; a caller by its name has no policies."""
    asking = identity(CALLERS[who]) if isinstance(who, str) else who
    asked = question(action, encryption_context=encryption_context, new_grant=new_grant)
    return decide(asking, asked, key_side(key_policy, grants=[grant]))


class TestGrants:
    """A grant that covers the request lets the grantee in, whatever the key policy does not say."""

    @pytest.mark.parametrize(
        ("grantee", "let_in"),
        [
            (BOB.arn, {"user", "token"}),
            (APP.arn, {"session"}),
            (SESSION, {"session"}),
            (role_session(APP, "two").arn, set()),
            (FEDERATED, {"federated"}),
            (OTHER_BOB.arn, {"other-user"}),
            (OTHER_APP.arn, {"other-session"}),
            (ROOT, {"root"}),
            (OTHER_ROOT, {"other-root"}),
        ],
    )
    def test_who_is_the_grantee(self, grantee: str, let_in: set[str]) -> None:
        """A role's sessions, a session alone, a user; of any account, without an IAM policy. Root only of an account.

        AWS KMS API Reference, "CreateGrant", GranteePrincipal; KMS developer guide, "Grant concepts".
        """
        grant = make_grant(grantee, "Encrypt")
        found = {name for name in CALLERS if by_grant(name, grant) == Decision(None, grant=grant)}
        assert found == let_in

    def test_a_federated_user_has_the_grants_of_its_user_as_far_as_its_session_goes(self) -> None:
        """IAM User Guide, "Permissions for GetFederationToken": what its user has and its session policies allow."""
        grant = make_grant(BOB.arn, "Encrypt", grantee_id=BOB.user_id)
        federated = CALLERS["federated"]
        assert by_grant(identity(federated, KMS, session=[KMS]), grant).allowed
        assert not by_grant(identity(federated, KMS, session=[[allow("s3:*")]]), grant).allowed
        assert not by_grant(
            identity(federated, KMS, session=[KMS]), make_grant(BOB.arn, "Encrypt", grantee_id="OLD")
        ).allowed

    @pytest.mark.parametrize(
        ("caller", "grantee", "owner"),
        [
            ("user", ROOT, True),
            ("session", ROOT, True),
            ("federated", ROOT, True),
            ("other-user", OTHER_ROOT, True),
            ("other-user", ROOT, False),
            ("user", OTHER_ROOT, False),
        ],
    )
    def test_a_grant_to_an_account_is_handed_on_by_its_policies(
        self, caller: str, grantee: str, *, owner: bool
    ) -> None:
        """Identity, boundary and session policies must allow, as with a key policy that names the account."""
        grant = make_grant(grantee, "Encrypt")
        assert by_grant(identity(CALLERS[caller], KMS), grant).allowed is owner
        assert not by_grant(caller, grant).allowed
        assert not by_grant(identity(CALLERS[caller], KMS, boundary=[allow("s3:*")]), grant).allowed
        assert not by_grant(identity(CALLERS[caller], KMS, session=[[allow("s3:*")]]), grant).allowed

    @pytest.mark.parametrize(
        ("caller", "grantee", "grantee_id", "let_in"),
        [
            ("user", BOB.arn, BOB.user_id, True),
            ("user", BOB.arn, "AIDAOLD", False),
            ("session", APP.arn, APP.role_id, True),
            ("session", APP.arn, "AROAOLD", False),
            ("session", SESSION, APP.role_id, True),
            ("session", SESSION, "AROAOLD", False),
        ],
    )
    def test_who_was_made_anew_is_another(self, caller: str, grantee: str, grantee_id: str, *, let_in: bool) -> None:
        """A user or role of the same name that was made later has not inherited the grant."""
        assert by_grant(caller, make_grant(grantee, "Encrypt", grantee_id=grantee_id)).allowed is let_in

    def test_only_its_operations(self) -> None:
        """Each by its name; Decrypt says nothing of ReEncrypt."""
        grant = make_grant(BOB.arn, "Decrypt", "ReEncryptFrom")
        allowed = {
            operation
            for operation in ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "DescribeKey", "RevokeGrant")
            if by_grant("user", grant, f"kms:{operation}").allowed
        }
        assert allowed == {"Decrypt", "ReEncryptFrom"}

    @pytest.mark.parametrize(
        ("constraints", "encryption_context", "fits"),
        [
            (EQUALS, {"a": "1"}, True),
            (EQUALS, {"a": "1", "b": "2"}, False),
            (EQUALS, {"A": "1"}, False),
            (EQUALS, None, False),
            (SUBSET, {"a": "1", "b": "2"}, True),
            (SUBSET, {"a": "2"}, False),
            (SUBSET, {}, False),
        ],
    )
    def test_only_under_its_constraint(
        self, constraints: GrantConstraints, encryption_context: Mapping[str, str] | None, *, fits: bool
    ) -> None:
        """KMS developer guide, "Using grant constraints": an exact match, case included. Not for DescribeKey."""
        grant = make_grant(BOB.arn, "Decrypt", "DescribeKey", constraints=constraints)
        assert by_grant("user", grant, "kms:Decrypt", encryption_context=encryption_context).allowed is fits
        assert by_grant("user", grant, "kms:DescribeKey").allowed

    def test_any_of_several_grants_is_enough(self) -> None:
        """They are OR-ed, whoever of the caller's names they are for."""
        grants = [make_grant(SESSION, "Sign"), make_grant(APP.arn, "Verify"), make_grant(APP.arn, "Encrypt")]
        key = key_side(CLOSED, grants=grants)
        decision = decide(identity(CALLERS["session"]), question(), key)
        assert (decision.allowed, decision.grant) == (True, grants[2])

    def test_a_key_policy_that_allows_comes_first(self) -> None:
        """What a policy already gives needs no grant."""
        decision = by_grant("user", make_grant(BOB.arn, "Encrypt"), key_policy=[let(BOB.arn, Sid="bob")])
        assert decision.allowed
        assert decision.grant is None

    @pytest.mark.parametrize("caller", ["session", "other-session"])
    def test_a_deny_beats_it(self, caller: str) -> None:
        """In the key policy and in every document of the caller. KMS developer guide, "Grants in AWS KMS"."""
        asking = CALLERS[caller]
        assert asking.role is not None
        grant, denial = make_grant(asking.role.arn, "Encrypt"), [deny("kms:Encrypt")]
        by_key_policy = by_grant(caller, grant, key_policy=[*CLOSED, keep_out(asking.role.arn)])
        assert by_key_policy.why is (Why.DENIED_BY_RESOURCE if caller == "session" else Why.FOREIGN)
        assert by_grant(identity(asking, denial), grant).why is Why.DENIED_BY_IDENTITY
        assert by_grant(identity(asking, boundary=denial), grant).why is Why.DENIED_BY_BOUNDARY
        assert by_grant(identity(asking, session=[denial]), grant).why is Why.DENIED_BY_SESSION

    def test_boundary_and_session_policies_that_are_silent_do_not_limit_it(self) -> None:
        """AWS does not say; what the key's side gives to the caller itself counts."""
        silent = identity(CALLERS["session"], boundary=[allow("s3:*")], session=[[allow("s3:*")]])
        for grantee in (APP.arn, SESSION):
            assert by_grant(silent, make_grant(grantee, "Encrypt")).allowed

    @pytest.mark.parametrize(
        ("who", "reason"),
        [
            (identity(CALLERS["user"], KMS), Why.NOT_IN_RESOURCE),
            (identity(CALLERS["other-user"], KMS), Why.FOREIGN),
        ],
    )
    def test_where_it_does_not_help_the_reason_is_that_of_the_policies(self, who: Identity, reason: Why) -> None:
        """Texts of refusals do not know grants."""
        assert by_grant(who, make_grant(APP.arn, "Encrypt")).why is reason
        assert by_grant(who, make_grant(BOB.arn, "Decrypt")).why is reason

    def test_it_helps_who_is_delegated_to_without_an_iam_policy(self) -> None:
        """The key policy names the account, the user has no IAM policy, a grant names the user."""
        assert by_grant("user", make_grant(BOB.arn, "Encrypt"), key_policy=[let(ROOT)]).allowed
        assert by_grant("user", make_grant(APP.arn, "Encrypt"), key_policy=[let(ROOT)]).why is Why.NOT_IN_IDENTITY

    def test_roles_have_no_grants(self) -> None:
        """They belong to KMS keys."""
        trust = role_side([allow("sts:AssumeRole", Principal="*", Resource=...)])
        assert decide(identity(CALLERS["user"], KMS), question(), trust).why is Why.NOT_IN_TRUST


class TestChildren:
    """A grant with CreateGrant hands on no more than it has: KMS developer guide, "Granting CreateGrant permission"."""

    @pytest.mark.parametrize(
        ("parent", "operations", "constraints", "allowed"),
        [
            (None, ("Encrypt",), None, True),
            (None, ("Encrypt", "Decrypt", "CreateGrant"), None, True),
            (None, ("Encrypt", "Sign"), None, False),
            (None, ("Encrypt",), EQUALS, True),
            (SUBSET, ("Encrypt",), None, False),
            (SUBSET, ("Encrypt",), SUBSET, True),
            (SUBSET, ("Encrypt",), EQUALS, True),
            (SUBSET, ("Encrypt",), GrantConstraints(encryption_context_subset={"a": "1", "b": "2"}), True),
            (SUBSET, ("Encrypt",), GrantConstraints(encryption_context_subset={"b": "2"}), False),
            (SUBSET, ("Encrypt",), GrantConstraints(encryption_context_subset={"A": "1"}), False),
            (EQUALS, ("Encrypt",), EQUALS, True),
            (EQUALS, ("Encrypt",), SUBSET, False),
            (EQUALS, ("Encrypt",), GrantConstraints(encryption_context_equals={"a": "1", "b": "2"}), False),
        ],
    )
    def test_operations_and_constraint_of_the_child(
        self,
        parent: GrantConstraints | None,
        operations: tuple[str, ...],
        constraints: GrantConstraints | None,
        *,
        allowed: bool,
    ) -> None:
        """A part of its operations, and a constraint at least as strict."""
        grant = make_grant(BOB.arn, "Encrypt", "Decrypt", "CreateGrant", constraints=parent)
        made = NewGrant(operations, constraints)
        assert by_grant("user", grant, "kms:CreateGrant", new_grant=made).allowed is allowed

    def test_without_create_grant_nothing_is_handed_on(self) -> None:
        """Not even what the grantee itself may."""
        made = NewGrant(("Encrypt",), None)
        assert not by_grant("user", make_grant(BOB.arn, "Encrypt"), "kms:CreateGrant", new_grant=made).allowed

    def test_a_policy_that_allows_create_grant_is_not_bound_so(self) -> None:
        """Whoever may by policy may give any grant, and needs none of its permissions."""
        grant, made = make_grant(BOB.arn, "CreateGrant", "Encrypt"), NewGrant(("Sign",), None)
        key_policy = [let(BOB.arn, action="kms:CreateGrant")]
        assert by_grant("user", grant, "kms:CreateGrant", key_policy=key_policy, new_grant=made).allowed

    def test_other_permissions_do_not_widen_the_child(self) -> None:
        """The user may Sign by policy; its grant does not let it hand that on."""
        grant, made = make_grant(BOB.arn, "CreateGrant", "Encrypt"), NewGrant(("Sign",), None)
        key_policy = [let(BOB.arn, action="kms:Sign")]
        assert not by_grant("user", grant, "kms:CreateGrant", key_policy=key_policy, new_grant=made).allowed


def retiring(
    who: Identity | str, *, of: Grant | None = None, policies: Statements = (), owner: str = OWNER
) -> Why | None:
    """The verdict on RetireGrant; a caller by its name has these policies."""
    asking = identity(CALLERS[who], policies) if isinstance(who, str) else who
    return decide_on_retiring(asking, question("kms:RetireGrant", resource=KEY_ARN), of, owner=owner).why


RETIRE: Final = [allow("kms:RetireGrant")]


class TestRetiring:
    """The grant says who may retire it: KMS developer guide, "Retiring and revoking grants"."""

    @pytest.mark.parametrize(
        ("principal", "may"),
        [
            (BOB.arn, {"user", "token"}),
            (APP.arn, {"session"}),
            (SESSION, {"session"}),
            (OTHER_BOB.arn, {"other-user"}),
            (OTHER_ROOT, {"other-root"}),
        ],
    )
    def test_the_retiring_principal_needs_no_policy(self, principal: str, may: set[str]) -> None:
        """And the root user of the account that made the grant always may."""
        grant = make_grant("arn:aws:iam::111122223333:user/x", "Encrypt", retiring=principal)
        assert {name for name in CALLERS if retiring(name, of=grant) is None} == may | {"root"}

    @pytest.mark.parametrize(
        ("operations", "may"), [(("Encrypt", "RetireGrant"), {"user", "token"}), (("Encrypt",), set())]
    )
    def test_the_grantee_may_if_the_grant_says_so(self, operations: tuple[str, ...], may: set[str]) -> None:
        """RetireGrant among its operations; a constraint on the encryption context does not bind it."""
        grant = make_grant(BOB.arn, *operations, constraints=EQUALS, retiring=OTHER_APP.arn)
        assert {name for name in CALLERS if retiring(name, of=grant) is None} == may | {"root", "other-session"}

    @pytest.mark.parametrize("unique_id", ["AIDAOLD", None])
    def test_who_was_made_anew_is_another(self, unique_id: str | None) -> None:
        """Neither as retiring principal nor as grantee."""
        as_retiring = make_grant(APP.arn, "Encrypt", retiring=BOB.arn, retiring_id=unique_id)
        as_grantee = make_grant(BOB.arn, "RetireGrant", "Encrypt", grantee_id=unique_id)
        for grant in (as_retiring, as_grantee):
            assert (retiring("user", of=grant) is None) is (unique_id is None)

    @pytest.mark.parametrize(
        ("caller", "grant", "by_policy"),
        [
            ("user", make_grant(APP.arn, "Encrypt"), None),
            ("session", make_grant(BOB.arn, "Encrypt"), None),
            ("other-user", make_grant(BOB.arn, "Encrypt", retiring=OTHER_ROOT), None),
            ("other-user", make_grant(BOB.arn, "Encrypt", issuing_account=OTHER_ROOT), None),
            ("other-user", make_grant(BOB.arn, "Encrypt"), Why.FOREIGN),
            ("other-user", make_grant(BOB.arn, "Encrypt", retiring=OTHER_APP.arn), Why.FOREIGN),
            ("user", make_grant(APP.arn, "Encrypt", issuing_account=OTHER_ROOT), Why.NOT_IN_IDENTITY),
        ],
    )
    def test_what_an_iam_policy_gives(self, caller: str, grant: Grant, by_policy: Why | None) -> None:
        """It delegates what an account has that made the grant, or is its retiring principal; to nobody else."""
        refusal = Why.FOREIGN if caller.startswith("other") else Why.NOT_IN_IDENTITY
        assert retiring(caller, of=grant) is refusal
        assert retiring(caller, of=grant, policies=RETIRE) is by_policy
        assert retiring(caller, of=grant, policies=[allow("kms:RevokeGrant")]) is refusal
        limited = identity(CALLERS[caller], RETIRE, boundary=[allow("s3:*")])
        assert retiring(limited, of=grant) is refusal

    def test_boundary_and_session_policies_that_are_silent_do_not_limit_principals_of_the_grant(self) -> None:
        """Principals named in the grant need no permission."""
        silent = identity(CALLERS["session"], boundary=[allow("s3:*")], session=[[allow("s3:*")]])
        assert retiring(silent, of=make_grant(BOB.arn, "Encrypt", retiring=APP.arn)) is None

    def test_a_deny_on_the_identity_side_beats_the_grant(self) -> None:
        """Also for the retiring principal; which document it stands in is the reason."""
        grant, denial = make_grant(APP.arn, "RetireGrant", retiring=APP.arn), [deny("kms:RetireGrant")]
        caller = CALLERS["session"]
        assert retiring(identity(caller, denial), of=grant) is Why.DENIED_BY_IDENTITY
        assert retiring(identity(caller, boundary=denial), of=grant) is Why.DENIED_BY_BOUNDARY
        assert retiring(identity(caller, session=[denial]), of=grant) is Why.DENIED_BY_SESSION

    @pytest.mark.parametrize(
        ("caller", "reason"),
        [("root", Why.NOT_IN_IDENTITY), ("user", Why.NOT_IN_IDENTITY), ("other-user", Why.FOREIGN)],
    )
    def test_a_grant_that_is_not_there_is_refused_alike(self, caller: str, reason: Why) -> None:
        """Nothing tells it from one that the caller may not retire."""
        assert retiring(caller, policies=RETIRE) is reason

    def test_the_root_user_of_an_account_that_did_not_make_the_grant_may_not(self) -> None:
        """Neither that of the key's account, if another one's principal made it."""
        grant = make_grant(BOB.arn, "Encrypt", issuing_account=OTHER_ROOT)
        assert retiring("root", of=grant) is Why.NOT_IN_IDENTITY
        assert retiring("other-root", of=grant) is None
