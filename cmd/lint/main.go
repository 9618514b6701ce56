// Command rollcall lints a fleet of Kubernetes clusters kept in one Git repository.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
