"""Policy variables: `${aws:username}` in a resource or in the value of a condition.

`${key}` is the value of a condition key, `${key, 'text'}` has a text for when there is none, and `${*}`, `${?}`, `${$}`
are these characters. Variables are found once, when the policy is read; what they are replaced with is never searched
for variables or wildcards. Version 2008-10-17 of the policy language has none: everything is text.

A key without value makes the comparison fail. Not documented, and ours: a key with an empty value counts as one
without, since an empty text before a `*` would open everything; `${` without `}`, and `${}`, are text.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Sequence
from typing import Final, Self, TypeVar

import msgspec

from selfkms.domain.policy.facts import Facts
from selfkms.domain.policy.patterns import ANY_ARN, ANY_RUN, ARNPattern, Pattern, Piece, pieces

_RENDERED_CHARACTERS_MAX: Final = 65_536
"""Longer than any value of a condition key and any ARN, so what is longer matches nothing; a policy that repeats a
variable thousands of times must not cost the memory of all of it."""

# Each name ends at the next brace, so a text is scanned once, however many `${` it opens.
_VARIABLE: Final = re.compile(r"\$\{(?:([*?$])|([^{},]++), *'([^'{}]*+)'|([^{}]++))\}")


class Variable(msgspec.Struct, frozen=True):
    """A variable, to be replaced by the value of a condition key."""

    name: str
    """The name of the condition key, in small letters."""
    default: str | None = None

    def value(self, facts: Facts) -> str | None:
        """What is put in its place, or None if there is nothing. Keys with several values have none here."""
        fact = facts.get(self.name)
        return fact if fact and isinstance(fact, str) else self.default


TemplatePiece = Piece | Variable


class Template(msgspec.Struct, frozen=True):
    """A text with wildcards and variables."""

    pieces: tuple[TemplatePiece, ...]

    @classmethod
    def parse(cls, text: str, *, variables: bool) -> Self:
        """A template from its text.

        Args:
            text: as it stands in the policy.
            variables: whether the version of the policy has them.
        """
        if not variables:
            return cls(pieces(text))
        found: list[TemplatePiece] = []
        place = 0
        for match in _VARIABLE.finditer(text):
            found += pieces(text[place : match.start()])
            character, named, default, name = match.groups()
            found.append(character or Variable((named or name).lower(), default))
            place = match.end()
        return cls((*found, *pieces(text[place:])))

    @property
    def literal(self) -> bool:
        """Whether there is no variable in it."""
        return not any(isinstance(piece, Variable) for piece in self.pieces)

    def render(self, facts: Facts) -> tuple[Piece, ...] | None:
        """The pieces with all variables replaced, or None if one of them has no value and no default."""
        rendered: list[Piece] = []
        length = 0
        for piece in self.pieces:
            value = piece.value(facts) if isinstance(piece, Variable) else piece
            if value is None:
                return None
            length += len(value) if isinstance(value, str) else 1
            if length > _RENDERED_CHARACTERS_MAX:
                return None
            rendered.append(value)
        return tuple(rendered)


class ARNTemplate(msgspec.Struct, frozen=True):
    """An ARN with wildcards and variables, in its components.

    What is put in for a variable stays in the component in which the variable stands, whatever colons it has.
    """

    components: tuple[Template, ...]
    """Six; or fewer, in a condition whose variables stand for whole components."""

    @classmethod
    def parse(cls, text: str, *, variables: bool) -> Self:
        """A value of an ARN operator, which may have variables everywhere."""
        return cls(tuple(map(Template, _components(Template.parse(text, variables=variables).pieces))))

    @classmethod
    def of_resource(cls, text: str, *, variables: bool) -> Self | None:
        """An entry of Resource, or None if it is no ARN. Only its last component may have variables.

        Components that are missing at the end are `*`: `arn:aws:sqs` is all of SQS.

        Source: IAM User Guide, "IAM ARNs".
        """
        components = text.split(":", 5)
        if components[0] != "arn" or len(components) < 3:
            return None
        components += ["*"] * (6 - len(components))
        *front, resource = components
        return cls(
            (
                *(Template.parse(component, variables=False) for component in front),
                Template.parse(resource, variables=variables),
            )
        )

    @property
    def literal(self) -> bool:
        """Whether there is no variable in it."""
        return all(component.literal for component in self.components)

    def render(self, facts: Facts) -> ARNPattern | None:
        """The pattern with all variables replaced, or None if one has no value, or if the result is no ARN."""
        rendered = [component.render(facts) for component in self.components]
        present = [component for component in rendered if component is not None]
        if len(present) < len(rendered):
            return None
        if len(present) < 6:
            whole: list[Piece] = []
            for component in present:
                whole += [":", *component] if whole else component
            if whole == [ANY_RUN]:
                return ANY_ARN
            present = _components(whole)
        return ARNPattern(tuple(map(Pattern.of, present))) if len(present) == 6 else None


_AnyPiece = TypeVar("_AnyPiece", Piece, TemplatePiece)


def _components(parts: Sequence[_AnyPiece]) -> list[tuple[_AnyPiece, ...]]:
    """What stands before, between and after the first five colons of the text."""
    components: list[list[_AnyPiece]] = [[]]
    for part in parts:
        if not isinstance(part, str):
            components[-1].append(part)
            continue
        head, *tails = part.split(":", 6 - len(components))
        components[-1] += [head] if head else []
        components += [[tail] if tail else [] for tail in tails]
    return [tuple(component) for component in components]
