"""A second, small implementation of NDR and NDR64, driven by an IDL file.

For development only. It knows just enough MIDL for the protocols of this
repository (no encapsulated unions, no pipes, no callbacks) and encodes values
in the three encodings that exist, so that the capture server can answer what a
test suite asks, and so that decoders can be fed with stubs that neither our
generator nor Samba has made.

Values: int, bytes (octet arrays), str (strings), list, dict (structures),
(tag, value) for unions, Handle, uuid.UUID, None for NULL.
"""

import hashlib
import random
import re
import struct
import uuid


class Handle(bytes):
    """A context handle: attributes and UUID as little-endian NDR has them."""


INTEGERS = {
    "DWORD": (4, 0), "unsigned long": (4, 0), "ULONG": (4, 0), "error_status_t": (4, 0),
    "BOOL": (4, 1), "long": (4, 1), "LONG": (4, 1), "int": (4, 1), "unsigned int": (4, 0),
    "WORD": (2, 0), "unsigned short": (2, 0), "short": (2, 1), "USHORT": (2, 0),
    "wchar_t": (2, 0), "WCHAR": (2, 0),
    "UCHAR": (1, 0), "BYTE": (1, 0), "unsigned char": (1, 0), "BOOLEAN": (1, 0), "boolean": (1, 0),
    "byte": (1, 0), "char": (1, 0),
    "LONGLONG": (8, 1), "ULONGLONG": (8, 0), "hyper": (8, 1), "unsigned hyper": (8, 0),
    "DWORD_PTR": (0, 0), "ULONG_PTR": (0, 0),
}
POINTERS = {"LPWSTR": "wchar_t", "LPCWSTR": "wchar_t", "LPDWORD": "DWORD", "PFILETIME": "FILETIME",
            "PGUID": "GUID"}


class Int:
    def __init__(self, size, signed):
        self.size, self.signed = size, signed


class Enum:
    pass


class Guid:
    pass


class Context:
    pass


class Ptr:
    def __init__(self, inner, ref=False):
        self.inner, self.ref = inner, ref


class Str:
    pass


class Arr:
    """An array; `size` and `length` are names of counts, `fixed` a number."""

    def __init__(self, elem, size=None, length=None, fixed=None):
        self.elem, self.size, self.length, self.fixed = elem, size, length, fixed


class Struct:
    def __init__(self, name):
        self.name, self.fields = name, []


class Union:
    def __init__(self, tag):
        self.tag, self.arms, self.default = tag, {}, False


class Param:
    def __init__(self, name, attrs, kind):
        self.name, self.attrs, self.type = name, attrs, kind


class Operation:
    def __init__(self, opnum, name, params, result):
        self.opnum, self.name, self.params, self.result = opnum, name, params, result

    def side(self, direction):
        fields = [p for p in self.params if direction in p.attrs]
        if direction == "out" and self.result is not None:
            fields = fields + [Param("return_value", {"out": None}, self.result)]
        return fields


class Idl:
    """The types and operations of one IDL file."""

    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"//[^\n]*", " ", text)
        self.constants = dict(re.findall(r"^\s*#define\s+(\w+)\s+(\S+)", text, flags=re.M))
        text = re.sub(r"^\s*#[^\n]*", " ", text, flags=re.M)
        self.tokens = re.findall(r"[A-Za-z_]\w*|0x[0-9A-Fa-f]+|\d+|\"[^\"]*\"|[^\s\w]", text)
        self.types, self.operations = {}, []
        filetime = Struct("FILETIME")
        filetime.fields = [Param("dwLowDateTime", {}, Int(4, 0)), Param("dwHighDateTime", {}, Int(4, 0))]
        self.types["FILETIME"] = filetime
        self.at = self.tokens.index("{") + 1
        while self.tokens[self.at] != "}":
            if self.peek() == "typedef":
                self.typedef()
            else:
                self.operation()

    def peek(self):
        return self.tokens[self.at]

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, token):
        found = self.next()
        if found != token:
            raise SyntaxError(f"{token} expected, found {found}: {self.tokens[self.at - 10:self.at + 5]}")

    def attributes(self):
        attrs = {}
        while self.peek() == "[" and not (self.tokens[self.at + 1] in "]*" or self.tokens[self.at + 1].isdigit()):
            self.next()
            while self.peek() != "]":
                name, argument = self.next(), None
                if self.peek() == "(":
                    depth, argument = 0, []
                    while True:
                        token = self.next()
                        depth += (token == "(") - (token == ")")
                        argument.append(token)
                        if depth == 0:
                            break
                    argument = "".join(argument[1:-1])
                attrs[name] = argument
                if self.peek() == ",":
                    self.next()
            self.next()
        return attrs

    def base(self):
        while self.peek() in ("const", "struct", "union", "enum"):
            self.next()
        name = self.next()
        if name in ("unsigned", "signed") and self.peek() in ("long", "char", "short", "hyper", "int"):
            name += " " + self.next()
        if name == "void":
            return None
        if name in INTEGERS:
            return Int(*INTEGERS[name])
        if name == "GUID":
            return Guid()
        if name in POINTERS:
            inner = POINTERS[name]
            return Ptr(Int(*INTEGERS[inner]) if inner in INTEGERS else Guid() if inner == "GUID" else self.types[inner])
        if name == "handle_t":
            return "binding"
        return self.types[name]

    def declarator(self, attrs, kind, top):
        while self.peek() in ("*", "const"):
            if self.next() == "*":
                kind = Ptr(kind) if kind is not None else Context()
        name = self.next() if self.peek() not in (")", ",", ";") else ""
        arrays = []
        while self.peek() == "[":
            self.next()
            size = self.next() if self.peek() != "]" else "*"
            self.expect("]")
            arrays.append(None if size == "*" else int(size, 0))
        if "context_handle" in attrs:
            return name, Context()
        sizes = [s.strip() for s in attrs["size_is"].split(",")] if "size_is" in attrs else []
        lengths = [s.strip() for s in attrs["length_is"].split(",")] if "length_is" in attrs else []
        if "string" in attrs or (isinstance(kind, Ptr) and isinstance(kind.inner, Int)
                                 and kind.inner.size == 2 and not sizes and not isinstance(kind.inner, Str)
                                 and "in" in attrs):
            kind = self.stringify(kind)
        if len(sizes) == 1 and top and isinstance(kind, Ptr) and isinstance(kind.inner, Ptr):
            sizes.insert(0, "")  # The document prints size_is(*n) on T** where every peer has size_is(,*n).
        for fixed in reversed(arrays):
            size = sizes.pop(0) if sizes and fixed is None else None
            length = lengths.pop(0) if lengths else None
            kind = Arr(kind, size, length, fixed)
        kind = self.sized(kind, sizes, lengths) if not arrays else kind
        if top and isinstance(kind, Ptr):
            kind = Ptr(kind.inner, ref="unique" not in attrs and "ptr" not in attrs)
        return name, kind

    def stringify(self, kind):
        if isinstance(kind, Ptr) and isinstance(kind.inner, Int):
            return Ptr(Str())
        return Ptr(self.stringify(kind.inner)) if isinstance(kind, Ptr) else kind

    def sized(self, kind, sizes, lengths):
        if not isinstance(kind, Ptr) or not sizes:
            return kind
        inner = self.sized(kind.inner, sizes[1:], lengths[1:])
        if sizes[0]:
            inner = Arr(inner, sizes[0], lengths[0] if lengths else None)
        return Ptr(inner)

    def body(self):
        fields = []
        self.expect("{")
        while self.peek() != "}":
            attrs = self.attributes()
            if self.peek() == "union":  # a nameless one: not on any wire here
                while self.next() != "}":
                    pass
                self.expect(";")
                continue
            name, kind = self.declarator(attrs, self.base(), False)
            self.expect(";")
            fields.append(Param(name, attrs, kind))
        self.next()
        return fields

    def typedef(self):
        self.next()
        attrs = self.attributes()
        kind = None
        word = self.peek()
        has_body = "{" in self.tokens[self.at + 1:self.at + 3]
        if word == "struct" and has_body:
            self.next()
            kind = Struct(self.next() if self.peek() != "{" else "")
            kind.fields = self.body()
        elif word == "enum" and has_body:
            while self.next() != "}":
                pass
            kind = Enum() if "v1_enum" not in attrs else Int(4, 0)
        elif word == "union" and has_body:
            self.next()
            if self.peek() != "{":
                self.next()
            kind = Union(Int(*INTEGERS[re.sub(r"(unsigned)(\w)", r"\1 \2", attrs["switch_type"])]))
            self.expect("{")
            while self.peek() != "}":
                case = self.attributes()
                if self.peek() == ";":
                    self.next()
                    kind.default = True
                    continue
                _, arm = self.declarator(case, self.base(), False)
                self.expect(";")
                for label in case["case"].split(","):
                    kind.arms[int(label, 0)] = arm
            self.next()
        else:
            kind = self.base()
        while True:
            name, named = self.declarator(attrs if "context_handle" in attrs else {}, kind, False)
            self.types[name] = named
            if self.next() == ";":
                return

    def operation(self):
        self.attributes()
        result = self.base()
        name, params = self.next(), []
        self.expect("(")
        while self.peek() != ")":
            if self.peek() == "void":
                self.next()
                continue
            attrs = self.attributes()
            parameter, kind = self.declarator(attrs, self.base(), True)
            if kind != "binding":
                params.append(Param(parameter, attrs, kind))
            if self.peek() == ",":
                self.next()
        self.next()
        self.expect(";")
        self.operations.append(Operation(len(self.operations), name, params, result))


def count_name(expression):
    """The variable behind a simple size expression."""
    name = expression.replace("*", "").strip("() ")
    if not re.fullmatch(r"\w+", name):
        raise NotImplementedError(expression)
    return name


class Encoder:
    """One stub. `ndr64` and `big` choose the encoding."""

    def __init__(self, ndr64=False, big=False):
        self.out, self.ndr64, self.order = bytearray(), ndr64, ">" if big else "<"
        self.referent, self.deferred = 0x20000, []

    def align(self, n):
        self.out += bytes(-len(self.out) % n)

    def integer(self, value, size, signed=False):
        self.align(size)
        code = {1: "b", 2: "h", 4: "i", 8: "q"}[size]
        self.out += struct.pack(self.order + (code if signed else code.upper()), value)

    def count(self, value):
        self.integer(value, 8 if self.ndr64 else 4)

    def alignment(self, kind):
        wide = 8 if self.ndr64 else 4
        if isinstance(kind, Int):
            return kind.size or wide
        if isinstance(kind, Enum):
            return 4 if self.ndr64 else 2
        if isinstance(kind, Ptr):
            return wide
        if isinstance(kind, Arr):
            return self.alignment(kind.elem)
        if isinstance(kind, Struct):
            return max(self.alignment(f.type) for f in kind.fields)
        if isinstance(kind, Union):
            return max([self.alignment(kind.tag)] + [self.alignment(a) for a in kind.arms.values()])
        return 4

    def arm_alignment(self, kind):
        return max([1] + [self.alignment(a) for a in kind.arms.values()])

    def operation(self, fields, values, scope):
        for field in fields:
            kind = field.type
            value = values[field.name]
            if isinstance(kind, Ptr) and kind.ref:
                self.whole(kind.inner, value, scope, field)
            elif isinstance(kind, Ptr):
                self.pointer(value is not None)
                if value is not None:
                    self.whole(kind.inner, value, scope, field)
            else:
                self.whole(kind, value, scope, field)
        return bytes(self.out)

    def pointer(self, present):
        self.count(self.referent if present else 0)
        self.referent += 4 if present else 0

    def whole(self, kind, value, scope, field):
        outer, self.deferred = self.deferred, []
        if isinstance(kind, Ptr):
            self.pointer(value is not None)
            if value is not None:
                self.whole(kind.inner, value, scope, field)
        else:
            self.conformance(kind, value, scope)
            self.flat(kind, value, scope, field)
        queue, self.deferred = self.deferred, []
        for later in queue:
            later()
        self.deferred = outer

    def conformance(self, kind, value, scope):
        if isinstance(kind, Arr) and kind.fixed is None:
            self.count(scope[count_name(kind.size)] if kind.size else len(value))
        elif isinstance(kind, Struct) and isinstance(kind.fields[-1].type, (Arr, Struct)):
            last = kind.fields[-1]
            self.conformance(last.type, value[last.name], value)

    def flat(self, kind, value, scope, field):
        if isinstance(kind, Int):
            self.integer(value, kind.size or (8 if self.ndr64 else 4), kind.signed)
        elif isinstance(kind, Enum):
            self.integer(value, 4 if self.ndr64 else 2)
        elif isinstance(kind, Guid):
            self.align(4)
            self.out += value.bytes if self.order == ">" else value.bytes_le
        elif isinstance(kind, Context):
            self.integer(int.from_bytes(value[:4], "little"), 4)
            self.flat(Guid(), uuid.UUID(bytes_le=bytes(value[4:])), scope, field)
        elif isinstance(kind, Str):
            units = value.encode("utf-16-be" if self.order == ">" else "utf-16-le", "surrogatepass") + b"\0\0"
            for number in (len(units) // 2, 0, len(units) // 2):
                self.count(number)
            self.out += units
        elif isinstance(kind, Ptr):
            self.pointer(value is not None)
            if value is not None:
                self.deferred.append(lambda: self.whole(kind.inner, value, scope, field))
        elif isinstance(kind, Arr):
            if kind.length:
                self.count(0)
                self.count(len(value))
            self.align(self.alignment(kind.elem))
            if isinstance(value, bytes):
                self.out += value
            else:
                for element in value:
                    self.flat(kind.elem, element, scope, field)
        elif isinstance(kind, Struct):
            self.align(self.alignment(kind))
            for member in kind.fields:
                self.flat(member.type, value[member.name], value, member)
            if self.ndr64:
                self.align(self.alignment(kind))
        elif isinstance(kind, Union):
            tag, arm = value
            self.align(self.alignment(kind) if self.ndr64 else self.alignment(kind.tag))
            self.flat(kind.tag, tag, scope, field)
            self.align(self.arm_alignment(kind))
            if tag in kind.arms:
                self.flat(kind.arms[tag], arm, scope, field)
        else:
            raise NotImplementedError(kind)


class Maker:
    """Makes values: `plain` ones that mean success, or random ones."""

    def __init__(self, seed=None):
        self.random, self.salt = random.Random(seed) if seed is not None else None, ""

    def request(self, operation):
        return self.side(operation.side("in"), operation.params, {})

    def response(self, operation, request):
        self.salt = operation.name
        return self.side(operation.side("out"), operation.side("out"), request)

    def side(self, fields, counting, scope):
        values = {}
        self.fields(fields, values, scope, counting)
        return values

    def fields(self, fields, values, scope, counting=None):
        counts = {}
        for field in counting or fields:
            self.collect(field.type, counts)
        names = {f.name for f in fields}
        for name, arrays in counts.items():
            if name in names:
                values[name] = self.size(arrays)
            elif name not in scope and not counting:
                raise KeyError(name)
        for field in counting or []:
            name = field.attrs.get("switch_is")
            if name in names:
                union = field.type.inner if isinstance(field.type, Ptr) else field.type
                tags = [*union.arms, *union.arms, max(union.arms) + 1] if union.default else list(union.arms)
                values[name] = self.random.choice(tags) if self.random else tags[0]
        for field in fields:
            for name in self.lengths(field.type):
                if name in names:
                    size = self.sizes(field.type)
                    values[name] = min(values.get(name, 1 << 30), *[scope.get(s, values.get(s, 0)) for s in size])
        for field in fields:
            if field.name not in values:
                values[field.name] = self.value(field.type, {**scope, **values}, field)

    def size(self, arrays):
        if self.random:
            return self.random.choice([0, 1, 2, 3, 7, 40])
        return 8 if all(isinstance(a.elem, Int) and a.elem.size == 1 for a in arrays) else 2

    def collect(self, kind, counts):
        if isinstance(kind, Ptr):
            self.collect(kind.inner, counts)
        elif isinstance(kind, Arr):
            for expression in (kind.size, kind.length):
                if expression:
                    counts.setdefault(count_name(expression), []).append(kind)

    def lengths(self, kind):
        kind = kind.inner if isinstance(kind, Ptr) else kind
        return [count_name(kind.length)] if isinstance(kind, Arr) and kind.length else []

    def sizes(self, kind):
        kind = kind.inner if isinstance(kind, Ptr) else kind
        return [count_name(kind.size)] if isinstance(kind, Arr) and kind.size else []

    def value(self, kind, scope, field):
        r = self.random
        if isinstance(kind, Int):
            bits = 8 * (kind.size or 4)
            if not r:
                return 0
            value = r.getrandbits(r.choice([1, 4, bits - 1 if kind.signed else bits]))
            return -value if kind.signed and r.random() < 0.3 else value
        if isinstance(kind, Enum):
            return r.getrandbits(15) if r else 1
        if isinstance(kind, Guid):
            return uuid.UUID(int=r.getrandbits(128)) if r else uuid.UUID(bytes=hashlib.md5((self.salt + field.name).encode()).digest())
        if isinstance(kind, Context):
            return Handle(bytes(4) + (r.randbytes(16) if r else hashlib.md5((self.salt + field.name).encode()).digest()))
        if isinstance(kind, Str):
            return r.choice(["", "A", "Cluster Name", "Übergröße €", "two\nlines", "it's : *", "😀 grin", "x" * 60]) if r else field.name
        if isinstance(kind, Ptr):
            if r and not kind.ref and r.random() < 0.25 and not self.sizes(kind):
                return None
            return self.value(kind.inner, scope, field)
        if isinstance(kind, Arr):
            name = kind.length or kind.size
            count = kind.fixed if kind.fixed is not None else scope[count_name(name)]
            if isinstance(kind.elem, Int) and kind.elem.size == 1:
                return r.randbytes(count) if r else bytes(count)
            return [self.value(kind.elem, scope, field) for _ in range(count)]
        if isinstance(kind, Struct):
            values = {}
            self.fields(kind.fields, values, {})
            return values
        if isinstance(kind, Union):
            tag = scope[count_name(field.attrs["switch_is"])]
            return (tag, self.value(kind.arms[tag], scope, field) if tag in kind.arms else None)
        raise NotImplementedError(kind)


def encode(fields, values, scope, ndr64=False, big=False):
    """The stub of one side of an operation."""
    return Encoder(ndr64, big).operation(fields, values, {**scope, **values})
