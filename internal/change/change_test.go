package change_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
)

var update = flag.Bool("update", false, "write what comes out into the cases")

// TestCompare compares the trees "before" and "after" of each case: a file of before that after has no word of is in
// both, and one that is empty in after is not there. "want" is what is said.
func TestCompare(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			d := compareCase(t, archive)
			var got bytes.Buffer
			if err := d.WriteText(&got); err != nil {
				t.Fatal(err)
			}
			want := &archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				t.Fatal("the last file is not want")
			}
			if *update {
				want.Data = got.Bytes()
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != string(want.Data) {
				t.Errorf("got\n%swant\n%s", got.String(), want.Data)
			}
		})
	}
}

func compareCase(t *testing.T, archive *txtar.Archive) change.Document {
	t.Helper()
	before, after := &txtar.Archive{}, &txtar.Archive{}
	own := map[string]bool{}
	for _, f := range archive.Files {
		if rest, ok := bytes.CutPrefix([]byte(f.Name), []byte("after/")); ok {
			own[string(rest)] = true
			if len(bytes.TrimSpace(f.Data)) > 0 {
				after.Files = append(after.Files, txtar.File{Name: string(rest), Data: f.Data})
			}
		}
	}
	for _, f := range archive.Files {
		if rest, ok := bytes.CutPrefix([]byte(f.Name), []byte("before/")); ok {
			f.Name = string(rest)
			before.Files = append(before.Files, f)
			if !own[f.Name] {
				after.Files = append(after.Files, f)
			}
		}
	}
	a, b := folder(t, before), folder(t, after)
	x := checkoutOf(t, a)
	contents, err := x.Contents(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	read, err := x.Follow(t.Context(), contents)
	if err != nil {
		t.Fatal(err)
	}
	was := change.Side{Revision: change.Revision{Name: "before"}, FS: a, Tree: read, Fleet: x.Build(read)}
	y := checkoutOf(t, b)
	next, err := contents.Again(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if read, err = y.Follow(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	is := change.Side{Revision: change.Revision{Name: "after"}, FS: b, Tree: read, Fleet: y.Build(read)}
	return change.Compare(was, is, contents.Changed(next))
}

func checkoutOf(t *testing.T, fsys fs.FS) *checkout.Checkout {
	t.Helper()
	c := &checkout.Checkout{FS: fsys, Name: "."}
	if err := c.Configure(fsys, config.Name); err != nil {
		t.Fatal(err)
	}
	return c
}

func folder(t *testing.T, archive *txtar.Archive) fs.FS {
	t.Helper()
	fsys, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}
