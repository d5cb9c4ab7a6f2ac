"""Plain Python functions beside a defs.yaml, named `file.py:function`."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING, Any

from ml_assets.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import ModuleType


@dataclass(frozen=True)
class Function:
    """A function of a pipeline's folder."""

    reference: str
    """As declared, `file.py:function`."""
    call: Callable[..., Any]
    code: str
    """Hex digest of the function and of all in its file that it names; prose does not count."""

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.reference.rpartition(":")[2]

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Its parameters by name, in order."""
        return inspect.signature(self.call).parameters

    @property
    def summary(self) -> str:
        """The first line of its docstring, empty where it has none."""
        return (inspect.getdoc(self.call) or "").partition("\n")[0]

    def accept(self, given: Iterable[str], what: str) -> None:
        """Raise DeclarationError unless the function can be called with the keywords `given`."""
        try:
            inspect.signature(self.call).bind(**dict.fromkeys(given))
        except TypeError as error:
            raise DeclarationError(
                f"{self.reference} cannot be called as a {what}: {error}.",
                f"It takes {', '.join(self.parameters) or 'nothing'}, by name; it is given "
                f"{', '.join(given)}.",
            ) from error


def load_function(folder: Path, reference: str) -> Function:
    """Return the function `file.py:name` of `folder`; raises DeclarationError naming the fault."""
    file, colon, name = reference.rpartition(":")
    path = folder / file
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise DeclarationError(
            f"{reference!r} names no function.", "Write it as file.py:function, beside defs.yaml."
        )
    if not path.is_file():
        raise DeclarationError(
            f"{reference} is declared, but {path} does not exist.", f"Write {name} in that file."
        )
    return function_in(path, path.read_text(encoding="utf-8"), name)


def function_in(path: Path, text: str, name: str) -> Function:
    """Return the function `name` of the module `text`; `path` is what messages call it."""
    module = _module(path, text)
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if name not in own:
        near = get_close_matches(name, own, 1)
        raise DeclarationError(
            f"{path} has no function {name!r}.",
            f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(own) or 'none'}.",
        )
    return Function(f"{path.name}:{name}", own[name], _code(text, name))


@lru_cache(maxsize=64)
def _module(path: Path, text: str) -> ModuleType:
    """Run the file once per content; DeclarationError says where it fails."""
    digest = hashlib.sha256(f"{path.resolve()}\n{text}".encode()).hexdigest()[:16]
    spec = spec_from_loader(f"ml_assets_beside_{path.stem}_{digest}", None, origin=str(path))
    if spec is None:
        raise TypeError(f"no module can be made of {path}")
    module = module_from_spec(spec)
    module.__file__ = str(path)
    # A dataclass looks its own module up there.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102 - the user's own code
    except Exception as error:
        del sys.modules[module.__name__]
        raise DeclarationError(
            f"{path}:{_line(path, error)}: {type(error).__name__}: {error}.", "Correct the file."
        ) from error
    return module


def _line(path: Path, error: Exception) -> int:
    """Return the last line of `path` on the way to `error`."""
    line = (error.lineno or 1) if isinstance(error, SyntaxError) else 1
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    return line


def _code(text: str, name: str) -> str:
    """Return the digest of the statements that `name` reaches, and of those that bind no name.

    So one function of a file can change and what another one made stays as it is.
    """
    statements = _Undocumented().visit(ast.parse(text)).body
    wanted, kept = {name}, set[int]()
    while True:
        more = {
            place
            for place, one in enumerate(statements)
            if place not in kept and (not (bound := _bound(one)) or bound & wanted)
        }
        if not more:
            break
        kept |= more
        wanted |= {
            node.id
            for place in more
            for node in ast.walk(statements[place])
            if isinstance(node, ast.Name)
        }
    meaning = "\n".join(ast.unparse(statements[place]) for place in sorted(kept))
    return hashlib.sha256(meaning.encode()).hexdigest()


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names a top-level statement binds; none for one that is kept in any case."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        return names - {"*"}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        found = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        return {node.id for node in found if isinstance(node.ctx, ast.Store)}
    return set()


class _Undocumented(ast.NodeTransformer):
    """Drops docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Keep every expression but a text."""
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else node
