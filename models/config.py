"""Run settings: frozen dataclasses are the only list of keys and defaults; a YAML file fills them."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from models.errors import ConfigError

Config = TypeVar("Config")
TASKS = ("sentiment", "translation")


def load_config(cls: type[Config], path: str | Path) -> Config:
    """Settings read from a YAML file.

    Args:
        cls: A frozen dataclass whose fields are the allowed keys; fields may be dataclasses themselves.
        path: The YAML file.

    Raises:
        ConfigError: The file is missing or not YAML, a key is unknown or missing, or a value has the wrong type.
    """
    path = Path(path)
    return from_mapping(cls, _read_yaml(path), where=path.name)


def read_task(path: str | Path) -> str:
    """The task a YAML file is for, by its key `task`; "sentiment" where it has none.

    Raises:
        ConfigError: The file is missing or not YAML, or the task is not one of TASKS.
    """
    path = Path(path)
    task = _read_yaml(path).get("task", TASKS[0])
    if task not in TASKS:
        raise ConfigError(f"{path.name} has the task {task!r}; tasks are {', '.join(TASKS)}.")
    return str(task)


def from_mapping(cls: type[Config], content: dict[str, Any], *, where: str = "configuration") -> Config:
    """Settings from a mapping, with the same checks as `load_config`.

    Raises:
        ConfigError: A key is unknown or missing, or a value has the wrong type.
    """
    if not dataclasses.is_dataclass(cls):
        raise ConfigError(f"{cls.__name__} is not a dataclass; settings need one.")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(set(content) - set(fields), key=str)
    if unknown:
        raise ConfigError(f"{where} has the unknown key {unknown[0]!r}; known keys are {', '.join(fields)}.")
    types_of = typing.get_type_hints(cls)
    values = {key: _convert(value, types_of[key], f"{where}: {key}") for key, value in content.items()}
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where} lacks the key {missing[0]!r}; add it to the file.")
    return cls(**values)


def to_mapping(config: Any) -> dict[str, Any]:
    """The settings as plain values that YAML and JSON can hold."""
    return {key: _plain(value) for key, value in dataclasses.asdict(config).items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no configuration file {path}; give the path of a YAML file.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); give the path of a YAML file.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a date such as 2024-13-45
        raise ConfigError(f"{path} is not readable YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}, expected a mapping of keys to values.")
    return content


def _plain(value: Any) -> Any:
    """Tuples as lists, however deep they lie."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _convert(value: Any, expected: Any, where: str) -> Any:
    """The value as the annotated type: dataclasses, tuples, dicts, optional values and scalars."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        expected = next(argument for argument in arguments if argument is not type(None))
        return _convert(value, expected, where)
    if dataclasses.is_dataclass(expected):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} is {value!r}, expected a mapping of keys to values.")
        return from_mapping(typing.cast(type, expected), value, where=where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} is {value!r}, expected a list.")
        return tuple(_convert(item, arguments[0], f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} is {value!r}, expected a mapping.")
        return {str(key): _convert(item, arguments[1], f"{where}.{key}") for key, item in value.items()}
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected is not Any and (not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool)):
        raise ConfigError(f"{where} is {value!r}, expected {expected.__name__}.")
    return value
