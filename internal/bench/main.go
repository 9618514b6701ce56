//go:build linux

// Bench measures rollcall on whole trees: how long a cold run takes and how much memory it needs, beside the same for
// reading and parsing the tree's YAML alone. Every run is a process of its own, so nothing is warm but the disk.
//
//	go run ./internal/bench DIR…
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// runs is how often each thing is measured; the table shows medians.
const runs = 5

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == "parse" {
		_, err := parse(ctx, args[1])
		return err
	}
	if len(args) == 0 {
		return errors.New("no tree; usage: go run ./internal/bench DIR…")
	}
	rollcall, clean, err := build(ctx)
	if err != nil {
		return err
	}
	defer clean()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d cores, medians of %d runs\n", runtime.Version(), runtime.NumCPU(), runs)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "tree\tfiles\tlint\tmemory\tparse alone\tmemory\tlint ÷ parse\t")
	for _, dir := range args {
		files, err := parse(ctx, dir)
		if err != nil {
			return err
		}
		lint, err := measure(ctx, rollcall, "--fail-on", "never", "-o", "json", dir)
		if err != nil {
			return err
		}
		alone, err := measure(ctx, self, "parse", dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%.1f\t\n", filepath.Base(dir), files, lint, alone,
			lint.wall.Seconds()/alone.wall.Seconds())
	}
	return table.Flush()
}

// build makes the program that is measured, as it is released.
func build(ctx context.Context) (program string, clean func(), err error) {
	dir, err := os.MkdirTemp("", "rollcall-bench-")
	if err != nil {
		return "", nil, err
	}
	clean = func() { os.RemoveAll(dir) }
	program = filepath.Join(dir, "rollcall")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/lint")
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		clean()
		return "", nil, fmt.Errorf("build rollcall: %w", err)
	}
	return program, clean, nil
}

// cost is the median wall time and peak resident memory of a process.
type cost struct {
	wall   time.Duration
	memory int64 // bytes
}

func (c cost) String() string {
	return fmt.Sprintf("%.2f s\t%.0f MiB", c.wall.Seconds(), float64(c.memory)/(1<<20))
}

func measure(ctx context.Context, program string, args ...string) (cost, error) {
	var walls []time.Duration
	var memories []int64
	for range runs {
		var stderr bytes.Buffer
		command := exec.CommandContext(ctx, program, args...)
		command.Stderr = &stderr
		start := time.Now()
		if err := command.Run(); err != nil {
			return cost{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.Bytes())
		}
		walls = append(walls, time.Since(start))
		usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return cost{}, errors.New("the system does not tell a process's memory")
		}
		memories = append(memories, usage.Maxrss<<10) // KiB on Linux
	}
	slices.Sort(walls)
	slices.Sort(memories)
	return cost{walls[runs/2], memories[runs/2]}, nil
}

// parse reads every YAML file below dir and parses its documents, on all cores and with the loader's parser, and keeps
// the result of one file at a time. It returns the number of files. What does not parse counts as parsed.
func parse(ctx context.Context, dir string) (files int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	walk := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)):
			return nil
		}
		files++
		group.Go(func() error {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			decoder := yaml.NewDecoder(bytes.NewReader(text))
			for {
				var document yaml.Node
				if err := decoder.Decode(&document); err != nil {
					return nil // the end, or no YAML
				}
			}
		})
		return nil
	})
	return files, errors.Join(walk, group.Wait())
}
