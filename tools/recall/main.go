// Recall measures how much of what once broke real fleets rollcall reports. It is given the history of one-line fixes,
// as a table, and local clones: at the commit before a fix rollcall must report an error or a warning in the file that
// names the old value, and at the fix no more.
//
//	go run ./tools/recall -defects FILE.tsv CLONE…
//
// A clone is a Git directory, bare or not, whose path ends in owner/name or owner+name, perhaps with /repo or .git
// after that. Rows of other repositories are left out. Each tree is written to a temporary folder and judged as
// the command line judges it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/cache"
	"github.com/rollcall-dev/rollcall/internal/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "recall:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("recall", flag.ContinueOnError)
	table := flags.String("defects", "", "the table of defects, tab-separated")
	jobs := flags.Int("jobs", 2, "how many trees are judged at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *table == "" || flags.NArg() == 0 || *jobs < 1 {
		return errors.New("no defects or no clone; usage: go run ./tools/recall -defects FILE.tsv [-jobs N] CLONE…")
	}
	all, err := readDefects(*table)
	if err != nil {
		return err
	}
	e, err := engine.New(ctx, engine.Options{})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(d *defect) bool {
		d.clone = cloneOf(d.repo, flags.Args())
		return d.clone == ""
	})
	if err := judgeAll(ctx, e, all, *jobs); err != nil {
		return err
	}
	return write(out, all)
}

// cloneOf is the clone of a repository, owner/name, by its folder; empty where there is none.
func cloneOf(repo string, clones []string) string {
	i := slices.IndexFunc(clones, func(dir string) bool {
		name := strings.ReplaceAll(filepath.ToSlash(filepath.Clean(dir)), "+", "/")
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".git"), "/"), "/repo")
		return strings.HasSuffix("/"+name, "/"+repo)
	})
	if i < 0 {
		return ""
	}
	return clones[i]
}

// judgeAll judges each commit of each clone once, for all the defects that begin or end there.
//
// What the trees of a clone have in common is read and built once: most of a fleet is the same at two commits.
func judgeAll(ctx context.Context, e *engine.Engine, all []*defect, jobs int) error {
	kept, err := os.MkdirTemp("", "rollcall-recall-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(kept)
	type revision struct{ clone, commit string }
	var order []revision
	at := map[revision][]*verdict{}
	for _, d := range all {
		for _, v := range []*verdict{&d.broken, &d.fixed} {
			r := revision{d.clone, v.commit}
			if at[r] == nil {
				order = append(order, r)
			}
			at[r] = append(at[r], v)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, r := range order {
		group.Go(func() error {
			store, err := cache.New(kept, r.clone)
			if err != nil {
				return err
			}
			defer store.Close()
			t, err := lint(ctx, e, store, r.clone, r.commit)
			for _, v := range at[r] {
				if err != nil {
					v.why = err.Error() // a clone may lack some of its blobs
				} else {
					v.judge(t)
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}
