# SPDX-License-Identifier: MIT
"""Random messages and random encodings of them, for tests/test_proto_python.py."""
import random
import struct

DOUBLES = [0.0, -0.0, 1.5, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"), 3.141592653589793]
INT64 = [0, 1, -1, 2**31 - 1, -2**31, 2**63 - 1, -2**63, 127, 128, 300]
UINT64 = [0, 1, 127, 128, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
TEXTS = ["", "a", "left", "\u00e4\u00f6\u00fc \u6f22\u5b57 \U0001f600", "x" * 130, "a\0b", "rdk:component:motor/left"]
KEYS = ["", "a", "gain", "\u00e9", "k" * 40]                    # a Struct's writer takes terminated keys
STRUCT, VALUE, LIST_VALUE = "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
WIRE = {1: FIXED64, 2: FIXED32, 6: FIXED64, 7: FIXED32, 9: BYTES, 11: BYTES, 12: BYTES, 15: FIXED32, 16: FIXED64}
TYPE_BYTES, TYPE_STRING, TYPE_MESSAGE = 12, 9, 11


class Maker:
    """Makes random messages."""

    def __init__(self, seed):
        self.rand = random.Random(seed)
        self.every = True                                       # the first message has all fields of its first levels

    def number(self, kind):
        """A number of a field type, often one at a limit."""
        rand = self.rand
        if kind in (1, 2):
            value = rand.choice([*DOUBLES, rand.uniform(-1e6, 1e6)])
            return value if kind == 1 or value != value or abs(value) == float("inf") else struct.unpack("f", struct.pack("f", value if abs(value) < 3e38 else 1.0))[0]
        if kind == 8:
            return rand.random() < 0.5
        if kind in (3, 16, 18):
            return rand.choice([*INT64, rand.randrange(-2**63, 2**63)])
        if kind in (4, 6):
            return rand.choice([*UINT64, rand.randrange(2**64)])
        if kind in (5, 15, 17, 14):
            return rand.choice([value for value in INT64 if -2**31 <= value < 2**31] + [rand.randrange(-2**31, 2**31)])
        return rand.choice([value for value in UINT64 if value < 2**32])

    def single(self, field, depth):
        """A value of a field that is no message."""
        rand = self.rand
        if field.type == TYPE_STRING:
            return rand.choice(TEXTS)
        if field.type == TYPE_BYTES:
            return rand.choice([b"", b"\0", b"\xff\xfe", rand.randbytes(rand.randrange(200))])
        return self.number(field.type)

    def value(self, value, depth):
        """A google.protobuf.Value."""
        kind = self.rand.randrange(8 if depth < 5 else 5)
        if kind == 0:
            value.null_value = 0
        elif kind == 1:
            value.number_value = self.number(1)
        elif kind == 2:
            value.string_value = self.rand.choice(TEXTS)
        elif kind == 3:
            value.bool_value = self.rand.random() < 0.5
        elif kind == 4:
            pass                                                # no kind at all: the Python SDK does so for None
        elif kind < 7:
            value.struct_value.SetInParent()
            self.struct(value.struct_value, depth + 1)
        else:
            value.list_value.SetInParent()
            for _ in range(self.rand.choice([0, 1, 2, 5])):
                self.value(value.list_value.values.add(), depth + 1)

    def struct(self, message, depth):
        """A google.protobuf.Struct."""
        for _ in range(self.rand.choice([0, 1, 2, 4])):
            self.value(message.fields[self.rand.choice(KEYS)], depth)

    def message(self, kind):
        """A message with all fields, later ones with about half of them."""
        message = kind()
        self.fill(message)
        self.every = False
        return message

    def fill(self, message, depth=0):
        """Sets fields of a message."""
        name, rand = message.DESCRIPTOR.full_name, self.rand
        if name == STRUCT:
            return self.struct(message, 0)
        if name == VALUE:
            return self.value(message, 0)
        for field in message.DESCRIPTOR.fields:
            if rand.random() < (0.4 if depth < 3 else 0.8) and not (self.every and depth < 3):
                continue
            if field.is_repeated:
                self.fill_list(message, field, depth)
            elif field.type == TYPE_MESSAGE:
                inner = getattr(message, field.name)
                inner.SetInParent()
                if depth < 8:
                    self.fill(inner, depth + 1)
            else:
                setattr(message, field.name, self.single(field, depth))
        return message

    def fill_list(self, message, field, depth):
        """Adds elements to a list or map."""
        values, count = getattr(message, field.name), self.rand.choice([0, 1, 2, 3, 20] if depth < 2 else [0, 1])
        if depth == 0 and field.type != TYPE_MESSAGE and self.rand.random() < 0.2:
            count = 300
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            for _ in range(count):
                k = self.rand.choice(KEYS) if key.type == TYPE_STRING else self.single(key, depth)
                if value.type == TYPE_MESSAGE:
                    self.fill(values[k], depth + 1)
                else:
                    values[k] = self.single(value, depth)
        elif field.type == TYPE_MESSAGE:
            for _ in range(count):
                self.fill(values.add(), depth + 1)
        else:
            values.extend(self.single(field, depth) for _ in range(count))


def name_the_nulls(message):
    """A Value without a kind becomes null, as it does when a Struct is built anew."""
    if message.DESCRIPTOR.full_name == VALUE and message.WhichOneof("kind") is None:
        message.null_value = 0
    for field, value in message.ListFields():
        if field.type != TYPE_MESSAGE:
            continue
        if field.is_repeated and field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].type == TYPE_MESSAGE:
                for one in value.values():
                    name_the_nulls(one)
        elif field.is_repeated:
            for one in value:
                name_the_nulls(one)
        else:
            name_the_nulls(value)
    return message


# ---- wire ----

def varint(value, spare=0):
    """A varint, `spare` octets longer than it need be."""
    value, out = value & 0xffffffffffffffff, b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    out += bytes([value])
    spare = min(spare, 10 - len(out))
    return out if spare == 0 else out[:-1] + bytes([out[-1] | 0x80]) + b"\x80" * (spare - 1) + b"\0"


def tokens(data):
    """The fields of an encoded message: (number, wire type, payload as bytes)."""
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            octet = data[at]
            at += 1
            value |= (octet & 0x7f) << shift
            shift += 7
            if octet < 0x80:
                return value

    found = []
    while at < len(data):
        tag = read_varint()
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            payload = varint(read_varint())
        else:
            n = {FIXED64: 8, FIXED32: 4}.get(kind) or read_varint()
            payload = data[at:at + n]
            at += n
        found.append((number, kind, payload))
    return found


class Scrambler:
    """Encodes a message anew as no encoder does but every decoder has to take."""

    def __init__(self, seed):
        self.rand = random.Random(seed)

    def spare(self):
        """Octets too many in a varint: mostly none."""
        return self.rand.choice([0, 0, 0, 0, 1, 2])

    def field(self, number, kind, payload):
        """A field as bytes."""
        length = varint(len(payload), self.spare()) if kind == BYTES else b""
        return varint(number << 3 | kind, min(self.spare(), 4 - len(varint(number << 3)) if number < 2**21 else 0)) + length + payload

    def unknown(self, descriptor):
        """A field that nobody knows: of a free number, a group, or of a type that is not the field's."""
        rand = self.rand
        free = [number for number in (0x1000, 77777, 2**29 - 1, 65535) if number not in descriptor.fields_by_number]
        payload = {VARINT: varint(rand.randrange(2**64)), FIXED64: b"12345678", FIXED32: b"1234", BYTES: rand.randbytes(rand.randrange(9))}
        choice = rand.randrange(3)
        if choice == 0:
            number = rand.choice(free)
            inner = b"".join(varint(n << 3 | k) + (varint(len(payload[k])) if k == BYTES else b"") + payload[k] for n, k in [(1, VARINT), (2, BYTES)])
            return varint(number << 3 | GROUP) + inner + varint(number << 3 | GROUP_END)
        if choice == 1 and descriptor.fields:
            field = rand.choice(descriptor.fields)
            right = {WIRE.get(field.type, VARINT)} | ({BYTES} if field.is_repeated else set())
            kind = rand.choice([kind for kind in payload if kind not in right])
            return self.field(field.number, kind, payload[kind])
        kind = rand.choice(list(payload))
        return self.field(rand.choice(free), kind, payload[kind])

    def pieces(self, descriptor, number, kind, payload):
        """A field in one or several pieces that mean the same."""
        field, rand = descriptor.fields_by_number.get(number), self.rand
        if field is None:
            return [self.field(number, kind, payload)]
        if field.is_repeated and kind == BYTES and field.type not in (TYPE_STRING, TYPE_BYTES, TYPE_MESSAGE):
            return self.packed(field, payload)
        if field.type == TYPE_MESSAGE:
            if rand.random() < 0.3 and not field.is_repeated and may_be_parted(descriptor) and may_be_parted(field.message_type):
                return [self.field(number, kind, part) for part in self.scrambled(field.message_type, payload, 2)]
            return [self.field(number, kind, self.scramble(field.message_type, payload))]
        if not field.is_repeated and rand.random() < 0.2:       # an earlier value of the same field, which does not count
            other = {VARINT: varint(rand.randrange(2**64)), FIXED64: b"abcdefgh", FIXED32: b"abcd", BYTES: b"earlier"}[kind]
            return [self.field(number, kind, other), self.field(number, kind, payload)]
        if kind == VARINT:
            payload = varint(number_of(payload), self.spare())
        return [self.field(number, kind, payload)]

    def packed(self, field, payload):
        """Packed numbers: in several runs, or one by one."""
        kind = WIRE.get(field.type, VARINT)
        if kind == VARINT:
            numbers, at = [], 0
            for end, octet in enumerate(payload, 1):
                if octet < 0x80:
                    numbers.append(payload[at:end])
                    at = end
        else:
            step = 8 if kind == FIXED64 else 4
            numbers = [payload[at:at + step] for at in range(0, len(payload), step)]
        out = []
        while numbers:
            n = self.rand.randrange(1, len(numbers) + 1)
            if self.rand.random() < 0.5:
                out.append(self.field(field.number, BYTES, b"".join(numbers[:n])))
            else:
                out += [self.field(field.number, kind, number) for number in numbers[:n]]
            numbers = numbers[n:]
        return out

    def other_member(self, field):
        """Another member of the same oneof, which the one that follows replaces."""
        other = self.rand.choice(field.containing_oneof.fields)
        kind = WIRE.get(other.type, VARINT)
        payload = {VARINT: b"\x07", FIXED64: b"abcdefgh", FIXED32: b"abcd"}.get(kind, b"" if other.type == TYPE_MESSAGE else b"other")
        return [] if other is field else [self.field(other.number, kind, payload)]

    def scramble(self, descriptor, data):
        """An encoded message with the same meaning."""
        return self.scrambled(descriptor, data, 1)[0]

    def scrambled(self, descriptor, data, parts):
        """The same in parts that are to be merged. Fields keep their order among those of the same number, which stay in one part."""
        lanes, oneofs = {}, {}
        for number, kind, payload in tokens(data):
            field = descriptor.fields_by_number.get(number)
            lane = number
            if field is not None and field.containing_oneof:
                lane = oneofs.setdefault(field.containing_oneof.name, number)
                if len(field.containing_oneof.fields) > 1 and self.rand.random() < 0.5:
                    lanes.setdefault(lane, []).extend(self.other_member(field))
            lanes.setdefault(lane, []).extend(self.pieces(descriptor, number, kind, payload))
        queues = list(lanes.values())
        self.rand.shuffle(queues)
        return [self.mixed(descriptor, queues[part::parts]) for part in range(parts)]

    def mixed(self, descriptor, queues):
        """The fields of all queues as one message, with some that nobody knows."""
        out = []
        while queues:
            queue = self.rand.choice(queues)
            out.append(queue.pop(0))
            if not queue:
                queues.remove(queue)
            if self.rand.random() < 0.1 and not descriptor.GetOptions().map_entry:  # Python takes such an entry as a whole for unknown
                out.append(self.unknown(descriptor))
        return b"".join(out)


def may_be_parted(descriptor):
    """True for messages that are merged where they come twice. Structs are not, nor do encoders send entries of maps so."""
    return descriptor.full_name not in (STRUCT, VALUE, LIST_VALUE) and not descriptor.GetOptions().map_entry


def number_of(payload):
    """The number that a varint holds."""
    value = 0
    for shift, octet in enumerate(payload):
        value |= (octet & 0x7f) << 7 * shift
    return value
