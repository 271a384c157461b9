"""What holds of the verdict for all documents.

Documents, callers and grants are small and few-valued, so that they meet each other.

Source: IAM User Guide, "Policy evaluation logic"; KMS developer guide, "Grants in AWS KMS".
"""

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    FEDERATED,
    KEY_ARN,
    OTHER,
    OTHER_APP,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    ROOT,
    SESSION,
    Statement,
    Statements,
    allow,
    aws,
    deny,
    identity,
    key_side,
    make_grant,
    question,
)
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.policy.evaluate import Decision, NewGrant, Why, decide

ACTIONS: Final = ("kms:Encrypt", "kms:Decrypt", "kms:CreateGrant")
FACTS: Final = {"aws:SecureTransport": "true", "kms:CallerAccount": OWNER, "aws:PrincipalArn": BOB.arn}
NAMES: Final = (
    ROOT,
    OWNER,
    OTHER_ROOT,
    OTHER,
    BOB.arn,
    BOB.user_id,
    APP.arn,
    APP.role_id,
    SESSION,
    FEDERATED,
    OTHER_BOB.arn,
    OTHER_APP.arn,
    "*",
)
CONTEXTS: Final[tuple[dict[str, str], ...]] = ({}, {"a": "1"}, {"a": "1", "b": "2"}, {"b": "2"})

actions = st.sampled_from(
    ["kms:*", "kms:*", "kms:*", "kms:Encrypt", "KMS:enc*", ["kms:Decrypt", "kms:CreateGrant"], "s3:*", "*"]
)
resources = st.sampled_from(["*", "*", KEY_ARN, "arn:aws:kms:*:*:key/*", "arn:aws:kms:us-east-1:*:key/*"])
conditions = st.sampled_from(
    [
        {},
        {},
        {},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringNotEquals": {"kms:ViaService": "s3.amazonaws.com"}},
        {"StringEquals": {"kms:CallerAccount": OTHER}},
    ]
)
names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
principals = names.map(lambda listed: {"Principal": aws(*listed)})
everybody_but = st.lists(st.sampled_from(NAMES[:-1]), min_size=1, max_size=4, unique=True).map(
    lambda listed: {"NotPrincipal": aws(*listed)}
)


@st.composite
def statements(draw: st.DrawFn, *, effect: str | None = None, of_key: bool = False) -> Statement:
    """A statement of an identity policy, or of a key policy."""
    makes = {"Allow": allow, "Deny": deny}[
        effect or draw(st.sampled_from(["Allow", "Allow", "Allow", "Allow", "Deny"]))
    ]
    about: dict[str, Any] = {"Resource": draw(resources), "Condition": draw(conditions)}
    negated = draw(st.integers(0, 5)) == 0
    about |= {"NotAction": draw(actions)} if negated else {}
    if of_key:
        about |= draw(st.one_of(principals, principals, everybody_but) if makes is deny else principals)
    return makes(... if negated else draw(actions), **about)


def policies(*, of_key: bool = False) -> st.SearchStrategy[list[Statement]]:
    """A policy, perhaps of no statement."""
    return st.lists(statements(of_key=of_key), max_size=3)


pairs = st.sampled_from([context for context in CONTEXTS if context])
constraints = st.one_of(
    st.none(),
    pairs.map(lambda context: GrantConstraints(encryption_context_equals=context)),
    pairs.map(lambda context: GrantConstraints(encryption_context_subset=context)),
)
operations = st.lists(st.sampled_from(["Encrypt", "Decrypt", "CreateGrant"]), min_size=1, max_size=3, unique=True)
grants = st.builds(
    lambda grantee, listed, constraint: make_grant(grantee, *listed, constraints=constraint),
    st.sampled_from([name for name in NAMES if name.startswith("arn:")]),
    operations,
    constraints,
)


class Case:
    """A request with all documents that concern it; what is changed in one is changed in a copy."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return repr(self.parts)

    def but(self, **parts: Any) -> "Case":
        """The same but for these parts."""
        return Case(**{**self.parts, **parts})

    def with_statement(self, where: str, statement: Statement, place: int) -> "Case":
        """The same with one more statement in a document. Boundary and session policies must exist."""
        document: Statements = self.parts[where]
        return self.but(**{where: [*document[:place], statement, *document[place:]]})

    def decide(self) -> Decision:
        """The verdict."""
        parts = self.parts
        session: list[Statements] | None = None if parts["session"] is None else [parts["session"]]
        asking = identity(CALLERS[parts["caller"]], parts["policies"], boundary=parts["boundary"], session=session)
        new_grant = NewGrant(("Decrypt",), None) if parts["action"].lower() == "kms:creategrant" else None
        asked = question(
            parts["action"], facts=FACTS, encryption_context=parts["encryption_context"], new_grant=new_grant
        )
        return decide(asking, asked, key_side(parts["key_policy"], grants=parts["grants"]))


@st.composite
def cases(draw: st.DrawFn, *, caller: Sequence[str] = tuple(CALLERS)) -> Case:
    """A request."""
    return Case(
        caller=draw(st.sampled_from(caller)),
        action=draw(st.sampled_from(ACTIONS)),
        encryption_context=draw(st.sampled_from(CONTEXTS)),
        policies=draw(policies()),
        boundary=draw(st.none() | policies()),
        session=draw(st.none() | policies()),
        key_policy=draw(policies(of_key=True)),
        grants=draw(st.lists(grants, max_size=2)),
    )


DOCUMENTS: Final = ("policies", "boundary", "session", "key_policy")
places = st.integers(0, 3)
quick = settings(max_examples=80)


@quick
@given(cases(), st.sampled_from(DOCUMENTS), places)
def test_an_explicit_deny_anywhere_wins(case: Case, where: str, place: int) -> None:
    """Whatever else the documents and grants say."""
    denial = deny("*", Principal="*") if where == "key_policy" else deny("*")
    with_document = case if case.parts[where] is not None else case.but(**{where: []})
    assert not with_document.with_statement(where, denial, place).decide().allowed


@quick
@given(cases(), st.data(), st.sampled_from(DOCUMENTS), places)
def test_one_allow_more_never_takes_away(case: Case, data: st.DataObject, where: str, place: int) -> None:
    """Wherever it is added, what was allowed stays allowed."""
    if case.parts[where] is None or not case.decide().allowed:
        return
    more = data.draw(statements(effect="Allow", of_key=where == "key_policy"))
    assert case.with_statement(where, more, place).decide().allowed


@quick
@given(cases(), st.data(), st.sampled_from(DOCUMENTS), places)
def test_one_deny_more_never_gives(case: Case, data: st.DataObject, where: str, place: int) -> None:
    """So that to take one away never takes permission away."""
    if case.parts[where] is None:
        return
    more = data.draw(statements(effect="Deny", of_key=where == "key_policy"))
    if case.with_statement(where, more, place).decide().allowed:
        assert case.decide().allowed


@quick
@given(cases(), st.sampled_from(["boundary", "session"]))
def test_a_boundary_or_a_session_policy_never_widens(case: Case, which: str) -> None:
    """What is allowed with one is allowed without it."""
    if case.decide().allowed:
        assert case.but(**{which: None}).decide().allowed


@quick
@given(cases(), grants)
def test_one_grant_more_never_takes_away(case: Case, grant: Grant) -> None:
    """Grants only allow."""
    if case.decide().allowed:
        assert case.but(grants=[*case.parts["grants"], grant]).decide().allowed


@quick
@given(cases(), st.randoms(use_true_random=False))
def test_order_changes_nothing(case: Case, random: Any) -> None:
    """Neither whether it is allowed nor the reason, in any order of statements and grants."""
    shuffled = {
        where: document if document is None else random.sample(document, len(document))
        for where, document in case.parts.items()
        if where in {*DOCUMENTS, "grants"}
    }
    assert case.but(**shuffled).decide().why is case.decide().why


@quick
@given(cases())
def test_the_case_of_an_action_in_a_policy_changes_nothing(case: Case) -> None:
    """IAM User Guide, "IAM JSON policy elements: Action": prefix and name are compared without case."""

    def swapped(statement: Statement) -> Statement:
        def swap(element: Any) -> Any:
            return [text.swapcase() for text in element] if isinstance(element, list) else element.swapcase()

        return {name: swap(value) if name in {"Action", "NotAction"} else value for name, value in statement.items()}

    documents = {
        where: None if case.parts[where] is None else [swapped(each) for each in case.parts[where]]
        for where in DOCUMENTS
    }
    assert case.but(**documents).decide().why is case.decide().why


@quick
@given(cases(caller=[name for name in CALLERS if name.startswith("other")]))
def test_nobody_of_another_account_gets_in_without_the_keys_side(case: Case) -> None:
    """Neither by identity policies alone; nor, without a grant, by the key policy alone, but for its root user."""
    alone = case.but(policies=[allow("*")], boundary=None, session=None, key_policy=[], grants=[])
    assert alone.decide().why is Why.FOREIGN
    if case.parts["caller"] != "other-root":
        assert not case.but(policies=[], grants=[]).decide().allowed


@quick
@given(cases(caller=["root", "user", "token", "session", "federated"]))
def test_nobody_gets_in_by_identity_policies_alone(case: Case) -> None:
    """Without the key policy they have no effect. KMS developer guide, "Key policies in AWS KMS"."""
    open_otherwise = case.but(policies=[allow("*")], boundary=None, session=None, grants=[])
    assert open_otherwise.but(key_policy=[]).decide().why is Why.NOT_IN_RESOURCE
    not_named = [each for each in case.parts["key_policy"] if each["Effect"] == "Deny"]
    assert not open_otherwise.but(key_policy=not_named).decide().allowed


@quick
@given(st.sampled_from(["user", "session"]), operations, constraints, st.data(), st.sampled_from(CONTEXTS))
def test_a_child_never_permits_what_its_parent_does_not(
    caller: str,
    handed_on: list[str],
    constraint: GrantConstraints | None,
    data: st.DataObject,
    context: dict[str, str],
) -> None:
    """A grant that was made on the strength of another is as narrow or narrower, whoever its grantee is."""
    asking = identity(CALLERS[caller])
    parent = make_grant(CALLERS[caller].arn, *data.draw(operations), "CreateGrant", constraints=data.draw(constraints))
    asked = question("kms:CreateGrant", new_grant=NewGrant(tuple(handed_on), constraint))
    if not decide(asking, asked, key_side([], grants=[parent])).allowed:
        return
    child = make_grant(OTHER_BOB.arn, *handed_on, constraints=constraint)
    for operation in ("Encrypt", "Decrypt"):
        use = question(f"kms:{operation}", encryption_context=context)
        if decide(identity(CALLERS["other-user"]), use, key_side([], grants=[child])).allowed:
            assert decide(asking, use, key_side([], grants=[parent])).allowed
