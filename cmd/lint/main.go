// Command lint is rollcall, by the name of its folder; the program at the root of the module is the same.
package main

import (
	"os"

	"github.com/rollcall-dev/rollcall/internal/cli"
)

func main() { os.Exit(cli.Main()) }
