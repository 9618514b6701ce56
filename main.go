// Command rollcall lints a fleet of Kubernetes clusters kept in one Git repository.
package main

import (
	"os"

	"github.com/rollcall-dev/rollcall/internal/cli"
)

func main() { os.Exit(cli.Main()) }
