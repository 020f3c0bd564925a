#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/gen_proto.py: what is checked in is what it makes, and what it makes says what the descriptors say. Needs the Python of build/venv.

NANOPB=DIR names a folder with the sources of another nanopb, which viamc_proto.h is built with too; `make test-boards` has one.
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import testing

sys.path.insert(0, str(testing.ROOT / "tools"))
try:
    import gen_proto
    import proto_model
    from google.protobuf import descriptor_pb2
    from nanopb.generator import nanopb_generator
    proto_model.Descriptors()
except (ImportError, ModuleNotFoundError):
    gen_proto = None

HEADER = testing.ROOT / "viamc_proto.h"
NANOPB = pathlib.Path(os.environ.get("NANOPB", "none"))
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror", "-D_POSIX_C_SOURCE=200809L"]
SMALL = ["-DVIAMC_NO_TLS", "-DVIAMC_NO_POSIX", "-DVIAMC_NO_SERVER"]
INCLUDE, IMPLEMENT = '#include "viamc_proto.h"\n', "#define VIAMC_IMPLEMENTATION\n"
MONITORED_OPTION = b"\xa0\x92\x29\x01"                         # field 84260, varint, true
MONITORED = """arm.MoveThroughJointPositions arm.MoveThroughJointPositionsStreamed arm.MoveToJointPositions arm.MoveToPosition
    base.MoveStraight base.SetPower base.SetVelocity base.Spin button.Push gantry.MoveToPosition gripper.GoToInputs gripper.Grab
    gripper.Open motor.GoFor motor.GoTo motor.SetPower motor.SetRPM servo.Move switch.SetPosition testecho.EchoMultiple""".split()
SETPOINTS = "base.SetPower base.SetVelocity motor.SetPower motor.SetRPM servo.Move".split()
# What windows.h, old POSIX headers and compilers have as macros.
HOSTILE = "".join(f"#undef {name}\n#define {name} hostile +\n" for name in sorted(
    "min max near far small hyper huge pascal cdecl interface major minor makedev unix linux i386 IN OUT OPTIONAL ERROR NO_ERROR DELETE".split()))


def methods_in(text):
    """Path to (symbol, request, reply, flags, True if the client streams) of the methods in a header's tables."""
    found = {}
    for service, full_name, rows in re.findall(r'#define VMC_NAME_(\w+) "([^"]+)"\n#define VMC_METHODS_\1\(X, S\) ((?:\\\n.*?)+)\n(?!     )', text):
        for kind, symbol, name, request, reply, flags in re.findall(
                rf' ([XS])\({service}, (\w+),[\s\\]+"(\w+)",[\s\\]+(\w+),[\s\\]+(\w+),[\s\\]+([^)]*)\)', rows):
            found[f"/{full_name}/{name}"] = (f"{service}_{symbol}", request, reply, set(re.findall(r"VIAMC_M_(\w+)", flags)), kind == "S")
    return found


@unittest.skipIf(gen_proto is None, "missing peer: viam-sdk and nanopb for Python (make setup)")
class Generator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder_of_class = tempfile.TemporaryDirectory()
        cls.all = pathlib.Path(cls.folder_of_class.name) / "viamc_proto.h"
        cls.all.write_text(gen_proto.generate(proto_model.machine_api()), encoding="ascii")
        cls.all_text = cls.all.read_text(encoding="ascii")

    @classmethod
    def tearDownClass(cls):
        cls.folder_of_class.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    # ---- the script ----

    def script(self, *arguments, seed="0"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        environment.pop("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", None)     # nanopb's generator, imported above, sets it to the slow one
        return testing.run(sys.executable, testing.ROOT / "tools/gen_proto.py", *arguments, env=environment)

    def test_what_is_checked_in_is_what_it_makes(self):
        self.assertEqual(self.script("--check"), (0, ""))

    def test_check_tells_of_a_difference(self):
        changed = self.folder / "viamc_proto.h"
        changed.write_text(HEADER.read_text(encoding="ascii").replace("power_pct", "power_pcs"), encoding="ascii")
        code, output = self.script("--check", "-o", changed)
        self.assertEqual(code, 1)
        self.assertIn("run build/venv/bin/python3 tools/gen_proto.py", output)

    def test_same_bytes_from_every_run(self):
        other = self.folder / "viamc_proto.h"
        self.assertEqual(self.script("-o", other, seed="12345"), (0, ""))
        self.assertEqual(other.read_bytes(), self.all.read_bytes())

    def test_unknown_name(self):
        code, output = self.script("-o", self.folder / "a.h", "motr")
        self.assertEqual((code, output), (1, "gen_proto: there is no package, service, method or message motr\n"))

    def test_list(self):
        code, output = self.script("--list")
        self.assertEqual(code, 0)
        self.assertIn("motor: viam.component.motor.v1.MotorService\n    SetPower: moves, with a session, setpoint, extra  "
                      "viamc_motor_set_power(name, power_pct)\n", output)

    def methods_txt(self, change):
        """Descriptors with another methods.txt."""
        shutil.copytree(proto_model.PARTS, self.folder / "proto")
        path = self.folder / "proto/methods.txt"
        path.write_text(change(path.read_text(encoding="ascii")), encoding="ascii")
        before, proto_model.PARTS = proto_model.PARTS, self.folder / "proto"
        try:
            proto_model.Descriptors()
        finally:
            proto_model.PARTS = before
            shutil.rmtree(self.folder / "proto")

    def test_methods_txt_is_compared_with_the_descriptors(self):
        for old, new, complaint in (("motor.GoTo(", "motor.GoThere(", "no such method"), ("motor.GoTo(", "mortar.GoTo(", "no such method"),
                                    ("double rpm, double revolutions", "double rpm, double turns", "has no field turns"),
                                    ("double rpm, double revolutions", "double rpm, float revolutions", "revolutions of .* is double"),
                                    ("double[] values", "double values", r"values of .* is double\[\]"),
                                    ("Vector3 linear", "Pose linear", "linear of .* is Vector3"), ("power_pct) setpoint", "power_pct) setpiont", "unknown flag")):
            with self.subTest(new=new):
                self.assertRaisesRegex(proto_model.Problem, complaint, self.methods_txt, lambda text: text.replace(old, new, 1))

    # ---- choices ----

    def test_choices(self):
        everything = {name: set(methods_in(gen_proto.generate([name]))) for name in
                      ("motor", "viam.component.motor.v1", "viam.component.motor.v1.MotorService")}
        self.assertEqual(len(set(map(frozenset, everything.values()))), 1)
        self.assertEqual(len(everything["motor"]), 13)
        one = gen_proto.generate(["motor.SetPower", "/viam.component.board.v1.BoardService/SetGPIO"])
        self.assertEqual(sorted(methods_in(one)), ["/viam.component.board.v1.BoardService/SetGPIO", "/viam.component.motor.v1.MotorService/SetPower"])
        self.assertNotIn("GetPosition", one.replace("get_position", ""))
        self.assertIn("} google_rpc_Status;", gen_proto.generate(["google.rpc.Status"]))
        small = gen_proto.generate(["motor", "board"])
        self.assertEqual({path.split("/")[1] for path in methods_in(small)}, {"viam.component.motor.v1.MotorService", "viam.component.board.v1.BoardService"})
        self.assertLess(len(small), len(self.all_text) / 4)
        self.compiles(small, "c", ["-std=c99", *SMALL])

    def test_the_cloud_too(self):
        text = gen_proto.generate(proto_model.Descriptors().names())
        self.assertEqual(len([path for path in methods_in(text) if not path.startswith("/grpc.")]), 521)
        self.compiles(text, "c++", ["-std=c++11", *SMALL])           # what is wrong in C is wrong in C++ too, and more

    # ---- methods ----

    def services(self):
        """Full names of the services of the machine API and their methods, as the descriptors have them."""
        for service in proto_model.Descriptors().services.values():
            if not service.full_name.startswith(proto_model.NOT_THE_MACHINE):
                proto = descriptor_pb2.ServiceDescriptorProto()
                service.descriptor.CopyToProto(proto)
                yield service, proto

    def wanted(self):
        """Path to (service, method) as the descriptors have them."""
        return {f"/{service.full_name}/{method.name}": (service, method) for service, proto in self.services() for method in proto.method}

    def test_methods_are_those_of_the_descriptors(self):
        there, wanted, monitored, setpoints = methods_in(self.all_text), self.wanted(), [], []
        self.assertEqual(len([path for path in wanted if not path.startswith("/grpc.")]), 282)
        self.assertEqual(set(there), set(wanted))
        for path, (service, method) in wanted.items():
            _, request, reply, flags, streams = there[path]
            name = f"{service.name}.{method.name}"
            self.assertEqual((request, reply), (method.input_type[1:].replace(".", "_"), method.output_type[1:].replace(".", "_")))
            self.assertEqual("CLIENT_STREAM" in flags, method.client_streaming, path)
            self.assertEqual(streams, method.client_streaming, path)
            self.assertEqual("SERVER_STREAM" in flags, method.server_streaming, path)
            self.assertEqual("MONITORED" in flags, MONITORED_OPTION in method.options.SerializeToString(), path)
            self.assertEqual("STOP" in flags, "/viam.component." in path and method.name == "Stop", path)
            self.assertEqual("STOP_ALL" in flags, method.name == "StopAll", path)
            self.assertEqual("MOVES" in flags, name == "gantry.Home", path)
            monitored += [name] * ("MONITORED" in flags)
            setpoints += [name] * ("SETPOINT" in flags)
        self.assertEqual(sorted(monitored), sorted(MONITORED))
        self.assertEqual(sorted(setpoints), sorted(SETPOINTS))

    def typed_uses(self):
        """C code that has a pointer of the right type to each function, and names each handler, that there has to be."""
        for path, (symbol, request, reply, flags, streams) in methods_in(self.all_text).items():
            service = symbol.split("_")[0]
            yield f"viamc_{symbol}_req", f"viamc_client *, const {request} *, const viamc_opts *, viamc_call *"
            yield f"viamc_{symbol}_reply", f"const viamc_event *, {reply} *"
            yield f"viamc_{symbol}_answer", f"viamc_request *, const {reply} *"
            if streams:
                yield f"viamc_{symbol}_send", f"viamc_client *, viamc_call, const {request} *"
        for service, proto in self.services():
            name = "const char *, " if service.type else ""
            yield f"viamc_server_add_{service.name}", f"viamc_server *, {name}const viamc_{service.name}_ops *, viamc_resource **"
            for method in service.methods:
                if method.arguments is not None:
                    yield f"viamc_{method.symbol}", None

    def test_functions_are_there_and_no_others(self):
        uses = dict(self.typed_uses())
        lines = [f"extern viamc_err (*const p{number})({types});\nviamc_err (*const p{number})({types}) = {name};"
                 for number, (name, types) in enumerate(uses.items()) if types]
        for service, _ in self.services():
            lines += [f"viamc_err f_{method.symbol}(viamc_request *, const {method.request} *);\n"
                      f"viamc_err f_{method.symbol}(viamc_request *rq, const {method.request} *q)\n"
                      f"{{ viamc_{service.name}_ops o = VIAMC_ZERO; o.{method.name} = f_{method.symbol}; return o.{method.name}(rq, q); }}"
                      for method in service.methods]
        flags = ["-std=c99", "-Wall", "-Werror", *self.take(self.all_text), "-x", "c", "-"]
        code, output = testing.run("gcc", *flags, "-fsyntax-only", input=INCLUDE + "\n".join(lines) + "\n", cwd="/")
        self.assertEqual((code, output), (0, ""))
        code, output = testing.run("gcc", *flags, "-E", input=INCLUDE, cwd="/")
        self.assertEqual(code, 0)
        declared = set(re.findall(r"static inline viamc_err (viamc_\w+)\(", output))
        self.assertEqual(declared, set(uses))

    def test_compiled_method_objects(self):
        methods = {path: symbol for path, (symbol, *_) in methods_in(self.all_text).items()}
        rows = "".join(f'{{"{path}", &viamc_method_{symbol}}},\n' for path, symbol in methods.items())
        code = IMPLEMENT + INCLUDE + f"""#include <stdio.h>
static const struct {{ const char *path; const viamc_method *m; }} all[] = {{\n{rows}}};
int main(void)
{{
    size_t i;
    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        printf("%s %s %u\\n", all[i].path, all[i].m->path, (unsigned)all[i].m->flags);
    return 0;
}}
"""
        code, output = testing.run("gcc", "-std=gnu99", *SMALL, *self.take(self.all_text), "-o", self.folder / "program", "-x", "c", "-", "-x", "none",
                                   "-lprotobuf-nanopb", input=code, cwd="/")
        self.assertEqual(code, 0, output)
        bits = ["CLIENT_STREAM", "SERVER_STREAM", "MONITORED", "MOVES", "SETPOINT", "STOP", "STOP_ALL", "EXTRA"]
        lines = testing.run(self.folder / "program")[1].splitlines()
        self.assertEqual(len(lines), len(methods))
        for line in lines:
            wanted, path, flags = line.split()
            self.assertEqual(path, wanted)
            self.assertEqual({bit for number, bit in enumerate(bits) if int(flags) >> number & 1}, methods_in(self.all_text)[path][3])

    def test_extra(self):
        for path, (_, request, _, flags, _) in methods_in(self.all_text).items():
            struct = re.search(rf"typedef struct {request} {{(.*?)}} {request};", self.all_text, re.S).group(1)
            self.assertEqual("EXTRA" in flags, "viamc_fields extra;" in struct, path)

    def test_names_of_services(self):
        names = {service.full_name: service.name for service in proto_model.Descriptors().services.values()}
        self.assertEqual(len(set(names.values())), len(names))
        for full_name, name in (("viam.component.generic.v1.GenericService", "generic"), ("viam.service.generic.v1.GenericService", "generic_service"),
                                ("viam.component.inputcontroller.v1.InputControllerService", "inputcontroller"), ("viam.robot.v1.RobotService", "robot"),
                                ("viam.app.v1.RobotService", "app_robot"), ("proto.rpc.v1.AuthService", "auth"),
                                ("proto.rpc.v1.ExternalAuthService", "external_auth"), ("viam.service.slam.v1.SLAMService", "slam")):
            self.assertEqual(names[full_name], name)

    def test_names_of_methods(self):
        for name, want in (("SetRPM", "set_rpm"), ("Get3DModels", "get_3d_models"), ("PWMFrequency", "pwm_frequency"), ("EchoBiDi", "echo_bi_di"),
                           ("GetDetections3D", "get_detections_3d"), ("IsPowered", "is_powered"), ("TransformPCD", "transform_pcd"), ("Call", "call")):
            self.assertEqual(proto_model.small_letters(name), want)
        self.assertEqual(methods_in(self.all_text)["/viam.service.worldstatestore.v1.WorldStateStoreService/ListUUIDs"][0], "worldstatestore_list_uuids")

    # ---- messages, against nanopb's own generator ----

    def nanopb_fields(self, file, options):
        """Names of nanopb's structs and, of each, the names, numbers, types and rules of their fields."""
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        for message in nanopb_generator.ProtoFile(proto, options).messages:
            fields = {}
            for field in message.fields:
                for one in getattr(field, "fields", [field]):
                    fields[one.tag] = (one.name, one.pbtype, one.rules)
            yield str(message.name), fields

    def our_fields(self):
        """The same of ours, from the macros that make the descriptors."""
        for block, name in re.findall(r"#define VMC_FIELDS\(X, m\) \\\n(.*?)\nVMC_PROTO_MESSAGE\((\w+),", self.all_text, re.S):
            fields = {}
            for line in block.splitlines():
                kind, arguments = re.fullmatch(r"    X##(\w+)\(m, ([^)]*)\)(?: \\)?", line).groups()
                arguments = arguments.split(", ")[kind.endswith("OF"):]
                member, number, what = arguments[0], int(arguments[1]), (arguments[2:] or ["BYTES"])[0]
                fields[number] = (member, "MESSAGE" if kind.startswith("MESSAGE") or kind == "FAR" else what, kind, arguments[3:])
            yield name, fields

    def test_messages_are_nanopbs(self):
        nanopb_generator.Globals.verbose_options = False
        nanopb_generator.Globals.separate_options = []
        nanopb_generator.Globals.matched_namemasks = set()
        options = nanopb_generator.nanopb_pb2.NanoPBOptions()
        files = {one.file.name: one.file for one in proto_model.Descriptors().messages.values()}
        theirs = {name: fields for file in files.values() for name, fields in self.nanopb_fields(file, options)}
        ours = dict(self.our_fields())
        self.assertGreater(len(ours), 450)
        for name, fields in ours.items():
            self.assertEqual(set(fields), set(theirs[name]), name)
            for number, (member, kind, macro, more) in fields.items():
                their_member, their_kind, their_rules = theirs[name][number]
                with self.subTest(message=name, member=member):
                    self.assertIn(member, (their_member, their_member + "_"))
                    self.assertEqual(macro in ("LIST", "MESSAGES") or (macro == "VIEW" and more == ["MAP"]), their_rules == "REPEATED")
                    self.assertEqual(macro.endswith("OF"), their_rules == "ONEOF")
                    if kind in ("BYTES", "FIXED_LENGTH_BYTES"):
                        self.assertIn(their_kind, ("BYTES", "MESSAGE"))         # a Struct or Value is a view
                    else:
                        self.assertEqual(kind, {"UENUM": "ENUM"}.get(their_kind, their_kind))

    def test_presence_is_the_descriptors(self):
        for name, message in proto_model.Descriptors().messages.items():
            found = re.search(rf"typedef struct {proto_model.c_name(name)} {{\n(.*?)\n}}", self.all_text, re.S)
            for field in message.fields if found else ():
                member = proto_model.member_name(field.name)
                views = "viamc_str|viamc_bytes|viamc_fields|viamc_list"
                is_view = re.search(rf"    ({views}) {member};", found.group(1)) is not None
                has = f" has_{member};" in found.group(1)
                in_oneof = field.containing_oneof is not None and field.containing_oneof.name != "_" + field.name
                self.assertEqual(has, field.has_presence and not is_view and not in_oneof, field.full_name)

    def test_requests_fit_into_what_servers_have_for_them(self):
        """viamc_server_desc.message_bytes: the defaults of hosts and boards."""
        text = (testing.ROOT / "src/server/server_impl.h").read_text(encoding="ascii")
        host, board = map(int, re.search(r"&d->message_bytes, board, (\d+), (\d+)\)", text).groups())
        choice = proto_model.Choice(proto_model.Descriptors(), proto_model.machine_api())
        sizes = {message.full_name: message.size for message in choice.messages}
        for service in choice.services:
            for method in service.methods:
                self.assertLessEqual(sizes[method.descriptor.input_type.full_name], board if service.type == "component" else host, method.path)

    def test_members_are_no_keywords(self):
        for member in re.findall(r"^ +(?:viam\w+|google\w+|bool|\w+_t|double|float) (\w+);", self.all_text, re.M):
            self.assertNotIn(member, proto_model.TAKEN)
        self.assertTrue("viamc_str namespace_;" in self.all_text)
        self.assertTrue("double max_;" in self.all_text)

    # ---- compilers ----

    def take(self, text):
        """Puts a header into the folder. viamc.h stays where it is, and what compilers say of it is no matter of this test."""
        (self.folder / "viamc_proto.h").write_text(text, encoding="ascii")
        return ["-I", self.folder, "-isystem", testing.ROOT]

    def compiles(self, text, language, flags, defines=IMPLEMENT):
        """A header compiles in silence."""
        code, output = testing.run("gcc", *FLAGS, *flags, *self.take(text), "-S", "-o", os.devnull, "-x", language, "-",
                                   input=defines + INCLUDE + "extern int nothing;\n", cwd="/")
        self.assertEqual((code, output), (0, ""))

    def test_all_compiles(self):
        for language, standard in (("c", "c99"), ("c++", "c++11"), ("c++", "c++20")):
            with self.subTest(standard=standard):
                self.compiles(self.all_text, language, [f"-std={standard}", *SMALL])

    def test_messages_alone(self):
        self.compiles(gen_proto.generate(["google.rpc.Status"]), "c", ["-std=c99", *SMALL])

    def test_foreign_macros(self):
        for language, standard in (("c", "gnu99"), ("c++", "gnu++11")):
            includes = "#include <viamc.h>\n#include <pb_encode.h>\n#include <pb_decode.h>\n#include <pb_common.h>\n"
            self.compiles(self.all_text, language, [f"-std={standard}", "-w", *SMALL], includes + HOSTILE)

    def test_no_macro_leaks(self):
        folders = self.take(self.all_text)
        for define in ("", IMPLEMENT):
            macros = []
            for include in ("#include <viamc.h>\n#include <pb_encode.h>\n#include <pb_decode.h>\n#include <pb_common.h>\n", INCLUDE):
                code, output = testing.run("gcc", "-std=gnu99", "-dM", "-E", *folders, "-x", "c", "-", input=define + include, cwd="/")
                self.assertEqual(code, 0, output)
                macros.append(set(re.findall(r"^#define (\w+)", output, re.M)))
            self.assertEqual(macros[1] - macros[0], {"VIAMC_PROTO_H", "viamc_list_of", "viamc_list_read"} | ({"VIAMC_PROTO_IMPLEMENTED"} if define else set()))

    def link(self, *objects, compiler="gcc", libraries=("-lprotobuf-nanopb",)):
        """Links object files and runs the program."""
        code, output = testing.run(compiler, "-o", self.folder / "program", *objects, *libraries)
        self.assertEqual((code, output), (0, ""))
        self.assertEqual(testing.run(self.folder / "program"), (0, ""))

    def object(self, name, language, text, *flags):
        """Compiles a text with a header that has one service: the ways to include it are the same for all."""
        path = self.folder / f"{name}.o"
        standard = "-std=gnu99" if language == "c" else "-std=gnu++11"
        code, output = testing.run("gcc", standard, *FLAGS, *SMALL, *flags, *self.take(gen_proto.generate(["motor"])), "-c", "-o", path,
                                   "-x", language, "-", input=text, cwd="/")
        self.assertEqual((code, output), (0, ""))
        return path

    USER = INCLUDE + """
int %s(void);
int %s(void)
{
    viam_component_motor_v1_SetPowerRequest req = VIAMC_ZERO;
    uint8_t buf[32];
    viamc_bytes out;
    req.name = viamc_text("m");
    if (viamc_motor_set_power(NULL, "left", 1, NULL, NULL) != VIAMC_ERR_ARG)
        return 1;
    return viamc_message_write(&viam_component_motor_v1_SetPowerRequest_msg, &req, buf, sizeof buf, &out) != VIAMC_OK || out.len != 3;
}
"""

    def test_ways_to_include(self):
        for language, compiler in (("c", "gcc"), ("c++", "g++")):
            user = self.USER % ("main", "main") if language == "c" else self.USER.replace("int %s(void);\n", "", 1) % "main"
            other = self.USER % ("other", "other")
            with self.subTest(language=language):
                if language == "c":                                 # test_unit_test_as_cxx is the other
                    self.link(self.object("one", language, INCLUDE + IMPLEMENT + user), compiler=compiler)
                self.link(self.object("one", language, user), self.object("two", language, IMPLEMENT + INCLUDE), compiler=compiler)
                static = "#define VIAMC_STATIC\n" + IMPLEMENT
                self.link(self.object("one", language, static + user, "-Wno-unused-function"),
                          self.object("two", language, static + other, "-Wno-unused-function"), compiler=compiler)

    def test_c_implementation_for_cxx(self):
        user = self.USER.replace("int %s(void);\n", "", 1) % "main"
        self.link(self.object("one", "c++", user), self.object("two", "c", IMPLEMENT + INCLUDE), compiler="g++")

    def test_unit_test_as_cxx(self):
        self.unit_test("g++", ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-DVIAMC_STATIC", "-x", "c++"], ["-x", "none", "-lprotobuf-nanopb"])

    def test_another_nanopb(self):
        if not (NANOPB / "pb_encode.c").exists():
            self.skipTest("no sources of another nanopb: make test-boards has them")
        sources = [NANOPB / name for name in ("pb_common.c", "pb_encode.c", "pb_decode.c")]
        self.unit_test("gcc", ["-std=gnu99", "-Wall", "-Wextra", "-isystem", NANOPB], ["-fsanitize=address,undefined", *sources])

    def unit_test(self, compiler, flags, libraries):
        """Builds tests/test_proto.c another way and runs it."""
        (self.folder / "viamc_proto.h").write_bytes(HEADER.read_bytes())
        program = self.folder / "unit"
        code, output = testing.run(compiler, *flags, "-I", self.folder, "-isystem", testing.ROOT / "src", "-isystem", testing.ROOT / "tests",
                                   "-o", program, testing.ROOT / "tests/test_proto.c", *libraries)
        self.assertEqual(code, 0, output)
        code, output = testing.run(program, cwd=testing.ROOT)
        self.assertEqual(code, 0, output)

    def test_no_name_is_refused(self):
        """Every short form whose request begins with a name answers ARG without one: no request is one where a unary call needs it."""
        streams = {symbol for symbol, *_, stream in methods_in(self.all_text).values() if stream}
        forms = re.findall(r"^static inline viamc_err viamc_(\w+)\(viamc_client \*c, const char \*(\w+),[^{;]*\)\n\{\n(.*?)^\}", self.all_text, re.M | re.S)
        self.assertGreater(len(forms), 150)
        for symbol, name, body in forms:
            self.assertNotIn(symbol, streams)
            self.assertRegex(body, rf"(, {name}, opts, call\)|\(c, {name} == NULL \? NULL : &req, opts, call\));", symbol)

    # ---- costs ----

    def size(self, text):
        """Octets of a motor program with this header."""
        sections = ["-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
        code, output = testing.run("gcc", "-std=gnu99", *sections, *SMALL, *self.take(text), "-o", self.folder / "program", "-x", "c", "-", "-x", "none",
                                   "-lprotobuf-nanopb", input=IMPLEMENT + self.USER % ("main", "main"), cwd="/")
        self.assertEqual(code, 0, output)
        return testing.run("size", self.folder / "program")[1].splitlines()[1].split()[:3]

    def test_what_is_not_used_costs_nothing(self):
        self.assertEqual(self.size(self.all_text), self.size(gen_proto.generate(["motor"])))


if __name__ == "__main__":
    testing.main("gen_proto")
