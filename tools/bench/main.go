//go:build linux

// Bench measures rollcall on whole trees, in time and memory, beside what else one may do with the same files:
//
//   - rollcall as in a pipeline (cold, without a cache), once more (warm, all in its cache), as an editor calls it for
//     a buffer (one manifest changed), and as an editor's language server, from a change of a manifest to what is said
//     of it;
//   - reading and parsing the YAML alone, on all cores;
//   - the kustomize library on every distinct path that a Flux Kustomization builds, on all cores, without patches,
//     substitution, and what comes after; paths that do not build, or not without a network, are left out;
//   - conftest with two trivial rules, and kubeconform without any schema, so that it parses and looks nothing up.
//
// conftest stops at the first file that does not parse and judges none, so it and kubeconform get a copy of the tree's
// YAML and JSON files without those. Everything is a process of its own, and nothing is warm but the disk. The first
// run installs conftest and kubeconform into the user's cache folder, for which Go needs a network.
//
//	go run ./tools/bench [-runs N] DIR…
//
// where each DIR is the root of a tree.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if do, ok := children[args[0]]; ok {
			return do(ctx, args[1:], out)
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runs := flags.Int("runs", 5, "how often each thing is measured; the table shows medians")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || *runs < 1 {
		return errors.New("no tree; usage: go run ./tools/bench [-runs N] DIR…")
	}
	scratch, err := os.MkdirTemp("", "rollcall-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p, err := newPrograms(ctx, scratch)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d cores, medians of %d runs\n", runtime.Version(), runtime.NumCPU(), *runs)
	for i, dir := range flags.Args() {
		if err := bench(ctx, p, dir, filepath.Join(scratch, strconv.Itoa(i)), *runs, out); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// bench measures everything on one tree and prints a table. The right columns say how many times as long rollcall takes
// as what the row is about.
func bench(ctx context.Context, p programs, dir, scratch string, runs int, out io.Writer) error {
	s, err := p.survey(ctx, dir, scratch)
	if err != nil {
		return err
	}
	all := p.subjects(dir, s, scratch)
	costs := make([]cost, len(all))
	for i, subject := range all {
		if costs[i], err = subject.measure(ctx, runs); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%s: %d YAML and JSON files, %d of them parse; %d paths\n", filepath.Base(dir), s.Files,
		s.Readable, s.Paths)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprint(table, "\ttime\tmemory")
	for _, subject := range all {
		if short, ok := strings.CutPrefix(subject.name, "rollcall, "); ok {
			fmt.Fprintf(table, "\t%s ÷", short)
		}
	}
	fmt.Fprintln(table)
	for i, subject := range all {
		fmt.Fprintf(table, "%s\t%s", subject.name, costs[i])
		for j := range all {
			if strings.HasPrefix(all[j].name, "rollcall, ") {
				fmt.Fprintf(table, "\t%.2f", costs[j].wall.Seconds()/costs[i].wall.Seconds())
			}
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// subject is a command that is measured.
type subject struct {
	name    string
	command []string
	// stdin is the input of the given run; nil for none.
	stdin func(run int) []byte
	// warmUp is run once before.
	warmUp bool
	// complains: exit code 1 is as good as 0.
	complains bool
	// inEditor measures what is no command that ends, instead.
	inEditor func(ctx context.Context, runs int) (cost, error)
}

// cost is the median wall time and peak resident memory of a process.
type cost struct {
	wall   time.Duration
	memory int64 // bytes
}

func (c cost) String() string {
	return fmt.Sprintf("%.3f s\t%.0f MiB", c.wall.Seconds(), float64(c.memory)/(1<<20))
}

// measure runs the command. Linux counts the memory of the process that starts another as the other's until that runs
// its own program, so this one stays small: whatever reads a tree is a child.
func (s subject) measure(ctx context.Context, runs int) (cost, error) {
	if s.inEditor != nil {
		return s.inEditor(ctx, runs)
	}
	if s.warmUp {
		if _, err := s.run(ctx, 0); err != nil {
			return cost{}, err
		}
	}
	var walls []time.Duration
	var memories []int64
	for i := range runs {
		c, err := s.run(ctx, i+1)
		if err != nil {
			return cost{}, err
		}
		walls, memories = append(walls, c.wall), append(memories, c.memory)
	}
	slices.Sort(walls)
	slices.Sort(memories)
	return cost{walls[runs/2], memories[runs/2]}, nil
}

func (s subject) run(ctx context.Context, run int) (cost, error) {
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	command.Env = offline()
	command.Stderr = &stderr
	if s.stdin != nil {
		command.Stdin = bytes.NewReader(s.stdin(run))
	}
	start := time.Now()
	err := command.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !(s.complains && errors.As(err, &exit) && exit.ExitCode() == 1) {
		return cost{}, fmt.Errorf("%s: %w\n%s", s.name, err, stderr.Bytes())
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, errors.New("the system does not tell a process's memory")
	}
	return cost{wall, usage.Maxrss << 10}, nil // KiB on Linux
}

// offline is an environment in which nobody finds git or a way to a server.
func offline() []string {
	return append(os.Environ(), "PATH=", "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
}
