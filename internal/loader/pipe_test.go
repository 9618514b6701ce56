//go:build unix

package loader_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/engine"
)

// A named pipe waits for its writer, who never comes.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clusters/a/root.yaml", root)
	write(t, dir, "clusters/a/good.yaml", good)
	write(t, dir, "policy/lib/x.txt", "")
	for _, name := range []string{"clusters/a/pipe.yaml", "policy/pipe.rego"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree := open(t, dir)
	wantGood(t, load(t, tree))
	if _, err := fs.ReadFile(tree, "clusters/a/pipe.yaml"); err == nil ||
		!strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v", err)
	}
	policy, err := fs.Sub(tree, "policy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.New(t.Context(), engine.Options{Dirs: []fs.FS{policy}}); err == nil ||
		!strings.Contains(err.Error(), "pipe.rego: not a regular file") {
		t.Errorf("error %v", err)
	}
}
