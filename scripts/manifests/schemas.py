"""Whether manifests are what the API server, and the operators, accept.

The schemas of Kubernetes' own kinds come with kubernetes-validate. Those of the operators' kinds
are read from their CustomResourceDefinitions, where somebody has a folder of these; elsewhere,
each field must be among those that were found in them (`FIELDS`).
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

from scripts.manifests.settings import ROOT
from scripts.manifests.world import Manifest, World

OLDEST: Final = "1.30"
FIELDS: Final = ROOT / "deploy" / "kubernetes" / "custom-fields.txt"
Schema = dict[str, Any]
_KINDS: Final = {bool: "boolean", int: "integer", float: "number", str: "string"}


def is_custom(manifest: Manifest) -> bool:
    """Whether the kind is an operator's."""
    return "." in manifest.group and not manifest.group.endswith(".k8s.io")


def read_schemas(folder: Path) -> dict[tuple[str, str], Schema]:
    """The schemas of a folder of CustomResourceDefinitions, by API version and kind."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        for body in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            for version in body["spec"]["versions"] if body else ():
                key = f"{body['spec']['group']}/{version['name']}", body["spec"]["names"]["kind"]
                found[key] = strict(version["schema"]["openAPIV3Schema"])
    return found


def strict(schema: Any) -> Any:
    """The same schema, for which unknown fields are errors, as they are for the API server."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    is_open = made.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(made.get("properties"), dict) and not is_open:
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def fields(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """The fields of a resource, with their types. Where any key is allowed, it is a star."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        if value.keys() - properties.keys():
            yield f"{path}.* any"
        for key in value.keys() & properties.keys():
            yield from fields(value[key], properties[key], f"{path}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from fields(part, schema.get("items", {}), f"{path}[]")
    else:
        allowed = "|".join(schema.get("enum", []))
        yield f"{path} {_KINDS[type(value)]}{f' {allowed}' if allowed else ''}"


def record(world: World, schemas: dict[tuple[str, str], Schema]) -> set[str]:
    """The lines of `FIELDS` for all custom resources."""
    found = set()
    for manifest in filter(is_custom, world.manifests):
        key = manifest.body["apiVersion"], manifest.kind
        properties = schemas[key]["properties"]
        for part in _parts(manifest):
            lines = fields(manifest.body[part], properties[part], part)
            found |= {f"{key[0]} {key[1]} {line}" for line in lines}
    return found


def _parts(manifest: Manifest) -> list[str]:
    return [key for key in manifest.body if key not in ("apiVersion", "kind", "metadata")]


def check_schemas(world: World, schemas: dict[tuple[str, str], Schema] | None) -> Iterator[str]:
    """Yields what would be refused."""
    known = {} if schemas else _recorded()
    for manifest in world.manifests:
        if not is_custom(manifest):
            problems = _own_problems(manifest)
        elif schemas:
            problems = _custom_problems(manifest, schemas)
        else:
            problems = _unknown_fields(manifest, known)
        yield from (f"{manifest}: {problem}" for problem in problems)


def _own_problems(manifest: Manifest) -> Iterator[str]:
    if problem := _own_problem(json.dumps(manifest.body, sort_keys=True)):
        yield problem


@lru_cache(maxsize=1000)  # each validation reads the definitions of all kinds
def _own_problem(text: str) -> str:
    """What is wrong with a resource of Kubernetes' own, if anything is."""
    try:
        kubernetes_validate.validate(json.loads(text), OLDEST, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return str(error.message)
    return ""


def _custom_problems(manifest: Manifest, schemas: dict[tuple[str, str], Schema]) -> Iterator[str]:
    key = manifest.body["apiVersion"], manifest.kind
    if key not in schemas:
        yield f"there is no definition of {key[0]} {key[1]}"
        return
    schema = schemas[key]
    schema["properties"]["metadata"] = {"type": "object"}
    for error in Draft202012Validator(schema).iter_errors(manifest.body):
        yield f"{error.json_path}: {error.message[:200]}"


def _recorded() -> dict[str, tuple[str, list[str]]]:
    """Each known field, with its type and the words that it may have."""
    found = {}
    for line in FIELDS.read_text().splitlines():
        if line and not line.startswith("#"):
            version, kind, path, name, *allowed = line.split()
            found[f"{version} {kind} {path}"] = name, allowed[0].split("|") if allowed else []
    return found


def _unknown_fields(manifest: Manifest, known: dict[str, tuple[str, list[str]]]) -> Iterator[str]:
    head = f"{manifest.body['apiVersion']} {manifest.kind} "
    for part in _parts(manifest):
        for names, value in _leaves(manifest.body[part], (part,)):
            path = "".join(names)
            stars = ("".join((*names[:i], ".*")) for i in range(1, len(names)))
            if any(head + star in known for star in stars):
                continue
            name, allowed = known.get(head + path, ("", []))
            if not name:
                yield f"{path} is not among the fields that were checked (--crds FOLDER checks it)"
            elif name != _KINDS[type(value)]:
                yield f"{path} is {value!r}, and should be of the type {name}"
            elif allowed and value not in allowed:
                yield f"{path} is {value!r}, and should be one of {', '.join(allowed)}"


def _leaves(value: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, (*names, f".{key}"))
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, (*names, "[]"))
    else:
        yield names, value
