// SPDX-License-Identifier: MIT

// The echo service of go.viam.com/utils on its own rpc server: gRPC on one
// port, with TLS and an API key where the flags ask for them. WebRTC and
// multicast DNS are off, so it speaks to nobody but its clients.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"

	"go.uber.org/zap"
	echopb "go.viam.com/utils/proto/rpc/examples/echo/v1"
	"go.viam.com/utils/rpc"
	echo "go.viam.com/utils/rpc/examples/echo/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	cert := flag.String("cert", "", "certificate chain, PEM; empty: plaintext")
	key := flag.String("key", "", "private key, PEM")
	keyID := flag.String("api-key-id", "", "id of the API key; empty: no authentication")
	apiKey := flag.String("api-key", "", "the API key")
	flag.Parse()

	listener, err := net.Listen("tcp", *addr)
	check(err)
	opts := []rpc.ServerOption{
		rpc.WithDisableMulticastDNS(),
		rpc.WithInstanceNames("echo.local"),
		rpc.WithExternalListenerAddress(listener.Addr().(*net.TCPAddr)),
	}
	if *keyID == "" {
		opts = append(opts, rpc.WithUnauthenticated())
	} else {
		handler := rpc.MakeSimpleAuthHandler([]string{*keyID}, *apiKey)
		opts = append(opts, rpc.WithAuthHandler(rpc.CredentialsTypeAPIKey, handler))
	}
	server, err := rpc.NewServer(zap.NewNop().Sugar(), opts...)
	check(err)
	check(server.RegisterServiceServer(context.Background(), &echopb.EchoService_ServiceDesc, &echo.Server{},
		echopb.RegisterEchoServiceHandlerFromEndpoint))
	if *cert == "" {
		check(server.Serve(listener))
	} else {
		check(server.ServeTLS(listener, *cert, *key, &tls.Config{MinVersion: tls.VersionTLS12}))
	}
	fmt.Println("listening on", listener.Addr())
	select {} // Serve and ServeTLS return at once
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
