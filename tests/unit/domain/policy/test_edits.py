"""Changes made on paper: each does what the API would do, and nothing beside it."""

from harness.decisions import BOB, DELEGATING, KEY_ARN, OWNER, grant, identity, key_side, question, user, written
from harness.policies import allow, deny
from selfkms.domain.arns import root_arn
from selfkms.domain.policy.edits import (
    Sides,
    adding_to_boundary,
    adding_to_iam_policies,
    adding_to_key_policy,
    adding_to_session_policies,
    detaching,
    granting,
    new_grant,
    removing,
    replacing,
    revoking,
)
from selfkms.domain.policy.evaluate import Document, Identity, decide

ALLOW = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY_ARN}


def allowed(sides: Sides) -> bool:
    return decide(sides.identity, question(), sides.resource).allowed


def numbers(document: Document | None) -> list[int]:
    assert document is not None
    return [statement.number for statement in document.policy.statements]


def test_a_statement_less() -> None:
    """Of that document alone; the others keep their numbers."""
    document = written("p", allow("kms:a"), allow("kms:b"), deny("kms:c"))
    who = Identity(caller=user(), policies=(document, written("q", allow("kms:a"))))
    changed = removing("p", document.policy.statements[1])(Sides(who, None)).identity
    assert [numbers(policy) for policy in changed.policies] == [[0, 2], [0]]


def test_a_document_is_changed_wherever_it_counts() -> None:
    """A managed policy that is attached and is the boundary is one policy; so is one among session policies."""
    document = written("arn:aws:iam::111122223333:policy/p", allow("kms:a"))
    who = Identity(caller=user(), policies=(document,), boundary=document, session=(document,))
    changed = removing(document.name, document.policy.statements[0])(Sides(who, None)).identity
    assert numbers(changed.boundary) == []
    assert [numbers(policy) for policy in (*changed.policies, *(changed.session or ()))] == [[], []]


def test_a_statement_exchanged() -> None:
    """In the key policy too."""
    side = key_side(DELEGATING, allow("kms:*", principal=BOB))
    old, new = side.policy.policy.statements
    changed = replacing(side.policy.name, old, new)(Sides(identity(user()), side)).resource
    assert changed is not None
    assert changed.policy.policy.statements == (new, new)


def test_a_policy_is_detached() -> None:
    """It stays the boundary if it is that."""
    document = written("p", allow("kms:a"))
    who = Identity(caller=user(), policies=(document,), boundary=document)
    changed = detaching("p")(Sides(who, None)).identity
    assert (changed.policies, changed.boundary) == ((), document)


def test_statements_more() -> None:
    """Where they belong."""
    who = identity(user(), boundary=[], session_policy=[])
    sides = Sides(who, key_side(DELEGATING))
    assert not allowed(sides)
    for edit in (adding_to_iam_policies, adding_to_boundary, adding_to_session_policies):
        sides = edit(ALLOW)(sides)
    assert allowed(sides)
    assert len(sides.identity.policies) == 1


def test_whoever_writes_a_key_policy_binds_it_anew() -> None:
    """The ARN stands for who has it now; the others stay who they were."""
    side = key_side(principal_ids={BOB: "AIDAOLD", "arn:aws:iam::111122223333:user/x": "AIDAX"})
    statement = {**ALLOW, "Principal": {"AWS": BOB}, "Resource": "*"}
    changed = adding_to_key_policy(statement, BOB)(Sides(identity(user()), side))
    assert allowed(changed)
    assert changed.resource is not None
    assert changed.resource.principal_ids == {"arn:aws:iam::111122223333:user/x": "AIDAX"}


def test_grants_come_and_go() -> None:
    """The others stay."""
    sides = Sides(identity(user()), key_side(grants=[grant(BOB, "Encrypt", number=7)]))
    more = granting(new_grant(question(), BOB))(sides)
    assert allowed(more)
    assert more.resource is not None
    assert more.resource.grants_to is not None
    assert len(more.resource.grants_to(BOB)) == 2
    assert not more.resource.grants_to(root_arn(OWNER))
    less = revoking(new_grant(question(), BOB))(more)
    assert not allowed(less)
    assert less.resource is not None
    assert less.resource.grants_to is not None
    assert [g.operations for g in less.resource.grants_to(BOB)] == [("Encrypt",)]


def test_the_new_grant() -> None:
    """On this key, of this operation."""
    made = new_grant(question(), BOB)
    assert (made.key_arn, made.operations, made.constraints) == (KEY_ARN, ("Decrypt",), None)
