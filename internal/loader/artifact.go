package loader

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/fluxcd/pkg/sourceignore"
	"github.com/fluxcd/pkg/sourceignore/gitignore"
)

// artifact is what a source of this repository holds: the tree without what source-controller leaves out when it packs
// the artifact. Symbolic links are left out, and what .sourceignore files and the source's spec.ignore say, or the
// default excludes where neither says anything.
//
// Source: fluxcd/source-controller v1.9.1 internal/controller/gitrepository_controller.go, fluxcd/pkg
// artifact/storage/archive.go and sourceignore: each file is matched alone, so "!/clusters/common" brings a folder
// back that "/*" excluded, which Git would not.
type artifact struct {
	tree    *tree
	matcher *matcher
	// root is the folder that is packed, and only are the folders and files of it that are in; nil for all.
	root string
	only []string
	// ignoreHash identifies the ignore rules.
	ignoreHash string

	mu   sync.Mutex
	dirs map[string]bool // whether a folder holds any file
}

func newArtifact(t *tree, packed packing) *artifact {
	root, ignore := cmp.Or(packed.root, "."), packed.ignore
	var patterns []gitignore.Pattern
	rules := sha256.New()
	var files []string
	for _, p := range t.paths {
		if path.Base(p) == sourceignore.IgnoreFile && !t.files[p].symlink && inside(p, root) {
			files = append(files, p)
		}
	}
	// The last match counts: a folder's patterns come before those of the folders in it, whatever these are called.
	slices.SortFunc(files, func(a, b string) int { return slices.Compare(domain(path.Dir(a)), domain(path.Dir(b))) })
	for _, p := range files {
		if data, err := t.read(p, maxText); err == nil {
			patterns = append(patterns, sourceignore.ReadPatterns(bytes.NewReader(data), domain(path.Dir(p)))...)
			fmt.Fprintf(rules, "%q %q\n", p, data)
		}
	}
	patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(ignore), domain(root))...)
	fmt.Fprintf(rules, "%q\n", ignore)
	if root != "." || packed.only != nil {
		fmt.Fprintf(rules, "%q %q\n", root, packed.only)
	}
	a := &artifact{tree: t, root: root, only: packed.only, ignoreHash: hex.EncodeToString(rules.Sum(nil)),
		dirs: map[string]bool{}}
	a.matcher = t.matchers.of(a.ignoreHash, patterns)
	return a
}

// matchers are what ignore rules leave out, by what identifies the rules.
type matchers struct {
	mu  sync.Mutex
	all map[string]*matcher
}

func newMatchers() *matchers { return &matchers{all: map[string]*matcher{}} }

func (m *matchers) of(ignoreHash string, patterns []gitignore.Pattern) *matcher {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[ignoreHash] == nil {
		rules := sourceignore.NewDefaultMatcher(nil, nil)
		if len(patterns) > 0 {
			rules = sourceignore.NewMatcher(append(sourceignore.VCSPatterns(nil), patterns...))
		}
		m.all[ignoreHash] = &matcher{rules: rules, known: map[string]bool{}}
	}
	return m.all[ignoreHash]
}

// matcher is a set of ignore rules, with its answers: each is asked for several times.
type matcher struct {
	rules gitignore.Matcher
	mu    sync.RWMutex
	known map[string]bool
}

// leavesOut tells whether the rules leave a file out.
func (m *matcher) leavesOut(p string) bool {
	m.mu.RLock()
	out, ok := m.known[p]
	m.mu.RUnlock()
	if !ok {
		out = m.rules.Match(strings.Split(p, "/"), false)
		m.mu.Lock()
		m.known[p] = out
		m.mu.Unlock()
	}
	return out
}

func domain(dir string) []string {
	if dir == "." {
		return nil
	}
	return strings.Split(dir, "/")
}

// file is the regular file at p; nil where the artifact has none.
func (a *artifact) file(p string) *file {
	f := a.tree.file(p)
	if f == nil || f.symlink || !a.packs(p) || a.matcher.leavesOut(p) {
		return nil
	}
	return f
}

// packs tells whether a file is in what is packed, whatever the ignore rules say.
func (a *artifact) packs(p string) bool {
	return inside(p, a.root) && (a.only == nil || slices.ContainsFunc(a.only, func(dir string) bool {
		return inside(p, dir)
	}))
}

// isDir tells whether the artifact has the folder p: an archive has only folders that hold a file.
func (a *artifact) isDir(p string) bool {
	if !a.tree.isDir(p) {
		return false
	}
	a.mu.Lock()
	known, ok := a.dirs[p]
	a.mu.Unlock()
	if ok {
		return known
	}
	found := false
	for _, child := range a.tree.dirs[p] {
		if a.file(child) != nil || a.isDir(child) {
			found = true
			break
		}
	}
	a.mu.Lock()
	a.dirs[p] = found
	a.mu.Unlock()
	return found
}
