"""The page `permissions.md`: who may do what, worked out by the program's own verdict for each operation.

For each way to be let in or kept out there is a column with one caller and one set of documents. A change of what
policies and grants mean shows as a change of this page.
"""

from typing import Final, NamedTuple

from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.principals import User
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.key_policy import default_key_policy
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import (
    Decision,
    Document,
    Identity,
    NewGrant,
    Question,
    ResourceSide,
    Why,
    decide,
    decide_on_retiring,
)
from selfkms.domain.policy.facts import Facts
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import (
    AliasNamed,
    GrantNamed,
    KeyNamed,
    KeyOfCiphertext,
    Operation,
    PrincipalNamed,
    ReplicaNamed,
    Target,
)

_OWNER: Final = "111122223333"
_OTHER: Final = "444455556666"
_KEY: Final = f"arn:aws:kms:us-east-1:{_OWNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_RESOURCES: Final = {AliasNamed: f"arn:aws:kms:us-east-1:{_OWNER}:alias/a", PrincipalNamed: root_arn(_OWNER)}

_INTRODUCTION: Final = """# Who may do what

Each column is one caller and the documents that concern it; each row is one permission that an operation asks for.
`✓` is allowed, otherwise the reason of the refusal: *key policy* and *IAM* lack an Allow, *Deny* names the document
that denies, *foreign* is the one answer about another account's key that is closed or does not exist.

The grant of the last column holds every operation that a grant can hold. RetireGrant is decided by the grant: the
callers of the other columns are neither its grantee nor its retiring principal.
"""

_REASONS: Final = {
    Why.NOT_IN_RESOURCE: "key policy",
    Why.NOT_IN_IDENTITY: "IAM",
    Why.NOT_IN_BOUNDARY: "boundary",
    Why.DENIED_BY_RESOURCE: "Deny in the key policy",
    Why.DENIED_BY_IDENTITY: "Deny in IAM",
    Why.FOREIGN: "foreign",
}

_OF_GRANTS: Final = (
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
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
    "GetPublicKey",
    "DescribeKey",
    "CreateGrant",
    "RetireGrant",
)


def _iam(effect: str, action: str = "kms:*") -> str:
    return f'{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "{action}", "Resource": "*"}}}}'


def _key_policy(*statements: tuple[str, str]) -> str:
    written = ", ".join(
        f'{{"Effect": "{effect}", "Principal": {{"AWS": "{principal}"}}, "Action": "kms:*", "Resource": "*"}}'
        for effect, principal in statements
    )
    return f'{{"Version": "2012-10-17", "Statement": [{written}]}}'


def _user(account_id: str) -> Caller:
    return Caller.user(User(account_id=account_id, user_name="u", user_id="AIDAU", created_at=0.0), "AKIAU")


_ROOT: Final = root_arn(_OWNER)
_USER: Final = user_arn(_OWNER, "/", "u")
_FOREIGN: Final = user_arn(_OTHER, "/", "u")


class _Column(NamedTuple):
    title: str
    caller: Caller
    key_policy: str
    iam: tuple[str, ...] = ()
    boundary: str | None = None
    granted: bool = False


_ALLOW, _DENY = _iam("Allow"), _iam("Deny")
_BY_NAME: Final = _key_policy(("Allow", _USER))
_BY_FOREIGN_NAME: Final = _key_policy(("Allow", _FOREIGN))

_COLUMNS: Final = (
    _Column("user, named", _user(_OWNER), _BY_NAME),
    _Column("user, named; boundary without Allow", _user(_OWNER), _BY_NAME, boundary=_iam("Allow", "s3:*")),
    _Column("user, named; Deny in IAM", _user(_OWNER), _BY_NAME, (_DENY,)),
    _Column("user, account named, IAM", _user(_OWNER), default_key_policy(_OWNER), (_ALLOW,)),
    _Column(
        "user, account named, IAM; boundary without Allow",
        _user(_OWNER),
        default_key_policy(_OWNER),
        (_ALLOW,),
        boundary=_iam("Allow", "s3:*"),
    ),
    _Column("user, account named", _user(_OWNER), default_key_policy(_OWNER)),
    _Column("user, IAM alone", _user(_OWNER), _key_policy(("Allow", _FOREIGN)), (_ALLOW,)),
    _Column(
        "user, account named, IAM; Deny in the key policy",
        _user(_OWNER),
        _key_policy(("Allow", _ROOT), ("Deny", _USER)),
        (_ALLOW,),
    ),
    _Column("root, account named", Caller.root(_OWNER, "AKIAR"), default_key_policy(_OWNER)),
    _Column("root, a user named", Caller.root(_OWNER, "AKIAR"), _BY_NAME),
    _Column("foreign user, named, IAM", _user(_OTHER), _BY_FOREIGN_NAME, (_ALLOW,)),
    _Column("foreign user, named", _user(_OTHER), _BY_FOREIGN_NAME),
    _Column("foreign user, IAM alone", _user(_OTHER), default_key_policy(_OWNER), (_ALLOW,)),
    _Column("foreign root, account named", Caller.root(_OTHER, "AKIAR"), _key_policy(("Allow", root_arn(_OTHER)))),
    _Column("foreign user, grantee", _user(_OTHER), default_key_policy(_OWNER), granted=True),
)


def permissions_page() -> str:
    """Every permission of every operation, for every column."""
    lines = [
        _INTRODUCTION,
        "| operation | permission | " + " | ".join(column.title for column in _COLUMNS) + " |",
        "| --- | --- |" + " --- |" * len(_COLUMNS),
    ]
    for name in sorted(OPERATIONS):
        operation = OPERATIONS[name]
        for asked in _asked(operation):
            cells = [_cell(asked, column) for column in _COLUMNS]
            lines.append(f"| {name} | `{asked.action}` on {asked.on} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


class _Asked(NamedTuple):
    """A permission."""

    action: str
    on: str
    target: Target | None
    """None: no key."""


def _asked(operation: Operation) -> list[_Asked]:
    asked: list[_Asked] = []
    for target in operation.targets:
        match target:
            case AliasNamed():
                asked.append(_Asked(operation.action, "the alias", target))
                if target.exists:
                    asked.append(_Asked(operation.action, "its present key", KeyNamed()))
            case KeyNamed() if not target.permission:
                asked.append(_Asked(operation.action, "`*`", None))
            case KeyNamed() | KeyOfCiphertext():
                asked.append(_Asked(target.action or operation.action, "the key", target))
            case ReplicaNamed():
                asked.append(_Asked(operation.action, "the replica key", KeyNamed()))
            case PrincipalNamed():
                asked.append(_Asked(operation.action, "the principal", target))
            case GrantNamed():
                asked.append(_Asked(operation.action, "the grant", target))
            case _:
                raise AssertionError(f"{operation.name} is about something that this page does not know")
    return asked or [_Asked(operation.action, "`*`", None)]


def _cell(asked: _Asked, column: _Column) -> str:
    decision = _decide(asked, column)
    return "✓" if decision.why is None else _REASONS[decision.why]


def _decide(asked: _Asked, column: _Column) -> Decision:
    identity = Identity(
        caller=column.caller,
        policies=tuple(Document("IAM", Policy.parse(text, PolicyKind.IDENTITY)) for text in column.iam),
        boundary=None
        if column.boundary is None
        else Document("boundary", Policy.parse(column.boundary, PolicyKind.IDENTITY)),
    )
    nothing = Facts.of({})
    resource = "*" if asked.target is None else _RESOURCES.get(type(asked.target), _KEY)
    question = Question(
        action=asked.action,
        resource=resource,
        facts=nothing,
        resource_facts=nothing,
        new_grant=NewGrant(("Decrypt",), None) if asked.action == "kms:CreateGrant" else None,
    )
    if isinstance(asked.target, GrantNamed):
        return decide_on_retiring(identity, question, _grant(column), owner=_OWNER)
    if not isinstance(asked.target, KeyNamed | KeyOfCiphertext):
        return decide(identity, question, None)
    return decide(identity, question, _key_side(asked.target, column))


def _key_side(target: KeyNamed | KeyOfCiphertext, column: _Column) -> ResourceSide:
    """The key as the gate finds it: where an operation does not reach into other accounts, it is not there."""
    reached = column.caller.account_id == _OWNER or isinstance(target, KeyOfCiphertext) or target.foreign
    policy = Policy.parse(column.key_policy, PolicyKind.KEY) if reached else Policy(())
    grants = [_grant(column)] if reached else []
    return ResourceSide(
        policy=Document("the key policy", policy),
        owner=_OWNER,
        principal_ids={},
        grants_to=lambda grantee: [grant for grant in grants if grant.grantee == grantee],
    )


def _grant(column: _Column) -> Grant:
    """A grant to the caller, or to somebody else; the owner of the key made it."""
    return Grant(
        account_id=_OWNER,
        region="us-east-1",
        key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        grant_id="0" * 64,
        created_at=0.0,
        grantee=column.caller.arn if column.granted else user_arn(_OTHER, "/", "somebody-else"),
        issuing_account=_ROOT,
        operations=_OF_GRANTS,
    )
