package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Cache keeps what one run has made of a tree for the next. The loader checks what it gets against the files' content,
// so a cache may forget anything at any time. What the loader puts there holds no secret value.
type Cache interface {
	// Get fills in the value that was put under the name, and tells whether there was one.
	Get(name string, value any) bool
	// Put keeps a value, which is never changed afterwards.
	Put(name string, value any)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// reading is what a file's name and content come to by themselves.
type reading struct {
	Hash       string
	Class      fleet.FileClass
	Documents  []document
	Whole      *fleet.Document
	Problems   []fleet.Problem
	Exceptions []fleet.Exception
	Lists      *kustomizeLists
	Broken     bool
	Plain      bool
	Expansion  int
	// facts are the documents as rules see them.
	facts []fleet.Document
}

// reading is what the file has come to.
func (f *file) reading() *reading {
	return &reading{f.hash, f.class, f.docs, f.whole, f.problems, f.exceptions, f.lists, f.broken, f.plain, f.expansion,
		nil}
}

// readOnce makes f what read makes of it, or made of the same content in the last run.
func (t *tree) readOnce(f *file, read func()) {
	if old := t.kept[f.path]; old != nil && old.Hash == f.hash {
		f.expansion = old.Expansion
		f.class, f.docs, f.whole, f.problems, f.exceptions, f.lists, f.broken, f.plain = old.Class, old.Documents,
			old.Whole, old.Problems, old.Exceptions, old.Lists, old.Broken, old.Plain
		f.read = old
		return
	}
	read()
	f.read = f.reading()
}

// keepReadings keeps what the files have come to, unless little of it is new: to read a few files again costs less than
// to write about all of them.
func (t *tree) keepReadings(cache Cache) {
	all, changes := t.readings(), 0
	for p, read := range all {
		if read.Lists != nil && !read.Lists.areNames() {
			delete(all, p)
			continue
		}
		if old := t.kept[p]; old == nil || old.Hash != read.Hash {
			changes++
		}
	}
	if changes > len(all)/100 {
		cache.Put("documents", all)
	}
}

// readings are what the files have come to, as far as they were read.
func (t *tree) readings() map[string]*reading {
	all := make(map[string]*reading, len(t.files))
	for p, f := range t.files {
		if f.read != nil {
			all[p] = f.read
		}
	}
	return all
}

// renderings are what the paths of one cluster came to, by all that they were made from but files.
type renderings map[string]*rendering

// renderOnce renders a path, unless an earlier run has and nothing that it looked at has changed.
func (c *cluster) renderOnce(it *item, a *artifact) *rendering {
	key := it.renderKey(a)
	r := c.kept[key]
	if r == nil || !a.stillHolds(r.Seen) {
		r = c.render(it, a)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rendered[key] = r
	return r
}

// areNames tells whether no entry is more than a name or a path: only such may be kept.
func (l *kustomizeLists) areNames() bool {
	all := slices.Concat(l.Resources, l.Bases, l.Components, l.PatchesStrategicMerge)
	for _, patch := range l.Patches {
		all = append(all, patch.Path)
	}
	for _, g := range l.SecretGenerator {
		all = append(append(all, g.Envs...), g.Env)
		for _, file := range g.Files {
			key, name, _ := strings.Cut(file, "=")
			all = append(all, key, name)
		}
	}
	return !slices.ContainsFunc(all, isNoName)
}

// areNames tells whether nothing was asked for that is more than a path.
func (l lookups) areNames() bool {
	for question := range l {
		if isNoName(question) {
			return false
		}
	}
	return true
}

func isNoName(text string) bool { return secret.Name(text) != text }

// keepRenderings keeps what the cluster's paths came to, unless it is what was kept before. A Flux object with a secret
// in it cannot be kept, nor an object that a Secret takes something from: without that it may mean something else.
// Neither can one that took a text for a path.
func (c *cluster) keepRenderings(cache Cache) {
	all := renderings{}
	isSame := true
	clear := clearPlaces{}
	clear.add(c.clear)
	clear.taken(c.clear)
	for key, r := range c.rendered {
		hides := func(o rendered) bool { return o.whole != nil || !same(clear.redacted(&o.Object), o.Object.Content) }
		if r.Seen.areNames() && !slices.ContainsFunc(r.Objects, hides) {
			all[key] = r
			isSame = isSame && r == c.kept[key]
		}
	}
	if (!isSame || len(all) != len(c.kept)) && !c.tree.changed.Load() {
		cache.Put("cluster "+c.entry.cluster, all)
	}
}
