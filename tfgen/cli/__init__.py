"""The `tfgen` command: `main` finds the subcommand and turns mistakes into one sentence.

A command is a module of `tfgen.cli.commands` with a docstring (its help), ARGUMENTS (the names of
its positional arguments; one that may be left out, and then is None, in brackets),
`define(flag_values)` and `run(arguments, flags)`. None imports TensorFlow before it runs.
"""

import importlib
import os
import pkgutil
import re
import shlex
import sys

from absl import flags

import tfgen
from tfgen.cli import commands as _commands
from tfgen.cli.quiet import quiet_logging
from tfgen.errors import UserError
from tfgen.names import unknown

# What goes on with the work that it has done when it is run again.
RESUMABLE = re.compile(r"tfgen (train|finetune|sample( .*)? --?seeds|export( .*)? --?all)\b")


def main(argv=None):
    """Run the command line; returns the exit code: 0, 2 for a user's mistake, 130 for Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        return _dispatch(argv) or 0
    except UserError as error:
        print(f"tfgen: {error}", file=sys.stderr)
        return 130 if type(error).__name__ == "Interrupted" else 2
    except flags.Error as error:
        print(f"tfgen: {_one_line(error)}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"tfgen: {error.filename} cannot be used: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = shlex.join(["tfgen", *argv])
        go_on = f"; to go on, run: {again}" if RESUMABLE.match(again) else "."
        print(f"tfgen: interrupted{go_on}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `tfgen list | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def commands():
    """Return the names of the commands."""
    return sorted(module.name for module in pkgutil.iter_modules(_commands.__path__))


def _command(name):
    return importlib.import_module(f"{_commands.__name__}.{name}")


def _dispatch(argv):
    if not argv or argv[0] in ("-h", "--help", "help"):
        if argv[1:] and argv[0] == "help":
            return _dispatch([argv[1], "--help"])
        print(_overview())
        return 0
    if argv[0] == "--version":
        print(f"tfgen {tfgen.__version__}")
        return 0
    name = argv[0]
    if name not in commands():
        raise unknown("command", name, commands())
    command = _command(name)
    values = flags.FlagValues()
    command.define(values)
    if any(word in ("-h", "--help") for word in argv[1:]):
        print(_help(name, command, values))
        return 0
    _, *arguments = _parsed(argv[1:], values)
    required = [name for name in command.ARGUMENTS if not name.startswith("[")]
    if not len(required) <= len(arguments) <= len(command.ARGUMENTS):
        wanted = " ".join(command.ARGUMENTS) or "no arguments"
        given = " ".join(arguments) or "none"
        raise UserError(f"'tfgen {name}' takes {wanted}, but got {given}; see tfgen {name} --help.")
    arguments += [None] * (len(command.ARGUMENTS) - len(arguments))
    quiet_logging()
    return command.run(*arguments, values)


def _parsed(words, values):
    """Set the flags that `words` give and return the rest, telling mistakes in tfgen's words."""
    try:
        return values(["tfgen", *_flags_first(words, values)])
    except flags.UnrecognizedFlagError as error:
        known = [f"--{flag}" for flag in values]
        raise unknown("flag", f"--{error.flagname}", known) from error
    except flags.IllegalFlagValueError as error:
        flag, given = re.match(r"flag --(\w+)=(.*?): ", str(error), re.DOTALL).groups()
        parser = values[flag].parser
        choices = getattr(parser, "enum_values", ("true", "false"))
        wanted = parser.syntactic_help or " or ".join(choices)
        raise UserError(f"flag --{flag} needs {wanted}, but got '{given}'.") from error


def _flags_first(words, values):
    """Move positional arguments behind the flags, where absl looks for them."""
    leading, positional, rest = [], [], list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if not word.startswith("-") or word == "-":
            positional.append(word)
            continue
        leading.append(word)
        flag = word.lstrip("-")
        if "=" not in flag and flag in values and not values[flag].boolean:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"flag --{flag} needs a value.")
            leading.append(rest.pop(0))
    return [*leading, "--", *positional]


def _overview():
    lines = [tfgen.__doc__.splitlines()[0], "", "usage: tfgen COMMAND [ARGUMENTS] [FLAGS]", ""]
    for name in commands():
        command = _command(name)
        lines.append(f"  {name:13}{command.__doc__.splitlines()[0]}")
    return "\n".join(
        [
            *lines,
            "",
            "ENTRY is a name in the zoo, a folder, or an address: https:// and the folder of an",
            "entry.json, or hf://owner/repo[@revision][/folder]; #sha256=DIGEST behind it pins the",
            "SHA-256 of its entry.json.",
            "",
            "tfgen COMMAND --help tells more; tfgen --version its version.",
        ]
    )


def _help(name, command, values):
    usage = " ".join(["tfgen", name, *command.ARGUMENTS, "[FLAGS]"])
    lines = [f"usage: {usage}", "", command.__doc__.strip(), "", "flags:"]
    for flag in values:
        found = values[flag]
        is_set = found.default is not None and found.default is not False
        default = f" (default: {found.default})" if is_set else ""
        lines.append(f"  --{flag:12} {found.help}{default}")
    return "\n".join(lines)


def _one_line(error):
    return " ".join(str(error).split())
