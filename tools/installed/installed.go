// Package installed runs the programs that benchmarks measure, and installs those that are not ours.
package installed

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build builds the program in a folder of this module as it is released, and calls it name.
func Build(ctx context.Context, name, folder string) error {
	return Run(ctx, nil, nil, "go", "build", "-trimpath", "-o", name, folder)
}

// Install gives the program of a package, path@version, from the user's cache folder, and puts it
// there where it is missing.
func Install(ctx context.Context, pkg string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := filepath.Base(pkg)
	dir := filepath.Join(cache, "rollcall-bench", name)
	name, _, _ = strings.Cut(name, "@")
	program := filepath.Join(dir, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return program, Run(ctx, nil, append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0"), "go", "install", pkg)
}

// Run runs a command in an environment, nil for this process's own, and writes what it says to out.
func Run(ctx context.Context, out io.Writer, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr, command.Env = out, os.Stderr, env
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return nil
}
