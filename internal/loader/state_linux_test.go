package loader_test

import (
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// disk is a tree whose files have an inode and times, and that remembers which files were opened.
type disk struct {
	fstest.MapFS
	mu     sync.Mutex
	opened []string
}

func (d *disk) Open(name string) (fs.File, error) {
	if f := d.MapFS[name]; f != nil && !f.Mode.IsDir() {
		d.mu.Lock()
		d.opened = append(d.opened, name)
		d.mu.Unlock()
	}
	return d.MapFS.Open(name)
}

// write writes a file at a time that the file system tells.
func (d *disk) write(name, text string, at time.Time) {
	now := syscall.NsecToTimespec(at.UnixNano())
	d.MapFS[name] = &fstest.MapFile{Data: []byte(text), Sys: &syscall.Stat_t{
		Ino: 1, Size: int64(len(text)), Mtim: now, Ctim: now}}
}

// A file that has been left alone since the last run is not opened, and one that may have been written is.
func TestUntouchedFiles(t *testing.T) {
	old, recent := time.Now().Add(-time.Hour), time.Now()
	config := func(name string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: n}\n"
	}
	d := &disk{MapFS: fstest.MapFS{}}
	d.write("clusters/a/root.yaml", root, old)
	d.write("clusters/a/x.yaml", config("one"), old)
	d.write("clusters/a/y.yaml", config("two"), old)
	d.write("notes.txt", "text", old)
	dir := t.TempDir()
	for _, step := range []struct {
		name   string
		change func()
		opened []string
	}{
		{"at first", func() {}, slices.Sorted(maps.Keys(d.MapFS))},
		{"left alone", func() {}, []string{"clusters/a/root.yaml"}}, // where Flux starts
		{"written later", func() {
			d.write("clusters/a/x.yaml", config("six"), old.Add(time.Minute))
		}, []string{"clusters/a/x.yaml", "clusters/a/y.yaml", "clusters/a/root.yaml"}},
		{"written now", func() { d.write("clusters/a/x.yaml", config("ten"), recent) }, nil},
		{"and at once again", func() { d.write("clusters/a/x.yaml", config("abc"), recent) }, nil},
		{"the same times, another text", func() {
			d.write("clusters/a/x.yaml", config("def"), recent) // read, and with it the others
			d.write("clusters/a/y.yaml", config("lie"), old)
		}, nil},
	} {
		step.change()
		d.opened = nil
		got := text(t, cached(t, dir, d))
		opened := d.opened
		if want := text(t, load(t, d.MapFS)); got != want {
			t.Errorf("%s, with a cache:\n%s\nwithout:\n%s", step.name, got, want)
		}
		slices.Sort(opened)
		slices.Sort(step.opened)
		if step.opened != nil && !slices.Equal(slices.Compact(opened), step.opened) {
			t.Errorf("%s: opened %q, want %q", step.name, opened, step.opened)
		}
	}
}
