// SPDX-License-Identifier: MIT

// Writes the descriptors of grpc.testing, as grpc-go has them, to standard
// output: one FileDescriptorSet, dependencies first.
package main

import (
	"log"
	"os"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func add(file protoreflect.FileDescriptor, done map[string]bool, set *descriptorpb.FileDescriptorSet) {
	if done[file.Path()] {
		return
	}
	done[file.Path()] = true
	imports := file.Imports()
	for i := 0; i < imports.Len(); i++ {
		add(imports.Get(i).FileDescriptor, done, set)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
}

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	add(testpb.File_grpc_testing_test_proto, map[string]bool{}, set)
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		log.Fatal(err)
	}
}
