"""How operations get their places and names, and schemas their types."""

from typing import Any

import pytest

from clients.generate import Models, class_of, operations, operations_text, placed, type_of

Json = dict[str, Any]


def document(*described: str) -> Json:
    """Of operations like `GET a/{id}/`; those with `[]` at their end answer with a list."""
    paths: Json = {}
    for each in described:
        method, path = each.removesuffix("[]").split()
        fields = {"results": {"items": {"type": "string"}}, "next": {}} if each.endswith("[]") else {}
        envelope = {"properties": {"data": {"type": "object", "properties": fields}}}
        answer = {"content": {"application/json": {"schema": envelope}}}
        status = "201" if method == "POST" else "200"
        paths.setdefault(f"/api/v1/{path}", {})[method.lower()] = {"responses": {status: answer}}
    return {"paths": paths, "components": {"schemas": {}}}


def names(*described: str) -> set[str]:
    return {
        ".".join((*group, name))
        for group, methods in placed(operations(document(*described))).items()
        for name in methods
    }


def test_a_collection_and_its_members_are_one_group() -> None:
    verbs = (
        "GET a/b-c/[]",
        "POST a/b-c/",
        "GET a/b-c/{id}/",
        "PUT a/b-c/{id}/",
        "PATCH a/b-c/{id}/",
        "DELETE a/b-c/{id}/",
    )
    assert names(*verbs) == {
        f"a.b_c.{name}" for name in ("list", "create", "get", "replace", "change", "delete")
    }


def test_what_is_done_to_a_thing_is_a_method_of_its_group() -> None:
    assert names("GET a/b/[]", "POST a/b/bulk/", "POST a/b/{id}/go/") == {"a.b.list", "a.b.bulk", "a.b.go"}


def test_what_leads_to_no_thing_is_part_of_the_name() -> None:
    assert names("POST auth/reset/", "POST auth/reset/confirm/", "GET auth/[]") == {
        "auth.reset",
        "auth.reset_confirm",
        "auth.list",
    }


def test_the_same_done_to_all_and_to_one_are_two_names() -> None:
    assert names("GET a/[]", "POST a/reset/", "POST a/{id}/reset/") == {"a.list", "a.reset", "a.reset_by_id"}


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="taken"):
        names(
            "GET a/[]",
            "POST a/x/",
            "POST a/{id}/x/",
            "POST a/{id}/y/{n}/x/",
            "GET a/y/[]",
            "POST a/{a}/{b}/x/",
        )


def test_a_name_that_python_needs_gets_a_tail() -> None:
    text = operations_text(placed(operations(document("GET a/[]", "POST a/import/"))))
    assert "def import_(self)" in text


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string", "format": "uuid"}, "UUID"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "int | None"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Row"}}, "list[Row]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "object", "additionalProperties": True}, "dict[str, Any]"),
        ({"type": "string", "enum": ["a", "b"]}, 'Literal["a", "b"]'),
        ({"const": 1}, "Literal[1]"),
        ({}, "Any"),
    ],
)
def test_schemas_have_types(schema: Json, kind: str) -> None:
    assert type_of(schema) == kind


def test_the_long_name_of_one_of_two_is_cut() -> None:
    assert class_of("#/components/schemas/gateway__users__api__ResetIn") == "UsersResetIn"
    assert class_of("#/components/schemas/SiteIn") == "SiteIn"


def test_bodies_refuse_and_answers_ignore_what_they_do_not_know() -> None:
    text = {
        "properties": {"json": {"type": "string"}, "from": {"type": "integer", "default": 3}},
        "required": ["json"],
    }
    models = Models({"In": text, "Out": text, "Both": text})
    models.use({"anyOf": [{"$ref": "x/In"}, {"$ref": "x/Both"}]}, models.sent)
    models.use({"items": [{"$ref": "x/Out"}, {"$ref": "x/Both"}]}, models.shown)
    made = models.text()
    assert [line for line in made.splitlines() if line.startswith("class")] == [
        "class Both(Shown):",
        "class In(Body):",
        "class Out(Shown):",
    ]
    assert "    json_: str = Field(alias='json')\n    from_: int = Field(3, alias='from')\n" in made
