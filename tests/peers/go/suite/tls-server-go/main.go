// SPDX-License-Identifier: MIT

// A TLS 1.2 server that echoes and closes when it reads CLOSE, for each SUITE/CURVE on a port of its own:
//
//	tls-server-go CHAIN KEY SUITE/CURVE...
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
)

var suites = map[string]uint16{
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

var curves = map[string]tls.CurveID{"P-256": tls.CurveP256, "X25519": tls.X25519}

func serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil || strings.HasPrefix(string(buf[:n]), "CLOSE") {
			return
		}
		if _, err = conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

func main() {
	cert, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range os.Args[3:] {
		suite, curve, _ := strings.Cut(line, "/")
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			Certificates:     []tls.Certificate{cert},
			MaxVersion:       tls.VersionTLS12,
			CipherSuites:     []uint16{suites[suite]},
			CurvePreferences: []tls.CurveID{curves[curve]},
			NextProtos:       []string{"h2"},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("listening on", listener.Addr())
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					log.Fatal(err)
				}
				go serve(conn)
			}
		}()
	}
	select {}
}
