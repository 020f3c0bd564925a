#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes viamc_proto.h: nanopb structs, method objects and typed functions for the services of a robot.

    build/venv/bin/python3 tools/gen_proto.py [--check] [-o FILE] [NAME ...]
    build/venv/bin/python3 tools/gen_proto.py --all -o FILE        every service of the machine API
    build/venv/bin/python3 tools/gen_proto.py --list               names of all services and their methods

A NAME is a package (viam.component.motor.v1), a service (motor, or viam.component.motor.v1.MotorService), a method (motor.SetPower) or a
message (google.rpc.Status). Without names it makes what is checked in. What the chosen methods need comes with them.

The descriptors are those inside the Python package viam-sdk (tools/requirements.txt; `make setup` installs it), the C code that is the same
for all services stands in tools/proto, and tools/proto/methods.txt says what descriptors do not say. The same input gives the same bytes.
--check compares FILE with them and changes nothing; exit code 1 if they differ.
"""
import argparse
import collections
import importlib
import importlib.metadata
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "build/venv/bin/python3"
PARTS = ROOT / "tools/proto"
TARGET = ROOT / "viamc_proto.h"
SDK = "0.85.1"                                          # of viam-sdk, pinned in tools/requirements.txt too
COMMAND = "build/venv/bin/python3 tools/gen_proto.py"
DEFAULT = ["motor", "base", "sensor", "testecho"]
OTHER_MODULES = ["grpclib.reflection.v1.reflection_pb2", "grpclib.reflection.v1alpha.reflection_pb2", "grpclib.health.v1.health_pb2"]
NOT_THE_MACHINE = ("viam.app.", "viam.provisioning.", "proto.rpc.examples.", "grpc.")      # not in --all
WIDTH = 130                                             # columns

# Names of services in functions where the rule of service_name does not do, names of methods likewise, subtypes of resources.
SERVICE_NAMES = {"viam.service.generic.v1.GenericService": "generic_service", "viam.app.v1.RobotService": "app_robot",
                 "grpc.reflection.v1alpha.ServerReflection": "reflection_v1alpha", "grpc.reflection.v1.ServerReflection": "reflection"}
METHOD_NAMES = {"ListUUIDs": "list_uuids"}
SUBTYPES = {"audioin": "audio_in", "audioout": "audio_out", "inputcontroller": "input_controller", "movementsensor": "movement_sensor",
            "posetracker": "pose_tracker", "powersensor": "power_sensor", "datamanager": "data_manager",
            "worldstatestore": "world_state_store"}

# Members may not be called so: keywords of C and C++, macros of windows.h and of compilers.
TAKEN = set("""
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await co_return co_yield
    compl concept const const_cast consteval constexpr constinit continue decltype default delete do double dynamic_cast else enum explicit
    export extern false float for friend goto if import inline int long module mutable namespace new noexcept not not_eq nullptr operator or
    or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast
    struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile
    wchar_t while xor xor_eq
    cdecl far hyper huge interface max min near pascal small stdcall
    errno i386 linux major makedev minor stderr stdin stdout unix""".split())

# By the number of the type in a descriptor: C type, octets, nanopb's name.
SCALARS = {1: ("double", 8, "DOUBLE"), 2: ("float", 4, "FLOAT"), 3: ("int64_t", 8, "INT64"), 4: ("uint64_t", 8, "UINT64"),
           5: ("int32_t", 4, "INT32"), 6: ("uint64_t", 8, "FIXED64"), 7: ("uint32_t", 4, "FIXED32"), 8: ("bool", 1, "BOOL"),
           13: ("uint32_t", 4, "UINT32"), 14: ("int32_t", 4, "ENUM"), 15: ("int32_t", 4, "SFIXED32"), 16: ("int64_t", 8, "SFIXED64"),
           17: ("int32_t", 4, "SINT32"), 18: ("int64_t", 8, "SINT64")}
STRING, MESSAGE, BYTES, ENUM = 9, 11, 12, 14
STRUCT, VALUE, LIST_VALUE = "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"
NATIVE = (STRUCT, VALUE, LIST_VALUE)                    # read by viamc.h, no structs of their own
VIEW_SIZES = {"viamc_str": 16, "viamc_bytes": 16, "viamc_fields": 24, "viamc_value": 80, "viamc_list": 48}     # where pointers have 64 bits
FAR = 65535                                             # nanopb's highest field number
EXTRA = 99


class Problem(Exception):
    """What is wrong, as one line of text."""


# ---- names ----

def c_name(full_name):
    """nanopb's name of a message or enum."""
    return full_name.replace(".", "_")


def member_name(name):
    """Name of a member of a struct."""
    return name + "_" if name in TAKEN else name


def small_letters(name):
    """SetRPM becomes set_rpm, Get3DModels get_3d_models."""
    return "_".join(re.findall(r"\d+[A-Z]?(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)).lower()


def service_name(full_name, alone):
    """Name of a service in functions: that of its package, or its own where that is not clear."""
    if full_name in SERVICE_NAMES:
        return SERVICE_NAMES[full_name]
    package, _, own = full_name.rpartition(".")
    parts = [part for part in package.split(".") if not re.fullmatch(r"v\d+\w*", part)]
    if parts[0] == "viam" and alone and len(parts) > 1:
        return parts[-1]
    return small_letters(re.sub(r"Service$", "", own))


# ---- what is to be generated ----

class Field:
    """A field of a message. kind: plain (a number), by_value (a message), text (string or bytes), struct, map, value, far, list."""

    def __init__(self, descriptor, proto):
        self.descriptor, self.number = descriptor, descriptor.number
        self.name = member_name(descriptor.name)
        self.optional = proto.proto3_optional
        self.oneof = None
        if descriptor.containing_oneof and not self.optional:
            self.oneof = member_name(descriptor.containing_oneof.name)
        self.target = descriptor.message_type.full_name if descriptor.type == MESSAGE else None
        self.tag = self.number & FAR                            # nanopb's number
        self.kind = self.kind_of()
        if self.number > FAR and (self.kind != "far" or self.tag == 0):
            raise Problem(f"{descriptor.full_name}: number {self.number} is only known of messages")

    def kind_of(self):
        """How the field is represented."""
        if self.descriptor.is_repeated:
            return "map" if self.is_map_of_values() else "list"
        if self.descriptor.type in (STRING, BYTES):
            return "text"
        if self.target in NATIVE:
            if self.target == LIST_VALUE:
                raise Problem(f"{self.descriptor.full_name}: {self.target} is not expected there")
            return "struct" if self.target == STRUCT else "value"
        if self.number > FAR and self.target and not self.oneof:
            return "far"
        return "by_value" if self.target else "plain"

    def is_map_of_values(self):
        """True for what viamc_struct_next can walk: map<string, Value> as field 1."""
        entry = self.descriptor.message_type
        return (entry is not None and entry.GetOptions().map_entry and self.number == 1
                and entry.fields_by_name["value"].message_type is not None
                and entry.fields_by_name["value"].message_type.full_name == VALUE)

    def element(self):
        """C type of what the field holds, or its list."""
        if self.target == STRUCT:
            return "viamc_fields"
        if self.target == VALUE:
            return "viamc_value"
        if self.target:
            return c_name(self.target)
        if self.descriptor.type == ENUM:
            return c_name(self.descriptor.enum_type.full_name)
        return {STRING: "viamc_str", BYTES: "viamc_bytes"}.get(self.descriptor.type) or SCALARS[self.descriptor.type][0]

    def c_type(self):
        """C type of the member."""
        return {"list": "viamc_list", "map": "viamc_fields"}.get(self.kind) or self.element()

    def pb_type(self):
        """nanopb's name of the type."""
        if self.target == STRUCT:
            return "FIXED_LENGTH_BYTES" if self.kind == "list" else "BYTES"
        if self.target == VALUE or self.kind == "map":
            return "BYTES"
        return {STRING: "STRING", BYTES: "BYTES", MESSAGE: "MESSAGE"}.get(self.descriptor.type) or SCALARS[self.descriptor.type][2]

    def has(self):
        """True if there is a has_ member."""
        return not self.oneof and (self.kind in ("by_value", "far", "value") or (self.kind == "plain" and self.optional))

    def comment(self):
        """What the C type does not say, or nothing."""
        if self.kind == "list":
            return f"of {self.element()}"
        if self.kind == "map":
            return "map of string to Value"
        return "optional: ptr is NULL without it" if self.kind == "text" and self.optional else ""


class Message:
    """A message and its fields, in the order of their numbers."""

    def __init__(self, descriptor, proto):
        self.full_name, self.name, self.package = descriptor.full_name, c_name(descriptor.full_name), descriptor.file.package
        self.fields = [Field(field, one) for field, one in zip(descriptor.fields, proto.field)]
        self.fields.sort(key=lambda field: field.tag)           # nanopb looks them up in this order
        if len({field.tag for field in self.fields}) != len(self.fields):
            raise Problem(f"{self.full_name}: two fields have numbers that are the same in their lower halves")
        self.depth, self.size, self.align = 0, 0, 0

    def members(self):
        """Fields, each alone or with the others of its oneof: [(None, [field])] and [(oneof, [field ...])]."""
        groups = collections.OrderedDict()
        for field in self.fields:
            groups.setdefault(field.oneof or field, []).append(field)
        return [(key if isinstance(key, str) else None, fields) for key, fields in groups.items()]


class Method:
    """A method and what methods.txt says of it."""

    def __init__(self, descriptor, service, monitored):
        self.descriptor, self.service = descriptor, service
        self.name = METHOD_NAMES.get(descriptor.name) or small_letters(descriptor.name)
        self.op = member_name(self.name)
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.symbol = f"{service.name}_{self.name}"
        self.request, self.reply = c_name(descriptor.input_type.full_name), c_name(descriptor.output_type.full_name)
        self.proto = descriptor_proto(descriptor)
        self.monitored = monitored
        self.arguments, self.setpoint, self.moves = None, False, False

    def has_extra(self):
        """True if field 99 of the request is a Struct."""
        field = self.descriptor.input_type.fields_by_number.get(EXTRA)
        return field is not None and field.message_type is not None and field.message_type.full_name == STRUCT and not field.is_repeated

    def is_stop(self):
        """True for what ends the motion of one resource."""
        return self.service.type == "component" and self.descriptor.name == "Stop"

    def flags(self):
        """Flags of viamc_method, without their prefix."""
        yes = {"CLIENT_STREAM": self.proto.client_streaming, "SERVER_STREAM": self.proto.server_streaming, "MONITORED": self.monitored,
               "MOVES": self.moves, "SETPOINT": self.setpoint, "STOP": self.is_stop(),
               "STOP_ALL": self.path == "/viam.robot.v1.RobotService/StopAll", "EXTRA": self.has_extra()}
        return [flag for flag, is_set in yes.items() if is_set]


class Service:
    """A service and those of its methods that were asked for."""

    def __init__(self, descriptor, name):
        self.descriptor, self.full_name, self.name = descriptor, descriptor.full_name, name
        found = re.fullmatch(r"viam\.(component|service)\.(\w+)\.v\d+\.\w+", self.full_name)
        self.type = found.group(1) if found else ""
        self.subtype = SUBTYPES.get(found.group(2), found.group(2)) if found else ""
        self.methods = []

    def stop(self):
        """Its Stop, or None."""
        return next((method for method in self.methods if method.is_stop()), None)


# ---- reading ----

def descriptor_proto(descriptor):
    """The protocol buffer form of a descriptor: it says what the other form does not in all versions."""
    from google.protobuf import descriptor_pb2
    kinds = {"Descriptor": "DescriptorProto", "MethodDescriptor": "MethodDescriptorProto"}
    proto = getattr(descriptor_pb2, kinds[type(descriptor).__name__])()
    descriptor.CopyToProto(proto)
    return proto


def load():
    """All services, messages by full name, and the option that marks monitored methods."""
    version = importlib.metadata.version("viam-sdk")
    if version != SDK:
        raise Problem(f"viam-sdk is {version}, not {SDK}: run `make setup`")
    gen = pathlib.Path(importlib.import_module("viam.gen").__file__).parent
    modules = ["viam.gen." + ".".join(path.relative_to(gen).with_suffix("").parts) for path in sorted(gen.rglob("*_pb2.py"))]
    files = {}

    def add(file):
        if file.name not in files:
            for dependency in file.dependencies:
                add(dependency)
            files[file.name] = file

    for module in modules + OTHER_MODULES:
        add(importlib.import_module(module).DESCRIPTOR)
    services = [service for name in sorted(files) for service in files[name].services_by_name.values()]
    messages = {}

    def add_message(message):
        messages[message.full_name] = message
        for nested in message.nested_types:
            add_message(nested)

    for name in sorted(files):
        for message in files[name].message_types_by_name.values():
            add_message(message)
    return services, messages, importlib.import_module("viam.gen.common.v1.common_pb2").safety_heartbeat_monitored


class Descriptors:
    """What there is to choose from."""

    def __init__(self):
        services, self.messages, option = load()
        per_package = collections.Counter(service.file.package for service in services)
        self.services = {}
        for descriptor in services:
            service = Service(descriptor, service_name(descriptor.full_name, per_package[descriptor.file.package] == 1))
            if service.name in self.services:
                raise Problem(f"{descriptor.full_name} and {self.services[service.name].full_name} are both called {service.name}")
            self.services[service.name] = service
            service.methods = [Method(method, service, bool(method.GetOptions().Extensions[option])) for method in descriptor.methods]
        self.read_methods()

    def read_methods(self):
        """Takes over methods.txt."""
        for number, line in enumerate((PARTS / "methods.txt").read_text(encoding="ascii").splitlines(), 1):
            found = re.fullmatch(r"(\w+)\.(\w+)(\(.*\))?((?: \w+)*)", line)
            if not line or line.startswith("#"):
                continue
            method = found and self.method(found.group(1), found.group(2))
            if not method:
                raise Problem(f"methods.txt:{number}: there is no such method: {line}")
            if found.group(3):
                method.arguments = [self.argument(method, text.split(), number) for text in found.group(3)[1:-1].split(",") if text]
            for flag in found.group(4).split():
                if flag not in ("setpoint", "moves"):
                    raise Problem(f"methods.txt:{number}: unknown flag {flag}")
                setattr(method, flag, True)

    def method(self, service, name):
        """The method of that name, or None."""
        methods = self.services[service].methods if service in self.services else []
        return next((method for method in methods if method.descriptor.name == name), None)

    def argument(self, method, words, number):
        """(field, type, True for a list) of an argument in methods.txt, after a look at the descriptor."""
        kind, name = (["str"] + words)[-2:]
        is_list = kind.endswith("[]")
        kind = kind[:-2] if is_list else kind
        field = method.descriptor.input_type.fields_by_name.get(name)
        if field is None:
            raise Problem(f"methods.txt:{number}: {method.path} has no field {name}")
        if field.type == MESSAGE:
            actual = field.message_type.name
        elif field.type == ENUM:
            actual = field.enum_type.name
        else:
            actual = {STRING: "str", BYTES: "bytes"}.get(field.type) or SCALARS[field.type][0].replace("_t", "")
        if actual != kind or field.is_repeated != is_list:
            raise Problem(f"methods.txt:{number}: {name} of {method.path} is {actual}{'[]' if field.is_repeated else ''}")
        return field, kind, is_list


class Choice:
    """What goes into the file: services with their methods, messages in an order in which C can read them, enums."""

    def __init__(self, all_there_is, names):
        self.descriptors = all_there_is
        self.services, self.messages, self.enums = [], [], []
        wanted, roots = self.choose(names)
        for service in sorted(all_there_is.services.values(), key=lambda s: s.full_name):
            service.methods = [method for method in service.methods if method in wanted]
            if service.methods:
                self.services.append(service)
                roots += [d for method in service.methods for d in (method.descriptor.input_type, method.descriptor.output_type)]
        self.add_messages(roots)
        for message in self.messages:
            self.measure(message)
        self.depth = max((message.depth for message in self.messages), default=1)

    def choose(self, names):
        """Methods and messages that the names stand for."""
        methods, roots = set(), []
        for name in names:
            found = [method for service in self.descriptors.services.values() for method in service.methods
                     if name in (service.name, service.full_name, service.descriptor.file.package,
                                 f"{service.name}.{method.descriptor.name}", method.path, method.path[1:])]
            methods.update(found)
            if name in self.descriptors.messages:
                roots.append(self.descriptors.messages[name])
            elif not found:
                raise Problem(f"there is no package, service, method or message {name}")
        return methods, roots

    def add_messages(self, roots):
        """All messages that the roots need, each behind those that it holds by value."""
        reached, queue = {}, sorted(roots, key=lambda descriptor: descriptor.full_name)
        while queue:
            descriptor = queue.pop(0)
            if descriptor.full_name in reached or descriptor.full_name in NATIVE:
                continue
            message = Message(descriptor, descriptor_proto(descriptor))
            reached[descriptor.full_name] = message
            queue += [field.descriptor.message_type for field in message.fields if field.target and field.kind != "map"]
            self.enums += [field.descriptor.enum_type for field in message.fields if field.descriptor.type == ENUM]
        self.enums = sorted({enum.full_name: enum for enum in self.enums}.values(), key=lambda enum: enum.full_name)
        self.cut_circles(reached)
        for name in sorted(reached):
            self.place(reached, reached[name])

    @staticmethod
    def cut_circles(reached):
        """A message that would hold itself by value holds a list instead."""
        def reaches(start, goal, seen):
            for field in reached[start].fields:
                if field.kind in ("by_value", "far") and field.target not in seen:
                    seen.add(field.target)
                    if field.target == goal or reaches(field.target, goal, seen):
                        return True
            return False

        for name in sorted(reached):
            for field in reached[name].fields:
                if field.kind == "by_value" and (field.target == name or reaches(field.target, name, set())):
                    if field.oneof:
                        raise Problem(f"{field.descriptor.full_name}: a oneof cannot hold a list")
                    field.kind = "list"

    def place(self, reached, message):
        """Puts a message behind those that it holds by value."""
        if message in self.messages:
            return
        for field in message.fields:
            if field.kind in ("by_value", "far"):
                self.place(reached, reached[field.target])
        self.messages.append(message)

    def measure(self, message):
        """Depth, and size where pointers have 64 bits: nowhere is it larger."""
        by_name = {one.full_name: one for one in self.messages}
        at = 0

        def put(size, align):
            nonlocal at
            at = (at + align - 1) // align * align + size
            message.align = max(message.align, align)

        for oneof, fields in message.members():
            sizes = []
            for field in fields:
                if field.kind in ("by_value", "far"):
                    inner = by_name[field.target]
                    message.depth = max(message.depth, inner.depth)
                    sizes.append((inner.size, inner.align))
                elif field.kind == "plain":
                    sizes.append((SCALARS[field.descriptor.type][1],) * 2)
                else:
                    sizes.append((VIEW_SIZES[field.c_type()], 8))
            if oneof:
                put(2, 2)
            elif fields[0].has():
                put(1, 1)
            align = max(align for _, align in sizes)
            put((max(size for size, _ in sizes) + align - 1) // align * align, align)
        put(0 if message.fields else 1, message.align or 1)
        message.depth += 1
        message.size = at
        if at > FAR:
            raise Problem(f"{message.full_name} is too large for nanopb")

    def element_size(self, field):
        """Octets of an element of a list, at most."""
        sizes = {one.name: one.size for one in self.messages}
        return sizes.get(field.element()) or VIEW_SIZES.get(field.element()) or 8


# ---- writing: pieces ----

def wrap(head, words, tail, separator=", "):
    """A text that is too long for one line goes on below its first bracket."""
    line, lines, indent = head, [], " " * (head.index("(") + 1)
    for number, word in enumerate(words):
        piece = word + (separator if number + 1 < len(words) else tail)
        if len(line) + len(piece.rstrip()) > WIDTH and line.strip() and line != head:
            lines.append(line.rstrip())
            line = indent
        line += piece
    if not words:
        line += tail
    return lines + [line]


def function(head, parameters, *body):
    """A static inline function."""
    return [*wrap(f"static inline {head}(", parameters, ")"), "{", *[f"    {line}" for line in body], "}"]


def call(head, arguments):
    """A statement that is a call."""
    return wrap(head + "(", arguments, ");")


def comment(text):
    """A comment of one paragraph."""
    words, lines, line = text.split(), [], "/*"
    for word in words:
        if len(line) + 1 + len(word) > WIDTH - 3:
            lines.append(line)
            line = " *"
        line += " " + word
    return lines + [line + " */"]


# ---- writing: messages ----

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
    lines = [f"typedef struct {message.name} {{"]
    for oneof, fields in message.members():
        if oneof:
            lines += [f"    pb_size_t which_{oneof}; /* {message.name}_..._tag; 0: none */", "    union {"]
            for field in fields:
                lines += member_lines(field, "        ")
            lines += [f"    }} {oneof};"]
        else:
            lines += member_lines(fields[0], "    ")
    if not message.fields:
        lines += ["    char dummy_field;"]
    lines += [f"}} {message.name};"]
    tags = [field for field in message.fields if field.oneof]
    if tags:
        lines += ["enum {"] + [f"    {message.name}_{field.descriptor.name}_tag = {field.number}{',' if field is not tags[-1] else ''}" for field in tags]
        lines += ["};"]
    return lines


def struct_part(choice):
    """Enums and structs."""
    lines = []
    for enum in choice.enums:
        lines += [*enum_lines(enum), ""]
    package = None
    for message in choice.messages:
        if message.package != package:
            package = message.package
            lines += [f"/* ---- messages of {package} ---- */", ""]
        lines += [*message_lines(message), ""]
    lines += ["/* Descriptors, for nanopb and for viamc_message_read and _write. */", "VMC_PROTO_OPEN"]
    lines += [f"VMC_PROTO_DECLARE pb_msgdesc_t {message.name}_msg;" for message in choice.messages]
    return lines + ["VMC_PROTO_CLOSE"]


def descriptor_line(choice, message, field):
    """The entry of a field in its message's descriptor."""
    width = 4 if field.number > 1023 or message.size > 4095 or (field.kind == "list" and choice.element_size(field) > 4095) else 2
    head = f"{width}, {message.name}, " + (f"{field.oneof}, " if field.oneof else "") + f"{field.name}, {field.number}, {field.pb_type()}"
    one = "_ONE" if field.oneof else ""
    if field.kind in ("plain", "by_value"):
        return f"VMC_PB{one or ('_HAS' if field.has() else '_PLAIN')}({head})"
    if field.kind == "list":
        return f"VMC_PB_LIST({head}, {field.element()})"
    if field.kind == "far":
        return f"VMC_PB_FAR({message.name}, {field.name}, {field.number})"
    if field.kind == "value":
        return f"VMC_PB_VIEW_ONE({head}, VALUE)" if field.oneof else f"VMC_PB_VALUE({head})"
    view = "OPTIONAL" if field.kind == "text" and field.optional else "PLAIN" if field.kind == "text" else field.kind.upper()
    return f"VMC_PB_VIEW{one}({head}, {view})"


def descriptor_lines(choice, message):
    """The descriptor of a message, as nanopb's generator makes it with PB_BIND."""
    name, held = message.name, [field for field in message.fields if field.pb_type() == "MESSAGE"]
    called_back = any(field.kind not in ("plain", "by_value") for field in message.fields)
    lines = []
    if message.fields:
        lines += [f"static const uint32_t vmc_pb_{name}_info[] PB_PROGMEM = {{"]
        lines += [f"    {descriptor_line(choice, message, field)}" for field in message.fields] + ["    0", "};"]
    if held:
        lines += [f"static const pb_msgdesc_t *const vmc_pb_{name}_held[] = {{"]
        lines += [f"    &{field.element()}_msg," for field in held] + ["    NULL", "};"]
    largest = max((field.tag for field in message.fields), default=0)
    arguments = [name, f"vmc_pb_{name}_info" if message.fields else "vmc_pb_no_info", f"vmc_pb_{name}_held" if held else "vmc_pb_none_held",
                 "vmc_proto_field" if called_back else "NULL", str(len(message.fields)), str(largest)]
    lines += wrap("VMC_PROTO_MESSAGE(", arguments, ")")
    if message.size > 1000:                             # that the widths were chosen well
        lines += [f"VMC_STATIC_ASSERT({name}_fits, sizeof({name}) <= {message.size});"]
    return lines


# ---- writing: services ----

def described(method):
    """What a person wants to know of a method."""
    words = {"CLIENT_STREAM": "client stream", "SERVER_STREAM": "server stream", "MONITORED": "moves, with a session", "MOVES": "moves",
             "SETPOINT": "setpoint", "STOP": "stops", "STOP_ALL": "stops all", "EXTRA": "extra"}
    said = ", ".join(words[flag] for flag in method.flags())
    return method.descriptor.name + (": " + said if said else "")


def short_form(method):
    """The function with plain arguments."""
    parameters, body = ["viamc_client *c"], [f"{method.request} req = VIAMC_ZERO;"]
    for field, kind, is_list in method.arguments:
        name = member_name(field.name)
        if is_list:
            element = Field(field, descriptor_proto(method.descriptor.input_type).field[field.index]).element()
            parameters += [f"const {element} *{name}", f"size_t {name}_count"]
            body += [f"req.{name} = viamc_list_of({name}, {name}_count);"]
        elif kind == "str":
            parameters += [f"const char *{name}"]
            body += [f"req.{name} = viamc_text({name});"]
        elif kind == "Struct":
            parameters += [f"viamc_bytes {name}"]
            body += [f"req.{name} = viamc_struct_fields({name});"]
        else:
            one = Field(field, descriptor_proto(method.descriptor.input_type).field[field.index])
            parameters += [f"{one.c_type()} {name}"]
            body += [f"req.has_{name} = true;"] if one.has() else []
            body += [f"req.{name} = {name};"]
    parameters += ["const viamc_opts *opts", "viamc_call *call"]
    return function(f"viamc_err viamc_{method.symbol}", parameters, *body, f"return viamc_{method.symbol}_req(c, &req, opts, call);")


def method_lines(method):
    """The functions of a method."""
    symbol, objekt = method.symbol, f"&viamc_method_{method.symbol}"
    lines = [*comment(described(method))]
    lines += function(f"viamc_err viamc_{symbol}_req",
                      ["viamc_client *c", f"const {method.request} *req", "const viamc_opts *opts", "viamc_call *call"],
                      f"return viamc_call_start(c, {objekt}, req, opts, call);")
    if method.arguments is not None:
        lines += short_form(method)
    if method.proto.client_streaming:
        lines += function(f"viamc_err viamc_{symbol}_send", ["viamc_client *c", "viamc_call call", f"const {method.request} *msg"],
                          f"return viamc_call_send_message(c, call, {objekt}, msg);")
    lines += function(f"viamc_err viamc_{symbol}_reply", ["const viamc_event *ev", f"{method.reply} *out"],
                      f"return viamc_call_reply(ev, {objekt}, out, sizeof *out);")
    return lines


def server_lines(service):
    """Answers, the table of handlers, and the function that offers them."""
    stop, name = service.stop(), service.name
    answers = []
    for method in service.methods:
        answers += function(f"viamc_err viamc_{method.symbol}_answer", ["viamc_request *rq", f"const {method.reply} *out"],
                            f"return viamc_answer(rq, &viamc_method_{method.symbol}, out);")
    text = (f"Handlers of a resource: VIAMC_ZERO, then fill in by name. What is NULL answers UNIMPLEMENTED."
            + (f" {stop.op} is needed." if stop else ""))
    lines = ["#ifndef VIAMC_NO_SERVER", "VMC_PROTO_OPEN", f"VMC_PROTO_DECLARE viamc_service viamc_service_{name};", "VMC_PROTO_CLOSE", "",
             *answers, "", *comment(text), f"typedef struct viamc_{name}_ops {{", "    uint32_t guard; /* leave 0: catches an uninitialised struct */",
             "    void *user;     /* viamc_request_user */"]
    for method in service.methods:
        lines += [f"    viamc_err (*{method.op})(viamc_request *rq, const {method.request} *q);"
                  + (" /* q NULL: the client has ended */" if method.proto.client_streaming else "")]
    lines += ["    uint32_t guard_end; /* leave 0 */", f"}} viamc_{name}_ops;", ""]
    text = "as viamc_server_add; ARG also without " + stop.op if stop else "as viamc_server_add"
    lines += [f"/* Offers it{' under a name' if service.type else ''}: ops are kept. Returns: {text}. */"]
    parameters = ["viamc_server *s"] + (["const char *name"] if service.type else []) + [f"const viamc_{name}_ops *ops",
                                                                                         "viamc_resource **resource"]
    check = "ops == NULL || ops->guard != 0 || ops->guard_end != 0" + (f" || ops->{stop.op} == NULL" if stop else "")
    arguments = ["s", f"&viamc_service_{name}", "name" if service.type else '""', "ops", "ops->user", "resource"]
    return lines + function(f"viamc_err viamc_server_add_{name}", parameters, f"if ({check})", "    return VIAMC_ERR_ARG;",
                            *call("return viamc_server_add", arguments)) + ["#endif"]


def service_part(service):
    """All declarations of a service."""
    lines = [f"/* ---- {service.name}: {service.full_name} ---- */", "", "VMC_PROTO_OPEN"]
    lines += [f"VMC_PROTO_DECLARE viamc_method viamc_method_{method.symbol};" for method in service.methods]
    lines += ["VMC_PROTO_CLOSE", ""]
    for method in service.methods:
        lines += [*method_lines(method), ""]
    return lines + server_lines(service)


def service_impl(service):
    """Method objects, adapters and the service object."""
    lines = [f"/* ---- {service.name} ---- */", ""]
    for method in service.methods:
        flags = " | ".join(f"VIAMC_M_{flag}" for flag in method.flags()) or "0"
        lines += wrap("VMC_PROTO_METHOD(", [method.symbol, f'"{method.path}"', method.request, method.reply, flags], ")")
    lines += ["", "#ifndef VIAMC_NO_SERVER"]
    lines += [f"VMC_PROTO_SERVE({method.symbol}, {service.name}, {method.op}, {method.request})" for method in service.methods]
    lines += [f"static const viamc_serve vmc_serve_{service.name}[] = {{"]
    lines += [f"    {{&viamc_method_{method.symbol}, vmc_serve_{method.symbol}}}{',' if method is not service.methods[-1] else ''}"
              for method in service.methods]
    stop = service.stop()
    arguments = [service.name, f'"{service.full_name}"', f'"{service.type}"', f'"{service.subtype}"', f"vmc_serve_{stop.symbol}" if stop else "NULL"]
    lines += ["};", *wrap("VMC_PROTO_SERVICE(", arguments, ")"), "#endif"]
    return lines


# ---- writing: the file ----

HEAD = """\
/* viamc_proto.h: GENERATED by tools/gen_proto.py from viam-sdk @SDK@ (API @API@). Do not edit it: run the script. */
/* SPDX-License-Identifier: MIT */
/* Typed calls of a Viam robot, and typed handlers for being one. Needs nanopb 0.4 (Debian: libnanopb-dev, -lprotobuf-nanopb).
 *
 *     #define VIAMC_IMPLEMENTATION          in exactly one file: the implementation of viamc.h comes with it
 *     #include "viamc_proto.h"
 *
 * Each method of each service has
 *
 *     viamc_motor_go_for(c, "left", 60, 2, opts, &call)   plain arguments, where that is handy; opts NULL: defaults
 *     viamc_motor_go_for_req(c, &req, opts, &call)        any request
 *     viamc_motor_get_position_reply(ev, &out)            reads a reply (DONE) or a message of a stream (MESSAGE)
 *     viamc_motor_get_position_answer(rq, &out)           answers it, or sends one message of a stream; NULL: an empty one
 *     viamc_method_motor_go_for                           what the core wants to know of it
 *
 * client streams a viamc_..._send(c, call, &msg), and each service a table of handlers, viamc_motor_ops, for viamc_server_add_motor.
 *
 * Messages are nanopb's structs with nanopb's names. Begin with VIAMC_ZERO. A message by value and a number that is optional have a has_
 * member, a oneof has which_ and a union. Strings and bytes are views (viamc_str, viamc_bytes), a Struct is a walk (viamc_fields: read it with
 * viamc_struct_next, write one with viamc_struct_fields(encoded)), repeated fields and maps are viamc_list. Nothing is copied, so what was read
 * lives as long as the octets it was read from. Members that would be keywords or macros end in an underscore.
 *
 * What a program does not use costs it nothing: compile with -ffunction-sections -fdata-sections, link with -Wl,--gc-sections.
 *
 * Services in this file: @SERVICES@.
 * For others: `tools/gen_proto.py --list`. */
#include "viamc.h"

#ifdef VIAMC_STATIC
#if defined(__GNUC__)
#define VMC_PROTO_UNUSED __attribute__((unused))
#else
#define VMC_PROTO_UNUSED
#endif
#ifdef __cplusplus
#define VMC_PROTO_OPEN } namespace {
#define VMC_PROTO_CLOSE } extern "C" {
#define VMC_PROTO_DECLARE extern VMC_PROTO_UNUSED const
#define VMC_PROTO_DEFINE VMC_PROTO_UNUSED const
#else
#define VMC_PROTO_OPEN
#define VMC_PROTO_CLOSE
#define VMC_PROTO_DECLARE static VMC_PROTO_UNUSED const
#define VMC_PROTO_DEFINE static VMC_PROTO_UNUSED const
#endif
#else
#define VMC_PROTO_OPEN
#define VMC_PROTO_CLOSE
#define VMC_PROTO_DECLARE extern const
#define VMC_PROTO_DEFINE const
#endif

#ifndef VIAMC_PROTO_H
#define VIAMC_PROTO_H

#include <pb.h>
#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>

#if !defined(PB_PROTO_HEADER_VERSION) || PB_PROTO_HEADER_VERSION != 40
#error "viamc_proto.h needs nanopb 0.4"
#endif

#ifdef __cplusplus
extern "C" {
#endif
"""
MIDDLE = """
#ifdef __cplusplus
}
#endif

#endif

#if defined(VIAMC_IMPLEMENTATION) && !defined(VIAMC_PROTO_IMPLEMENTED)
#define VIAMC_PROTO_IMPLEMENTED

#ifdef __cplusplus
extern "C" {
#endif

#define VMC_PROTO_DEPTH @DEPTH@u /* messages by value in one another */
"""
TAIL = """
#ifdef __cplusplus
}
#endif

#endif

"""


def part(name, choice):
    """A file of tools/proto, in pieces: {"": what comes first, "messages": what comes behind that mark ...}. Blocks that need a message
    which is not there are left out."""
    pieces, now, skip = collections.OrderedDict([("", [])]), "", False
    there = {message.full_name for message in choice.messages}
    text = (PARTS / name).read_text(encoding="ascii").partition("\n\n")[2]      # without what it says of itself
    for line in text.splitlines():
        mark = re.fullmatch(r"/\*: (.*) \*/", line)
        if not mark:
            if not skip:
                pieces[now].append(line)
        elif mark.group(1) == "end":
            skip = False
        elif mark.group(1).startswith("needs "):
            skip = mark.group(1).split()[1] not in there
        else:
            now = mark.group(1)
            pieces[now] = []
    return pieces


def static_names(lines):
    """Names of the macros that a piece of C defines for itself alone."""
    return [found.group(1) for line in lines if (found := re.match(r"#define (VMC_\w+)", line))]


def implementation(choice):
    """The lines of the second half."""
    pieces = part("proto_impl.h", choice)
    lines = [*pieces[""], "/* ---- descriptors ---- */", "", "static const uint32_t vmc_pb_no_info[] PB_PROGMEM = {0};",
              "static const pb_msgdesc_t *const vmc_pb_none_held[] = {NULL};", "VMC_PROTO_OPEN", ""]
    for message in choice.messages:
        lines += [*descriptor_lines(choice, message), ""]
    lines += pieces["descriptors"]
    for service in choice.services:
        lines += [*service_impl(service), ""]
    lines += ["VMC_PROTO_CLOSE"]
    return lines


def license_lines():
    """The licence, as a comment."""
    text = (ROOT / "LICENSE").read_text(encoding="ascii").splitlines()
    return ["/*", *[f" * {line}".rstrip() for line in text], " */"]


def squeeze(lines):
    """No more than one empty line in a row."""
    return [line for number, line in enumerate(lines) if line or (number > 0 and lines[number - 1])]


def generate(names):
    """The text of the file."""
    choice = Choice(Descriptors(), names)
    version = importlib.import_module("viam.version_metadata").API_VERSION
    services = ", ".join(service.name for service in choice.services)
    services = "\n *".join(line.strip("/* ") and " " + line.strip("/* ") for line in comment(services)).strip() or "none"
    pieces = part("proto.h", choice)
    head = HEAD.replace("@SDK@", SDK).replace("@API@", version).replace("@SERVICES@", services).splitlines()
    middle = MIDDLE.replace("@DEPTH@", str(choice.depth)).splitlines()
    lines = [*head, *pieces[""], *struct_part(choice), *pieces["messages"], ""]
    for service in choice.services:
        lines += [*service_part(service), ""]
    impl = implementation(choice)
    private = static_names(middle + impl)
    lines += [*middle, "", *impl, "", *[f"#undef {name}" for name in private], *TAIL.splitlines()]
    macros = list(dict.fromkeys(static_names(head)))
    lines += ["", *[f"#undef {name}" for name in macros], "", *license_lines()]
    return "".join(line + "\n" for line in squeeze(lines))


def listing():
    """All services and methods, for --list."""
    for service in sorted(Descriptors().services.values(), key=lambda s: s.full_name):
        yield f"{service.name}: {service.full_name}"
        for method in service.methods:
            form = "" if method.arguments is None else f"({', '.join(field.name for field, _, _ in method.arguments)})"
            yield f"    {described(method)}  viamc_{method.symbol}{form or '_req'}"


def machine_api():
    """All services but those of the cloud."""
    return [service.full_name for service in Descriptors().services.values() if not service.full_name.startswith(NOT_THE_MACHINE)]


def run(args):
    """The exit code."""
    if args.list:
        print("\n".join(listing()))
        return 0
    text = generate((machine_api() if args.all else []) + args.names or DEFAULT)
    if not args.check:
        args.output.write_bytes(text.encode("ascii"))
    elif not args.output.exists() or args.output.read_bytes() != text.encode("ascii"):
        print(f"{args.output} is not what tools/gen_proto.py makes: run {COMMAND}")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description="makes viamc_proto.h")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--all", action="store_true", help="every service of the machine API, and the names")
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
