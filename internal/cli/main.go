// Package cli is the command line of rollcall: its commands and flags, which tree a path belongs
// to, progress and exit codes.
package cli

import (
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Main runs the program with the arguments, the streams and the environment of the process, and returns its exit code.
func Main() int {
	// A run allocates much and keeps little: collecting half as often takes an eighth off it, for some 100 MB at 10,000
	// files. GOGC in the environment wins.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	// At 100,000 files the rest of that is 2.5 GB: beyond this limit, in bytes, memory counts for more than time.
	// GOMEMLIMIT in the environment wins.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1900 << 20)
	}
	// Collecting begins at a heap of 4 MB, and most runs hold some tens. This holds it back to 100 MB, and takes none:
	// memory that is never written to is only an address.
	ballast := make([]byte, 32<<20)
	code := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	runtime.KeepAlive(ballast)
	return code
}

// Command is the command line by itself, of which man pages and completions are made.
func Command() *cobra.Command {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string {
		return ""
	}, isTerminal: isTerminal}
	return a.command()
}
