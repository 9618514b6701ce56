// Package difftest compares what internal/loader makes of a tree with what Flux's own code makes of it: each Flux
// Kustomization that the loader followed is built and substituted once more by github.com/fluxcd/pkg/kustomize, as
// kustomize-controller would, from a copy of the tree on disk. It is a module of its own, so that the program's go.mod
// does not carry Flux's dependencies.
//
// The loader takes the secrets out of what it reads, so both sides are compared without them, and a variable whose
// value it does not know stands as ${NAME} on both. What cannot be compared fairly counts as skipped, with the reason,
// and never as agreement.
//
// Further trees: ROLLCALL_CORPUS=folder[:folder…].
package difftest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Remote bases are skipped; whatever would reach for one all the same fails at once.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Setenv(name, "http://127.0.0.1:1")
	}
	os.Setenv("GIT_ALLOW_PROTOCOL", "none")
	os.Exit(m.Run())
}

func TestAsFlux(t *testing.T) {
	folders := []string{"../testdata/fleet", "../testdata/seed"}
	folders = append(folders, filepath.SplitList(os.Getenv("ROLLCALL_CORPUS"))...)
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) { compareTree(t, os.DirFS(dir)) })
	}
	for _, pattern := range []string{"testdata/*.txtar", "../testdata/rules/*.txtar",
		"../internal/loader/testdata/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no cases: %s", pattern)
		}
		for _, name := range names {
			for tree, fsys := range archived(t, name) {
				t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+tree, func(t *testing.T) {
					compareTree(t, fsys)
				})
			}
		}
	}
}

// archived are the trees of a txtar file, by a suffix for the test's name: a rule's example has several, below
// "broken…/" and "healthy…/". In a case of the loader the file "want" is what is read of it, and no part of the tree.
func archived(t *testing.T, name string) map[string]fs.FS {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	all, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	trees := map[string]fs.FS{}
	for _, file := range archive.Files {
		top, _, _ := strings.Cut(file.Name, "/")
		if !strings.HasPrefix(top, "broken") && !strings.HasPrefix(top, "healthy") {
			return map[string]fs.FS{"": all}
		}
		if trees["/"+top], err = fs.Sub(all, top); err != nil {
			t.Fatal(err)
		}
	}
	return trees
}

// verdict is what became of one Flux Kustomization.
type verdict struct {
	// same: both build it, to the same objects. fails: neither builds it.
	same, fails bool
	skipped     string // the reason
	differs     []string
}

func compareTree(t *testing.T, fsys fs.FS) {
	tree, err := loader.Load(context.Background(), fsys, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := newComparison(t, fsys, tree)
	same, fails, skipped := 0, 0, map[string]int{}
	for _, k := range tree.Kustomizations {
		v := c.compare(k)
		switch {
		case v.same:
			same++
		case v.fails:
			fails++
		case v.skipped != "":
			skipped[v.skipped]++
		default:
			t.Errorf("%s at %s, declared in %s:\n  %s", k.ID, k.Path, k.Origin.File, strings.Join(v.differs, "\n  "))
		}
	}
	left := ""
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		left += fmt.Sprintf("; %d skipped: %s", skipped[reason], reason)
	}
	t.Logf("%d Kustomizations: %d built alike, %d fail alike%s", len(tree.Kustomizations), same, fails, left)
}

// compare builds a Flux Kustomization as Flux does and compares.
func (c *comparison) compare(k fleet.Kustomization) verdict {
	if reason := c.unfair(k); reason != "" {
		return verdict{skipped: reason}
	}
	spec, reason := c.effective(k)
	if reason != "" {
		return verdict{skipped: reason}
	}
	theirs, err := c.flux(k, spec)
	switch fails := k.PathState == fleet.Missing || k.Build == fleet.Missing; {
	case fails && err != nil:
		return verdict{fails: true}
	case fails:
		return verdict{differs: []string{"the loader says that the build fails, and Flux builds it: " + problems(k)}}
	case err != nil:
		return verdict{differs: []string{"the loader builds it, and Flux does not: " + safe(err)}}
	}
	var ours []map[string]any
	for _, o := range c.objects[k.ID] {
		if o.ResourceSet == "" { // which the Flux Operator makes, and TestResourceSets compares
			ours = append(ours, o.Content)
		}
	}
	differs := diffObjects(plain(ours), theirs)
	switch known, err := c.strict(k, spec); {
	case !known:
	case err != nil && len(k.Undefined) == 0:
		differs = append(differs, "strict substitution fails, and the loader knows of no variable without a value: "+
			safe(err))
	case err == nil && len(k.Undefined) > 0:
		differs = append(differs, fmt.Sprintf(
			"the loader finds variables without a value, and strict substitution does not: %v", k.Undefined))
	}
	return verdict{same: len(differs) == 0, differs: differs}
}

// unfair says why a Kustomization cannot be compared; empty where it can.
func (c *comparison) unfair(k fleet.Kustomization) string {
	if slices.ContainsFunc(c.tree.Clusters, func(cl fleet.Cluster) bool {
		return cl.Name == k.Cluster && !cl.Declared
	}) {
		return "no entry point: the loader does not build, it takes the folder's objects"
	}
	for _, inc := range k.Incomplete {
		switch {
		case inc.Kind == fleet.UnknownRemoteBase, inc.Kind == fleet.UnknownRemoteFile:
			return "a base is remote"
		case inc.Kind == fleet.UnknownSpec:
			return "its spec cannot be decoded"
		case inc.Kind == fleet.UnknownObject:
			return "an object cannot be read without its variables"
		}
	}
	switch {
	case !k.Local:
		return "its source is not this repository"
	case k.PathState == fleet.Unknown:
		return "its path is not known here"
	case k.PathState == fleet.Found && k.Build == fleet.Unknown:
		return "the loader does not build it"
	}
	return ""
}

func problems(k fleet.Kustomization) string {
	var all []string
	for _, p := range k.Problems {
		all = append(all, fmt.Sprintf("%s %s %v: %s", p.Kind, p.Origin.File, p.At, p.Message))
	}
	return strings.Join(all, "; ")
}
