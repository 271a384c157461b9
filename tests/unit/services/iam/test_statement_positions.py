"""Where statements stand in the text of a policy."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.services.iam.statement_positions import Position, Span, statement_spans


def test_a_statement_alone_is_placed_as_in_the_reference() -> None:
    """The example of the AWS CLI Command Reference, "simulate-custom-policy": columns 38 to 167."""
    text = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
        '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
    )
    assert statement_spans(text) == [Span(Position(1, 38), Position(1, 167))]


def test_statements_in_a_list_begin_where_the_one_before_ends() -> None:
    """The first one behind the bracket: line 3, column 19 of a policy that is indented by four."""
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "a"}, {"Sid": "b"}]}, indent=4)
    first, second = statement_spans(text)
    assert first == Span(Position(3, 19), Position(6, 10))
    assert second == Span(first.end, Position(9, 10))


def test_other_elements_may_stand_before_and_hold_anything() -> None:
    """An Id with brackets and quotation marks is no statement."""
    text = '{ "Id" : "[{\\"Statement\\":1}]" ,\n"Statement" : [ {"Sid":"a]}"} ] }'
    assert statement_spans(text) == [Span(Position(2, 16), Position(2, 30))]


def test_what_is_no_policy_has_no_statements() -> None:
    """Nothing is made up."""
    for text in ("", "{", "{}", '{"Version":"2012-10-17"}', '{"Statement":}', "[1]", '{"Statement":[]}'):
        assert statement_spans(text) == []


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=5), st.sampled_from([None, 1, 4]))
def test_every_span_is_one_statement(statements: list[dict[str, str]], indent: int | None) -> None:
    """What stands between the places is the statement, after white space, a bracket or a comma."""
    text = json.dumps({"Statement": statements}, indent=indent)
    lines = text.split("\n")
    offsets = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    spans = statement_spans(text)
    assert len(spans) == len(statements)
    for span, statement in zip(spans, statements, strict=True):
        start, end = (offsets[place.line - 1] + place.column - 1 for place in span)
        assert json.loads(text[start:end].strip(" \n,")) == statement
