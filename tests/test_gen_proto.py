#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/gen_proto.py: what is checked in is what it makes, and what it makes says what the descriptors say. Needs the Python of build/venv.

NANOPB=DIR names a folder with the sources of another nanopb, which viamc_proto.h is built with too.
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
    from google.protobuf import descriptor_pb2
    from nanopb.generator import nanopb_generator
    gen_proto.Descriptors()
except (ImportError, ModuleNotFoundError):
    gen_proto = None

HEADER = testing.ROOT / "viamc_proto.h"
NANOPB = pathlib.Path(os.environ.get("NANOPB", testing.ROOT / "build/nanopb"))
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
    """Path to (symbol, request, reply, flags) of the method objects in a header."""
    found = re.findall(r'VMC_PROTO_METHOD\((\w+),\s+"([^"]+)",\s+(\w+),\s+(\w+),\s+([^)]*)\)', text)
    return {path: (symbol, request, reply, set(re.findall(r"VIAMC_M_(\w+)", flags))) for symbol, path, request, reply, flags in found}


@unittest.skipIf(gen_proto is None, "missing peer: viam-sdk and nanopb for Python (make setup)")
class Generator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder_of_class = tempfile.TemporaryDirectory()
        cls.all = pathlib.Path(cls.folder_of_class.name) / "viamc_proto.h"
        cls.all.write_text(gen_proto.generate(gen_proto.machine_api()), encoding="ascii")
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
        return testing.run(sys.executable, testing.ROOT / "tools/gen_proto.py", *arguments, env={**os.environ, "PYTHONHASHSEED": seed})

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
        self.assertEqual(self.script("--all", "-o", other, seed="12345"), (0, ""))
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
        shutil.copytree(gen_proto.PARTS, self.folder / "proto")
        path = self.folder / "proto/methods.txt"
        path.write_text(change(path.read_text(encoding="ascii")), encoding="ascii")
        before, gen_proto.PARTS = gen_proto.PARTS, self.folder / "proto"
        try:
            gen_proto.Descriptors()
        finally:
            gen_proto.PARTS = before
            shutil.rmtree(self.folder / "proto")

    def test_methods_txt_is_compared_with_the_descriptors(self):
        for old, new, complaint in (("motor.GoTo(", "motor.GoThere(", "no such method"), ("motor.GoTo(", "mortar.GoTo(", "no such method"),
                                    ("double rpm, double revolutions", "double rpm, double turns", "has no field turns"),
                                    ("double rpm, double revolutions", "double rpm, float revolutions", "revolutions of .* is double"),
                                    ("double[] values", "double values", r"values of .* is double\[\]"),
                                    ("Vector3 linear", "Pose linear", "linear of .* is Vector3"), ("power_pct) setpoint", "power_pct) setpiont", "unknown flag")):
            with self.subTest(new=new):
                self.assertRaisesRegex(gen_proto.Problem, complaint, self.methods_txt, lambda text: text.replace(old, new, 1))

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

    def test_the_cloud_too(self):
        names = [service.full_name for service in gen_proto.Descriptors().services.values()]
        text = gen_proto.generate(names)
        self.assertGreater(len(methods_in(text)), 520)
        self.compiles(text, "c++", ["-std=c++11", *SMALL])           # what is wrong in C is wrong in C++ too, and more

    # ---- methods ----

    def services(self):
        """Full names of the services of the machine API and their methods, as the descriptors have them."""
        for service in gen_proto.Descriptors().services.values():
            if not service.full_name.startswith(gen_proto.NOT_THE_MACHINE):
                proto = descriptor_pb2.ServiceDescriptorProto()
                service.descriptor.CopyToProto(proto)
                yield service, proto

    def test_methods_are_those_of_the_descriptors(self):
        there = methods_in(self.all_text)
        wanted = {}
        for service, proto in self.services():
            for method in proto.method:
                wanted[f"/{service.full_name}/{method.name}"] = (service, method)
        self.assertEqual(len(wanted), 282)
        self.assertEqual(set(there), set(wanted))
        monitored, setpoints = [], []
        for path, (service, method) in wanted.items():
            symbol, request, reply, flags = there[path]
            name = f"{service.name}.{method.name}"
            self.assertEqual((request, reply), (method.input_type[1:].replace(".", "_"), method.output_type[1:].replace(".", "_")))
            self.assertEqual("CLIENT_STREAM" in flags, method.client_streaming, path)
            self.assertEqual("SERVER_STREAM" in flags, method.server_streaming, path)
            self.assertEqual("MONITORED" in flags, MONITORED_OPTION in method.options.SerializeToString(), path)
            self.assertEqual("STOP" in flags, "/viam.component." in path and method.name == "Stop", path)
            self.assertEqual("STOP_ALL" in flags, method.name == "StopAll", path)
            self.assertEqual("MOVES" in flags, name == "gantry.Home", path)
            monitored += [name] * ("MONITORED" in flags)
            setpoints += [name] * ("SETPOINT" in flags)
            self.assertIn(f" viamc_{symbol}_req(", self.all_text)
            self.assertIn(f" viamc_{symbol}_reply(", self.all_text)
            self.assertIn(f" viamc_{symbol}_answer(", self.all_text)
            self.assertEqual(f" viamc_{symbol}_send(" in self.all_text, method.client_streaming, path)
        self.assertEqual(sorted(monitored), sorted(MONITORED))
        self.assertEqual(sorted(setpoints), sorted(SETPOINTS))

    def test_extra(self):
        for path, (_, request, _, flags) in methods_in(self.all_text).items():
            struct = re.search(rf"typedef struct {request} {{(.*?)\n}}", self.all_text, re.S).group(1)
            self.assertEqual("EXTRA" in flags, "viamc_fields extra;" in struct, path)

    def test_names_of_services(self):
        names = {service.full_name: service.name for service in gen_proto.Descriptors().services.values()}
        self.assertEqual(len(set(names.values())), len(names))
        for full_name, name in (("viam.component.generic.v1.GenericService", "generic"), ("viam.service.generic.v1.GenericService", "generic_service"),
                                ("viam.component.inputcontroller.v1.InputControllerService", "inputcontroller"), ("viam.robot.v1.RobotService", "robot"),
                                ("viam.app.v1.RobotService", "app_robot"), ("proto.rpc.v1.AuthService", "auth"),
                                ("proto.rpc.v1.ExternalAuthService", "external_auth"), ("viam.service.slam.v1.SLAMService", "slam")):
            self.assertEqual(names[full_name], name)

    def test_names_of_methods(self):
        for name, want in (("SetRPM", "set_rpm"), ("Get3DModels", "get_3d_models"), ("PWMFrequency", "pwm_frequency"), ("EchoBiDi", "echo_bi_di"),
                           ("GetDetections3D", "get_detections_3d"), ("IsPowered", "is_powered"), ("TransformPCD", "transform_pcd"), ("Call", "call")):
            self.assertEqual(gen_proto.small_letters(name), want)
        self.assertIn(" viamc_worldstatestore_list_uuids_req(", self.all_text)

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
        macro = re.compile(r"    VMC_PB_(\w+)\((.*)\)$")
        for name, block in re.findall(r"vmc_pb_(\w+)_info\[\] PB_PROGMEM = \{\n(.*?)\n    0\n", self.all_text, re.S):
            fields = {}
            for line in block.splitlines():
                kind, arguments = macro.match(line).groups()
                arguments = arguments.split(", ")
                if kind == "FAR":
                    fields[int(arguments[2])] = (arguments[1], "MESSAGE", kind)
                else:
                    arguments = arguments[2:] if not kind.endswith("ONE") else arguments[3:]
                    fields[int(arguments[1])] = (arguments[0], arguments[2], kind)
            yield name, fields

    def test_messages_are_nanopbs(self):
        nanopb_generator.Globals.verbose_options = False
        nanopb_generator.Globals.separate_options = []
        nanopb_generator.Globals.matched_namemasks = set()
        options = nanopb_generator.nanopb_pb2.NanoPBOptions()
        files = {one.file.name: one.file for one in gen_proto.Descriptors().messages.values()}
        theirs = {name: fields for file in files.values() for name, fields in self.nanopb_fields(file, options)}
        ours = dict(self.our_fields())
        self.assertGreater(len(ours), 450)
        for name, fields in ours.items():
            self.assertEqual(set(fields), set(theirs[name]), name)
            for number, (member, kind, macro) in fields.items():
                their_member, their_kind, their_rules = theirs[name][number]
                with self.subTest(message=name, member=member):
                    self.assertIn(member, (their_member, their_member + "_"))
                    self.assertEqual(macro == "LIST" or (macro == "VIEW" and " MAP)" in self.line_of(name, member)), their_rules == "REPEATED")
                    self.assertEqual(macro.endswith("ONE"), their_rules == "ONEOF")
                    if kind in ("BYTES", "FIXED_LENGTH_BYTES"):
                        self.assertIn(their_kind, ("BYTES", "MESSAGE"))         # a Struct or Value is a view
                    else:
                        self.assertEqual(kind, {"UENUM": "ENUM"}.get(their_kind, their_kind))

    def line_of(self, name, member):
        """The line of a member in a message's descriptor."""
        return next(line for line in self.all_text.splitlines() if f", {name}, {member}, " in line)

    def test_presence_is_the_descriptors(self):
        for name, message in gen_proto.Descriptors().messages.items():
            found = re.search(rf"typedef struct {gen_proto.c_name(name)} {{\n(.*?)\n}}", self.all_text, re.S)
            for field in message.fields if found else ():
                member = gen_proto.member_name(field.name)
                views = "viamc_str|viamc_bytes|viamc_fields|viamc_list"
                is_view = re.search(rf"    ({views}) {member};", found.group(1)) is not None
                has = f" has_{member};" in found.group(1)
                in_oneof = field.containing_oneof is not None and field.containing_oneof.name != "_" + field.name
                self.assertEqual(has, field.has_presence and not is_view and not in_oneof, field.full_name)

    def test_members_are_no_keywords(self):
        for member in re.findall(r"^ +(?:viam\w+|google\w+|bool|\w+_t|double|float) (\w+);", self.all_text, re.M):
            self.assertNotIn(member, gen_proto.TAKEN)
        self.assertIn("viamc_str namespace_;", self.all_text)
        self.assertRegex(self.all_text, r"double min_;\n +double max_;|double max_;")

    # ---- compilers ----

    def take(self, text):
        """Puts a header into the folder. viamc.h stays where it is, and what compilers say of it is no matter of this test."""
        (self.folder / "viamc_proto.h").write_text(text, encoding="ascii")
        return ["-I", self.folder, "-isystem", testing.ROOT]

    def compiles(self, text, language, flags, defines=IMPLEMENT):
        """A header compiles in silence."""
        code, output = testing.run("gcc", *FLAGS, *flags, *self.take(text), "-fsyntax-only", "-x", language, "-",
                                   input=defines + INCLUDE + "extern int nothing;\n", cwd="/")
        self.assertEqual((code, output), (0, ""))

    def test_all_compiles(self):
        for language, standard in (("c", "c99"), ("c++", "c++11"), ("c++", "c++20")):
            with self.subTest(standard=standard):
                self.compiles(self.all_text, language, [f"-std={standard}", *SMALL])

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
        """Compiles a text with the checked-in header."""
        path = self.folder / f"{name}.o"
        standard = "-std=gnu99" if language == "c" else "-std=gnu++11"
        code, output = testing.run("gcc", standard, *FLAGS, *SMALL, *flags, *self.take(HEADER.read_text(encoding="ascii")), "-c", "-o", path,
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
            self.skipTest("no sources of another nanopb: NANOPB=DIR names them")
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

    # ---- costs ----

    def size(self, text):
        """Octets of a motor program with this header."""
        sections = ["-O0", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
        code, output = testing.run("gcc", "-std=gnu99", *sections, *SMALL, *self.take(text), "-o", self.folder / "program", "-x", "c", "-", "-x", "none",
                                   "-lprotobuf-nanopb", input=IMPLEMENT + self.USER % ("main", "main"), cwd="/")
        self.assertEqual(code, 0, output)
        return testing.run("size", self.folder / "program")[1].splitlines()[1].split()[:3]

    def test_what_is_not_used_costs_nothing(self):
        self.assertEqual(self.size(self.all_text), self.size(gen_proto.generate(["motor"])))


if __name__ == "__main__":
    testing.main("gen_proto")
