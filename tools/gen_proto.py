#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes viamc_proto.h: nanopb structs, method objects and typed functions for the services of a robot.

    build/venv/bin/python3 tools/gen_proto.py [--check] [-o FILE] [NAME ...]
    build/venv/bin/python3 tools/gen_proto.py --all -o FILE        the services of the cloud too
    build/venv/bin/python3 tools/gen_proto.py --list               names of all services and their methods

A NAME is a package (viam.component.motor.v1), a service (motor, or viam.component.motor.v1.MotorService), a method (motor.SetPower) or a
message (google.rpc.Status). Without names it makes what is checked in: every service of a machine. What is chosen comes with all it needs.

The descriptors are those inside the Python package viam-sdk (tools/requirements.txt; `make setup` installs it). tools/proto/file.h is the form
of the file, tools/proto/methods.txt says what descriptors do not say, tools/proto_model.py reads both. The same input gives the same bytes.
--check compares FILE with them and changes nothing; exit code 1 if they differ.
"""
import argparse
import importlib
import importlib.metadata
import os
import pathlib
import re
import sys

from proto_model import PARTS, SDK, Choice, Descriptors, Field, Problem, c_name, descriptor_proto, machine_api, member_name

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "build/venv/bin/python3"
TARGET = ROOT / "viamc_proto.h"
COMMAND = "build/venv/bin/python3 tools/gen_proto.py"
WIDTH = 150                                             # columns


# ---- pieces ----

def wrap(head, words, tail, separator=", ", end=""):
    """A text that is too long for one line goes on below its first bracket; `end` closes each line but the last."""
    line, lines, indent = head, [], " " * (head.index("(") + 1)
    for number, word in enumerate(words):
        piece = word + (separator if number + 1 < len(words) else tail)
        if len(line) + len(piece.rstrip()) + len(end) > WIDTH and line.strip() and line != head:
            lines.append(line.rstrip() + end)
            line = indent
        line += piece
    if not words:
        line += tail
    return lines + [line]


def function(head, parameters, *body):
    """A static inline function."""
    return [*wrap(f"static inline {head}(", parameters, ")"), "{", *[f"    {line}" for line in body], "}"]


def comment(text):
    """A comment of one paragraph."""
    words, lines, line = text.split(), [], "/*"
    for word in words:
        if len(line) + 1 + len(word) > WIDTH - 3:
            lines.append(line)
            line = " *"
        line += " " + word
    return lines + [line + " */"]


# ---- messages ----

def enum_lines(enum):
    """The type of an enum, which takes any number, and names for the numbers that are known."""
    name = c_name(enum.full_name)
    values = [f"{name}_{value.name} = {value.number}" for value in enum.values]
    return [f"typedef int32_t {name};", "enum {", *[f"    {value}," for value in values[:-1]], f"    {values[-1]}", "};"]


def member_lines(field, indent):
    """A member of a struct, with its has_."""
    said = field.comment()
    lines = [f"{indent}bool has_{field.name};"] if field.has() else []
    return lines + [f"{indent}{field.c_type()} {field.name};" + (f" /* {said} */" if said else "")]


def message_lines(message):
    """The struct of a message, and the numbers of the members of its oneofs."""
    if not message.fields:
        line = f"typedef struct {message.name} {{ char dummy_field; }} {message.name};"
        return [line] if len(line) <= WIDTH else [f"typedef struct {message.name} {{", "    char dummy_field;", f"}} {message.name};"]
    lines = [f"typedef struct {message.name} {{"]
    for oneof, fields in message.members():
        if oneof:
            lines += [f"    pb_size_t which_{oneof}; /* {message.name}_..._tag; 0: none */", "    union {"]
            for field in fields:
                lines += member_lines(field, "        ")
            lines += [f"    }} {oneof};"]
        else:
            lines += member_lines(fields[0], "    ")
    lines += [f"}} {message.name};"]
    tags = [f"{message.name}_{field.descriptor.name}_tag = {field.number}" for field in message.fields if field.oneof]
    return lines + (["enum {", *[f"    {tag}," for tag in tags[:-1]], f"    {tags[-1]}", "};"] if tags else [])


def structs(choice):
    """Enums and structs, and the declarations of descriptors."""
    lines = []
    for enum in choice.enums:
        lines += [*enum_lines(enum), ""]
    package = None
    for message in choice.messages:
        if message.package != package:
            package = message.package
            lines += ["", f"/* ---- messages of {package} ---- */", ""]
        lines += [*message_lines(message), *([""] if message.fields else [])]
    lines += ["", "/* Descriptors, for nanopb and for viamc_message_read and _write. */", "VMC_PROTO_OPEN"]
    return lines + [f"VMC_PROTO_DECLARE pb_msgdesc_t {message.name}_msg;" for message in choice.messages] + ["VMC_PROTO_CLOSE"]


def field_line(field):
    """The entry of a field in VMC_FIELDS."""
    of = "_OF" if field.oneof else ""
    place = f"m, {field.oneof + ', ' if field.oneof else ''}{field.name}, {field.number}"
    if field.kind == "plain":
        return f"X##{'OF' if field.oneof else 'OPT' if field.has() else 'ONE'}({place}, {field.pb_type()})"
    if field.kind == "by_value":
        return f"X##MESSAGE{of}({place}, {field.element()})"
    if field.kind == "far":
        return f"X##FAR({place}, {field.element()})"
    if field.kind == "list":
        return f"X##MESSAGES({place}, {field.element()})" if field.pb_type() == "MESSAGE" else f"X##LIST({place}, {field.pb_type()}, {field.element()})"
    if field.kind == "value" and not field.oneof:
        return f"X##VALUE({place})"
    view = "OPTIONAL" if field.kind == "text" and field.optional else "PLAIN" if field.kind == "text" else field.kind.upper()
    return f"X##VIEW{of}({place}, {field.pb_type()}, {view})"


def descriptor_lines(message):
    """The descriptor of a message."""
    if not message.fields:
        return [f"VMC_PROTO_EMPTY({message.name})"]
    fields = [f"    {field_line(field)}" for field in message.fields]
    called_back = any(field.kind not in ("plain", "by_value") for field in message.fields)
    lines = ["#define VMC_FIELDS(X, m) \\", *[line + " \\" for line in fields[:-1]], fields[-1],
             f"VMC_PROTO_MESSAGE({message.name}, {'vmc_proto_field' if called_back else 'NULL'}, {len(fields)}, {max(field.tag for field in message.fields)})"]
    if message.size > 1000:                             # that two words a field will do
        lines += [f"VMC_STATIC_ASSERT({message.name}_fits, sizeof({message.name}) <= {message.size});"]
    return lines + ["#undef VMC_FIELDS", ""]


# ---- services ----

def described(method):
    """What a person wants to know of a method."""
    words = {"CLIENT_STREAM": "client stream", "SERVER_STREAM": "server stream", "MONITORED": "moves, with a session", "MOVES": "moves",
             "SETPOINT": "setpoint", "STOP": "stops", "STOP_ALL": "stops all", "EXTRA": "extra"}
    said = ", ".join(words[flag] for flag in method.flags())
    return method.descriptor.name + (": " + said if said else "")


def table(choice, service):
    """The methods of a service, as a macro that is gone through for all that is made of them."""
    rows = []
    for method in service.methods:
        flags = " | ".join(f"VIAMC_M_{flag}" for flag in method.flags()) or "0"
        parts = f"&vmc_parts_{method.reply}" if choice.parts(method.descriptor.output_type.full_name) else "NULL"
        rows += wrap(f"    {'S' if method.proto.client_streaming else 'X'}(",
                     [service.name, method.name, f'"{method.descriptor.name}"', method.request, method.reply, flags, parts], ")", end=" \\")
        rows[-1] += " \\"
    rows[-1] = rows[-1][:-2]
    return [f'#define VMC_NAME_{service.name} "{service.full_name}"', f"#define VMC_METHODS_{service.name}(X, S) \\", *rows, ""]


def tables(choice):
    """Tables of all services, where the rest of the file needs them."""
    lines = [line for service in choice.services for line in table(choice, service)]
    return ["#if !defined(VIAMC_PROTO_H) || (defined(VIAMC_IMPLEMENTATION) && !defined(VIAMC_PROTO_IMPLEMENTED))", *lines[:-1], "#endif"]


def argument(method, field, kind, is_list):
    """Parameters of a field in a short form, and the statements that put them into the request."""
    name = member_name(field.name)
    one = Field(field, descriptor_proto(method.descriptor.input_type).field[field.index])
    if is_list:
        return [f"const {one.element()} *{name}", f"size_t {name}_count"], [f"req.{name} = viamc_list_of({name}, {name}_count);"]
    if kind == "str":
        return [f"const char *{name}"], [f"req.{name} = viamc_text({name});"]
    if kind == "Struct":
        return [f"viamc_bytes {name}"], [f"req.{name} = viamc_struct_fields({name});"]
    return [f"{one.c_type()} {name}"], [f"req.has_{name} = true;"] * one.has() + [f"req.{name} = {name};"]


def short_form(method):
    """The function with plain arguments."""
    parameters, body = ["viamc_client *c"], [f"{method.request} req = VIAMC_ZERO;"]
    for field, kind, is_list in method.arguments:
        more, statements = argument(method, field, kind, is_list)
        parameters += more
        body += statements
    texts = [(field.number, kind) for field, kind, _ in method.arguments]
    name = parameters[1].rpartition("*")[2] if len(parameters) > 1 else ""
    if texts == [(1, "str")]:
        body = [f"return viamc_call_named(c, &viamc_method_{method.symbol}, {name}, opts, call);"]
    elif texts[:1] == [(1, "str")]:     # no name is no request: ARG, as viamc_call_named answers
        body += [f"return viamc_{method.symbol}_req(c, {name} == NULL ? NULL : &req, opts, call);"]
    else:
        body += [f"return viamc_{method.symbol}_req(c, &req, opts, call);"]
    parameters += ["const viamc_opts *opts", "viamc_call *call"]
    return function(f"viamc_err viamc_{method.symbol}", parameters, *body)


def calls(choice):
    """Typed functions of the client's side."""
    lines = []
    for service in choice.services:
        lines += [f"/* ---- {service.name}: {service.full_name} ---- */", "", f"VMC_PROTO_CALLS({service.name})", ""]
        for method in service.methods:
            if method.arguments is not None:
                lines += [f"/* {described(method)} */", *short_form(method), ""]
    return lines


def serving(choice):
    """Typed functions of the server's side."""
    lines = []
    for service in choice.services:
        stop = service.stop()
        lines += [f"VMC_PROTO_ADD({service.name}, {f'ops->{stop.name} == NULL' if stop else 'false'})" if service.type
                  else f"VMC_PROTO_ADD_ONE({service.name})"]
    return lines


def parts(choice):
    """What guides sinks through the replies of methods."""
    replies = {method.descriptor.output_type.full_name for service in choice.services for method in service.methods}
    lines = []
    for reply in sorted(replies):
        found, name = choice.parts(reply), c_name(reply)
        if found:
            lines += [f"static const char vmc_names_{name}[] =", *[f'    "{part.name}\\0"' for part in found]]
            lines[-1] = lines[-1][:-3] + '";'
            lines += [f"static const vmc_part vmc_part_{name}[] = {{"]
            at = 0
            for part in found:
                kind = ("VMC_PART_BYTES" if part.is_bytes else "VMC_PART_MESSAGE") + (" | VMC_PART_LIST" if part.is_list else "")
                lines += [f'    {{{part.number}, {at}, {"VMC_SPLIT_TOP" if part.parent is None else part.parent}, {kind}}},']
                at += len(part.name) + 1
            lines += ["};", f"static const struct vmc_parts vmc_parts_{name} = {{",
                      f"    vmc_split, vmc_part_{name}, vmc_names_{name}, {len(found)}}};"]
    return lines


def objects(choice):
    """Method objects."""
    return [f"VMC_METHODS_{service.name}(VMC_PROTO_OBJECT, VMC_PROTO_OBJECT)" for service in choice.services]


def services(choice):
    """Service objects."""
    return [f'VMC_PROTO_SERVICE({service.name}, "{service.type}", "{service.subtype}", {"true" if service.stop() else "false"})'
            for service in choice.services]


# ---- the file ----

def license_lines():
    """The licence, as a comment."""
    text = (ROOT / "LICENSE").read_text(encoding="ascii").splitlines()
    return ["/*", *[f" * {line}".rstrip() for line in text], " */"]


def part(name, choice):
    """A file of tools/proto. Blocks that need a message which is not there are left out."""
    there, skip = {message.full_name for message in choice.messages}, False
    text = (PARTS / name).read_text(encoding="ascii").partition("\n\n")[2]      # without what it says of itself
    for line in text.splitlines():
        mark = re.fullmatch(r"/\*: (end|needs (.*)) \*/", line)
        if mark:
            skip = mark.group(1) != "end" and mark.group(2) not in there
        elif not skip:
            yield line


def filled(choice):
    """tools/proto/file.h with its marks replaced."""
    for line in part("file.h", choice):
        mark = re.fullmatch(r"/\*: (?:file (\S+)|(\w+)) \*/", line)
        if not mark:
            yield line
        elif mark.group(1):
            yield from part(mark.group(1), choice)
        elif mark.group(2) == "undefine":
            yield line
        else:
            yield from {"tables": tables, "structs": structs, "calls": calls, "serving": serving, "descriptors": descriptors, "parts": parts,
                        "objects": objects, "services": services, "license": lambda _: license_lines()}[mark.group(2)](choice)


def descriptors(choice):
    """Descriptors of all messages."""
    return [line for message in choice.messages for line in descriptor_lines(message)]


def squeeze(lines):
    """No more than one empty line in a row."""
    return [line for number, line in enumerate(lines) if line or (number > 0 and lines[number - 1])]


def generate(names):
    """The text of the file."""
    choice = Choice(Descriptors(), names)
    version = importlib.import_module("viam.version_metadata").API_VERSION
    listed = ", ".join(service.name for service in choice.services) or "none"
    values = {"@SDK@": SDK, "@API@": version, "@DEPTH@": str(choice.depth)}
    lines = []
    for line in filled(choice):
        if "@SERVICES@" in line:
            lines += [re.sub(r"^/\*", " *", one).removesuffix(" */") for one in comment(line.strip("* ").replace("@SERVICES@", listed))]
        elif line == "/*: undefine */":
            macros = dict.fromkeys(found.group(1) for one in lines if (found := re.match(r"#define (VMC_\w+)", one)))
            lines += [f"#undef {name}" for name in macros if name != "VMC_FIELDS"]
        else:
            lines.append(re.sub("@[A-Z]+@", lambda found: values[found.group()], line))
    return "".join(line + "\n" for line in squeeze(lines))


def listing():
    """All services and methods, for --list."""
    for service in sorted(Descriptors().services.values(), key=lambda s: s.full_name):
        yield f"{service.name}: {service.full_name}"
        for method in service.methods:
            form = "" if method.arguments is None else f"({', '.join(field.name for field, _, _ in method.arguments)})"
            yield f"    {described(method)}  viamc_{method.symbol}{form or '_req'}"


def run(args):
    """The exit code."""
    if args.list:
        print("\n".join(listing()))
        return 0
    text = generate(Descriptors().names() if args.all else args.names or machine_api())
    if not args.check:
        args.output.write_bytes(text.encode("ascii"))
    elif not args.output.exists() or args.output.read_bytes() != text.encode("ascii"):
        print(f"{args.output} is not what tools/gen_proto.py makes: run {COMMAND}")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description="makes viamc_proto.h")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--all", action="store_true", help="every service, those of the cloud too")
    parser.add_argument("--list", action="store_true", help="print what there is")
    parser.add_argument("-o", dest="output", type=pathlib.Path, default=TARGET, metavar="FILE", help="viamc_proto.h")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    try:
        importlib.metadata.version("viam-sdk")
    except importlib.metadata.PackageNotFoundError:
        if not VENV.exists() or pathlib.Path(sys.executable) == VENV:
            sys.exit("gen_proto: the Python package viam-sdk is missing: run `make setup`")
        os.execv(VENV, [str(VENV), *sys.argv])
    try:
        return run(args)
    except Problem as problem:
        sys.exit(f"gen_proto: {problem}")


if __name__ == "__main__":
    sys.exit(main())
