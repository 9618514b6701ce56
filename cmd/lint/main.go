// Command rollcall lints a fleet of Kubernetes clusters kept in one Git repository.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// A run allocates much and keeps little: collecting half as often takes an eighth off it, for some 100 MB at 10,000
	// files. GOGC in the environment wins.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	// At 100,000 files the rest of that is 2.5 GB: beyond this limit, in bytes, memory counts for more than time. GOMEMLIMIT in
	// the environment wins.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1700 << 20)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
