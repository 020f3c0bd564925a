// SPDX-License-Identifier: MIT

// Reads the lines of `hpack_lines encode` with Go's decoder of header blocks
// and compares the fields; prints how many blocks there were.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

func main() {
	var fields strings.Builder
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		fmt.Fprintf(&fields, " %x=%x", f.Name, f.Value)
	})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	blocks := 0
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		if kind == "T" {
			size, err := strconv.ParseUint(rest, 10, 32)
			check(blocks, err)
			decoder.SetAllowedMaxDynamicTableSize(uint32(size))
			continue
		}
		block, want, _ := strings.Cut(rest, " ")
		octets, err := hex.DecodeString(block)
		check(blocks, err)
		fields.Reset()
		_, err = decoder.Write(octets)
		check(blocks, err)
		check(blocks, decoder.Close())
		if got := strings.TrimPrefix(fields.String(), " "); got != want {
			log.Fatalf("block %d: got %s, want %s", blocks, got, want)
		}
		blocks++
	}
	check(blocks, lines.Err())
	fmt.Println(blocks, "blocks")
}

func check(block int, err error) {
	if err != nil {
		log.Fatalf("block %d: %v", block, err)
	}
}
