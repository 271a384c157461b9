"""The tables of key states against AWS's own.

Source: KMS developer guide, "Key states of AWS KMS keys", the table and its notes.
"""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.errors import AWSError
from selfkms.domain.kms.errors import DisabledException, KMSInvalidStateException
from selfkms.domain.kms.key_state import GONE, KNOWN_OPERATIONS, REFUSALS, TRANSITIONS, KeyState, admit, after, ends

ARN: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# AWS's table as it is printed: + works, D disabled, I pending import, P pending deletion, C creating, U updating,
# R pending replica deletion, N not pending deletion.
# A key that is pending import is of origin EXTERNAL, which the operations on automatic rotation refuse by themselves.
# UpdateAlias stands here for the alias's new key; the one that it points to may be in any state.
PUBLISHED: Final = """
                                 Enabled Disabled PendingImport PendingDeletion Creating Updating PendingReplicaDeletion
Encrypt                          +       D        I             P               C        +        R
Decrypt                          +       D        I             P               C        +        R
ReEncrypt                        +       D        I             P               C        +        R
GenerateDataKey                  +       D        I             P               C        +        R
GenerateDataKeyWithoutPlaintext  +       D        I             P               C        +        R
GenerateDataKeyPair              +       D        I             P               C        +        R
GenerateDataKeyPairWithoutPlaintext +    D        I             P               C        +        R
Sign                             +       D        I             P               C        +        R
Verify                           +       D        I             P               C        +        R
GenerateMac                      +       D        I             P               C        +        R
VerifyMac                        +       D        I             P               C        +        R
DeriveSharedSecret               +       D        I             P               C        +        R
Encapsulate                      +       D        I             P               C        +        R
Decapsulate                      +       D        I             P               C        +        R
GetPublicKey                     +       D        I             P               C        +        R
CreateGrant                      +       D        I             P               C        +        R
ListGrants                       +       +        +             +               +        +        +
RetireGrant                      +       +        +             +               +        +        +
RevokeGrant                      +       +        +             +               +        +        +
DescribeKey                      +       +        +             +               +        +        +
GetKeyLastUsage                  +       +        +             +               +        +        +
GetKeyPolicy                     +       +        +             +               +        +        +
PutKeyPolicy                     +       +        +             +               +        +        +
ListKeyPolicies                  +       +        +             +               +        +        +
ListAliases                      +       +        +             +               +        +        +
ListResourceTags                 +       +        +             +               +        +        +
DeleteAlias                      +       +        +             +               +        +        +
CreateAlias                      +       +        +             P               +        +        R
UpdateAlias                      +       +        +             P               +        +        R
TagResource                      +       +        +             P               +        +        R
UntagResource                    +       +        +             P               +        +        R
UpdateKeyDescription             +       +        +             P               +        +        R
ScheduleKeyDeletion              +       +        +             P               +        U        R
EnableKey                        +       +        I             P               C        U        R
DisableKey                       +       +        I             P               C        U        R
CancelKeyDeletion                N       N        N             +               N        N        +
EnableKeyRotation                +       D        +             P               C        U        R
DisableKeyRotation               +       D        +             P               C        U        R
RotateKeyOnDemand                +       D        I             P               C        U        R
ReplicateKey                     +       D        I             P               C        U        R
UpdatePrimaryRegion              +       D        I             P               C        U        R
GetKeyRotationStatus             +       +        +             +               +        +        +
ListKeyRotations                 +       +        +             +               +        +        +
GetParametersForImport           +       +        +             P               C        U        R
ImportKeyMaterial                +       +        +             P               C        U        R
DeleteImportedKeyMaterial        +       +        +             +               C        U        +
"""

ANSWERS: Final[dict[str, tuple[type[AWSError], str]]] = {
    "D": (DisabledException, f"{ARN} is disabled."),
    "I": (KMSInvalidStateException, f"{ARN} is pending import."),
    "P": (KMSInvalidStateException, f"{ARN} is pending deletion."),
    "C": (KMSInvalidStateException, f"{ARN} is creating."),
    "U": (KMSInvalidStateException, f"{ARN} is updating."),
    "R": (KMSInvalidStateException, f"{ARN} is pending replica deletion."),
    "N": (KMSInvalidStateException, f"{ARN} is not pending deletion."),
}

# Where the operations that change a state lead, and the end of the pending window.
LEADS_TO: Final = {
    ("Enabled", "EnableKey"): "Enabled",
    ("Enabled", "DisableKey"): "Disabled",
    ("Enabled", "ScheduleKeyDeletion"): "PendingDeletion",
    ("Disabled", "EnableKey"): "Enabled",
    ("Disabled", "DisableKey"): "Disabled",
    ("Disabled", "ScheduleKeyDeletion"): "PendingDeletion",
    ("PendingImport", "ScheduleKeyDeletion"): "PendingDeletion",
    ("PendingDeletion", "CancelKeyDeletion"): "Disabled",
    ("PendingDeletion", "WindowOver"): "gone",
    ("Enabled", "MaterialComplete"): "Enabled",
    ("Disabled", "MaterialComplete"): "Disabled",
    ("PendingImport", "MaterialComplete"): "Enabled",
    ("Enabled", "MaterialLost"): "PendingImport",
    ("Disabled", "MaterialLost"): "PendingImport",
    ("PendingImport", "MaterialLost"): "PendingImport",
    ("PendingDeletion", "MaterialLost"): "PendingDeletion",
    ("Creating", "Settled"): "Enabled",
    ("Creating", "ScheduleKeyDeletion"): "PendingDeletion",
    ("Enabled", "PrimaryMoved"): "Updating",
    ("Updating", "Settled"): "Enabled",
    ("Updating", "MaterialLost"): "PendingImport",
    ("Enabled", "ScheduleKeyDeletionWithReplicas"): "PendingReplicaDeletion",
    ("Disabled", "ScheduleKeyDeletionWithReplicas"): "PendingReplicaDeletion",
    ("PendingImport", "ScheduleKeyDeletionWithReplicas"): "PendingReplicaDeletion",
    ("PendingReplicaDeletion", "CancelKeyDeletion"): "Disabled",
    ("PendingReplicaDeletion", "ReplicasGone"): "PendingDeletion",
    ("PendingReplicaDeletion", "MaterialLost"): "PendingReplicaDeletion",
}

EVENTS: Final = sorted({event for _, event in LEADS_TO})


def published_cells() -> dict[tuple[str, str], str]:
    """Operation and state → what AWS's table says there."""
    head, *rows = PUBLISHED.strip().splitlines()
    states = head.split()
    return {(row.split()[0], state): cell for row in rows for state, cell in zip(states, row.split()[1:], strict=True)}


CELLS: Final = published_cells()


def possible(state: KeyState, event: str) -> bool:
    """Whether an event can happen in a state: as an operation that is let through, or because time passes."""
    if event not in KNOWN_OPERATIONS:
        return (state, event) in TRANSITIONS
    return (event, state) not in REFUSALS


def test_the_published_table_is_whole() -> None:
    """It has every operation that is served, in every state, and no other."""
    assert {operation for operation, _ in CELLS} == KNOWN_OPERATIONS
    assert {state for _, state in CELLS} == set(KeyState)
    assert len(CELLS) == len(KNOWN_OPERATIONS) * len(KeyState)


@pytest.mark.parametrize(("operation", "state"), CELLS)
def test_each_cell_of_the_published_table(operation: str, state: str) -> None:
    """What AWS lets through is let through; what it refuses is refused with its error and its text."""
    cell = CELLS[operation, state]
    if cell == "+":
        admit(operation, KeyState(state), ARN)
        return
    error, text = ANSWERS[cell]
    with pytest.raises(AWSError) as refusal:
        admit(operation, KeyState(state), ARN)
    assert type(refusal.value) is error
    assert refusal.value.message == text


def test_refusals_are_of_known_operations() -> None:
    """No line of the table is there for a name that nobody asks for."""
    assert {operation for operation, _ in REFUSALS} <= KNOWN_OPERATIONS


@pytest.mark.parametrize("operation", ["", "encrypt", "kms:Encrypt", "WindowOver", "DestroyEverything"])
def test_an_operation_that_the_tables_do_not_speak_of_does_not_pass(operation: str) -> None:
    """Forgetting an operation is a mistake of ours and never a way in."""
    with pytest.raises(AssertionError):
        admit(operation, KeyState.ENABLED, ARN)


def test_the_transitions_are_these() -> None:
    """Nothing leads anywhere but as AWS describes it."""
    assert {(state.value, event): to for (state, event), to in TRANSITIONS.items()} == LEADS_TO


@pytest.mark.parametrize(("state", "event"), LEADS_TO)
def test_each_transition(state: str, event: str) -> None:
    """An event leads to the state of the table, or ends the key, and never both."""
    to = LEADS_TO[state, event]
    assert ends(KeyState(state), event) == (to == GONE)
    if to != GONE:
        assert after(KeyState(state), event) is KeyState(to)


def test_the_end_of_a_key_is_no_state() -> None:
    """Whoever asks what comes after the end has made a mistake."""
    with pytest.raises(AssertionError):
        after(KeyState.PENDING_DELETION, "WindowOver")


@pytest.mark.parametrize("state", KeyState)
@pytest.mark.parametrize("event", EVENTS)
def test_a_transition_exists_exactly_where_its_operation_is_let_through(state: KeyState, event: str) -> None:
    """The two tables agree: a refused operation leads nowhere, one that is let through leads somewhere."""
    assert ((state, event) in TRANSITIONS) == possible(state, event)
    if (state, event) not in TRANSITIONS:
        assert not ends(state, event)
        with pytest.raises(KeyError):
            after(state, event)


@given(st.sampled_from(KeyState), st.lists(st.sampled_from(EVENTS), max_size=30))
def test_any_sequence_of_events_stays_inside_the_table(state: KeyState, events: list[str]) -> None:
    """A key is always in one of AWS's states, and leaves PendingDeletion by CancelKeyDeletion or at its end only."""
    for event in events:
        if not possible(state, event):
            continue
        if ends(state, event):
            assert (state, event) == (KeyState.PENDING_DELETION, "WindowOver")
            return
        following = after(state, event)
        assert isinstance(following, KeyState)
        if state is KeyState.PENDING_DELETION and event != "MaterialLost":
            assert event == "CancelKeyDeletion"
            assert following is KeyState.DISABLED
        state = following


@given(st.sampled_from(KeyState), st.lists(st.sampled_from(EVENTS), max_size=30))
def test_a_key_is_enabled_by_enabling_it_or_by_its_material(state: KeyState, events: list[str]) -> None:
    """Nothing but EnableKey, imported material and the end of a transient state do: cancelling a deletion does not."""
    for event in events:
        if not possible(state, event) or ends(state, event):
            continue
        following = after(state, event)
        if following is KeyState.ENABLED:
            by_material = event == "MaterialComplete" and state is not KeyState.DISABLED
            assert event in ("EnableKey", "Settled") or by_material
        state = following
