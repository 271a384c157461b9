"""What is known of a request.

Source: IAM User Guide, "IAM JSON policy elements: Condition": names of condition keys are not case-sensitive.
"""

from collections.abc import Mapping

from selfkms.domain.policy.facts import Fact, Facts


def test_facts_are_gathered_once_and_not_before_one_is_asked_for() -> None:
    """Most policies ask for none, and a request must not change while it is decided."""
    gathered = []

    def gather() -> Mapping[str, Fact]:
        gathered.append(1)
        return {"aws:username": "bob"}

    facts = Facts(gather)
    assert gathered == []
    assert facts.get("aws:username") == "bob"
    assert facts.get("aws:userid") is None
    assert gathered == [1]


def test_names_have_no_case() -> None:
    """Also behind the prefix, where the client chooses the name."""
    facts = Facts.of({"kms:EncryptionContext:AppName": "x", "aws:PrincipalTag/Job": "y"})
    assert facts.get("kms:encryptioncontext:appname") == "x"
    assert facts.get("aws:principaltag/job") == "y"


def test_two_names_that_are_equal_but_for_case_are_one_key_with_both_values() -> None:
    """A client can send both; neither may hide the other."""
    facts = Facts.of(
        {"kms:EncryptionContext:App": "a", "kms:EncryptionContext:app": "b", "kms:EncryptionContext:APP": "a"}
    )
    assert facts.get("kms:encryptioncontext:app") == ("a", "b", "a")


def test_comparisons_are_limited() -> None:
    """A hundred thousand for one request; one that is not made does not count."""
    facts = Facts.of({})
    assert facts.afford(99_000)
    assert not facts.afford(1_001)
    assert facts.afford(1_000)
    assert not facts.afford(1)


def test_several_values_stay_several() -> None:
    """In their order, also if there is one or none."""
    facts = Facts.of({"aws:TagKeys": ("a", "b"), "kms:GrantOperations": ("Decrypt",), "kms:ResourceAliases": ()})
    assert facts.get("aws:tagkeys") == ("a", "b")
    assert facts.get("kms:grantoperations") == ("Decrypt",)
    assert facts.get("kms:resourcealiases") == ()
