// SPDX-License-Identifier: MIT

// A viam-server as a test peer: the stock entry point, built without cgo. The
// stock build without cgo registers no arm at all, so the fake one is named here.
package main

import (
	"go.viam.com/utils"

	_ "go.viam.com/rdk/components/arm/fake"
	_ "go.viam.com/rdk/components/register"
	"go.viam.com/rdk/logging"
	_ "go.viam.com/rdk/services/register"
	"go.viam.com/rdk/web/server"
)

func main() {
	utils.ContextualMain(server.RunServer, logging.NewDebugLogger("entrypoint"))
}
