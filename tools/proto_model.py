# SPDX-License-Identifier: MIT
"""What tools/gen_proto.py has to choose from, and what was chosen: services, methods, messages and fields as C will see them.

Out of the descriptors inside the Python packages viam-sdk and grpclib, and tools/proto/methods.txt.
"""
import collections
import importlib
import importlib.metadata
import pathlib
import re

PARTS = pathlib.Path(__file__).resolve().parent / "proto"
SDK = "0.85.1"                                          # of viam-sdk, pinned in tools/requirements.txt too
OTHER_MODULES = ["grpclib.reflection.v1.reflection_pb2", "grpclib.reflection.v1alpha.reflection_pb2", "grpclib.health.v1.health_pb2"]
NOT_THE_MACHINE = ("viam.app.", "viam.provisioning.", "proto.rpc.examples.")

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
NARROW, LARGEST = 1023, 4095                            # highest number, and size, that a descriptor of two words a field has room for
EXTRA = 99
PARTS_COUNT, PARTS_DEPTH, PARTS_PATH = 48, 8, 127       # of a reply with bytes in it: VMC_SPLIT_FIELDS, VMC_SPLIT_DEPTH, VMC_SPLIT_PATH


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
            if self.target in (VALUE, LIST_VALUE):
                raise Problem(f"{self.descriptor.full_name}: a list of {self.target} is not expected there")
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


class Part:
    """A bytes field of a reply, or a message that leads to some: parent is its index, None on top."""

    def __init__(self, field, parent):
        self.name, self.number, self.parent = field.descriptor.name, field.number, parent
        self.is_bytes, self.is_list = field.descriptor.type == BYTES, field.descriptor.is_repeated

    def path(self, parts):
        """Octets of its path at most."""
        own = len(self.name) + (len("[4294967295]") if self.is_list else 0)
        return own + (0 if self.parent is None else 1 + parts[self.parent].path(parts))


class Method:
    """A method and what methods.txt says of it."""

    def __init__(self, descriptor, service, monitored):
        self.descriptor, self.service = descriptor, service
        self.name = METHOD_NAMES.get(descriptor.name) or small_letters(descriptor.name)
        if self.name in TAKEN:
            raise Problem(f"{descriptor.full_name}: {self.name} cannot be the name of a handler")
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

    def names(self):
        """Full names of all services."""
        return [service.full_name for service in self.services.values()]

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

        fields = [(name, field) for name in sorted(reached) for field in reached[name].fields]
        for name, field in sorted(fields, key=lambda pair: pair[1].oneof is not None):          # a oneof cannot hold a list: it is cut elsewhere
            if field.kind == "by_value" and (field.target == name or reaches(field.target, name, set())):
                if field.oneof:
                    raise Problem(f"{field.descriptor.full_name}: a oneof cannot hold a list")
                field.kind = "list"

    def parts(self, full_name):
        """What guides a sink through a message: its Parts, those that lead to others before them."""
        messages = {message.full_name: message for message in self.messages}
        found = []

        def add(message, parent, above):
            if len(above) > PARTS_DEPTH:
                raise Problem(f"{full_name}: messages more than {PARTS_DEPTH} deep")
            for field in message.fields:
                known = len(found)
                found.append(Part(field, parent))
                if field.target in messages and field.target not in above:
                    add(messages[field.target], known, [*above, field.target])
                if len(found) == known + 1 and not found[known].is_bytes:
                    found.pop()

        add(messages[full_name], None, [full_name])
        if len(found) > PARTS_COUNT:
            raise Problem(f"{full_name}: more than {PARTS_COUNT} fields that lead to bytes")
        if any(part.number > FAR for part in found):
            raise Problem(f"{full_name}: bytes behind a number above {FAR}")
        if any(part.path(found) > PARTS_PATH for part in found):
            raise Problem(f"{full_name}: a path of more than {PARTS_PATH} octets")
        return found

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
        if at > LARGEST or any(NARROW < field.number <= FAR for field in message.fields):
            raise Problem(f"{message.full_name} needs descriptors of more words than two a field")


def machine_api():
    """Names of what is checked in: every service of a machine, and the message that error details are."""
    return [name for name in Descriptors().names() if not name.startswith(NOT_THE_MACHINE)] + ["google.rpc.Status"]
