package loader_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

var update = flag.Bool("update", false, "write what is read into the want section of each case")

// Each case is a tree and, as its last file, what is read of it.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			last := len(archive.Files) - 1
			if archive.Files[last].Name != "want" {
				t.Fatal("the last file of a case is called want")
			}
			got := describe(load(t, tree(archive.Files[:last])))
			if *update {
				archive.Files[last].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(archive.Files[last].Data); got != want {
				t.Errorf("read:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func tree(files []txtar.File) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

func load(t *testing.T, fsys fs.FS) *fleet.Tree {
	t.Helper()
	got, err := loader.Load(context.Background(), fsys, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// describe writes a tree down for a reader: one line for each cluster, Kustomization, object and problem.
func describe(tree *fleet.Tree) string {
	var b bytes.Buffer
	for _, c := range tree.Clusters {
		fmt.Fprintf(&b, "cluster %s at %s declared=%v variables=%v\n", c.Name, c.Entry, c.Declared, c.Variables)
		for _, inc := range c.Incomplete {
			fmt.Fprintf(&b, "  incomplete: %s: %s (%s)\n", inc.Kind, inc.Why, at(inc.Origin, nil))
		}
	}
	for _, k := range tree.Kustomizations {
		fmt.Fprintf(&b, "kustomization %s path=%s %s build=%s api=%s decryption=%q from %s", k.ID, k.Path, k.PathState,
			k.Build, k.APIServer, k.Decryption, at(k.Origin, nil))
		if k.Suspended {
			b.WriteString(" suspended")
		}
		b.WriteString("\n")
		for _, p := range k.Problems {
			fmt.Fprintf(&b, "  %s: %s (%s)\n", p.Kind, p.Message, at(p.Origin, p.At))
		}
		for _, inc := range k.Incomplete {
			fmt.Fprintf(&b, "  incomplete: %s: %s (%s)\n", inc.Kind, inc.Why, at(inc.Origin, nil))
		}
		for _, d := range k.DependsOn {
			fmt.Fprintf(&b, "  depends on %s/%s %s %s\n", d.Namespace, d.Name, d.State, d.OtherKind)
		}
		for _, v := range k.Undefined {
			fmt.Fprintf(&b, "  undefined %s (%s)\n", v.Name, at(v.Origin, v.Field))
		}
		for _, e := range k.Encrypted {
			fmt.Fprintf(&b, "  encrypted %s\n", at(e, nil))
		}
	}
	for _, o := range tree.Objects {
		fmt.Fprintf(&b, "object %s by %s from %s", o.ID, o.Kustomization, at(o.Origin, nil))
		if spec, ok := o.Content["data"]; ok {
			fmt.Fprintf(&b, " data=%v", spec)
		}
		b.WriteString("\n")
	}
	for _, o := range tree.Unreached {
		fmt.Fprintf(&b, "unreached %s from %s\n", o.ID, at(o.Origin, nil))
	}
	for _, f := range tree.Files {
		for _, p := range f.Problems {
			fmt.Fprintf(&b, "file %s %s %s:%d:%d: %s %v\n", f.Path, f.Class, p.Kind, p.Line, p.Column, p.Message,
				f.ReachedBy)
		}
		for _, d := range f.KeyDrift {
			fmt.Fprintf(&b, "drift %s#%d missing %q extra %q by %s\n", f.Path, d.Document, d.Missing, d.Extra,
				at(d.Rule, nil))
		}
		for _, e := range f.Exceptions {
			fmt.Fprintf(&b, "exception %s:%d:%d document=%d rule=%q reason=%q\n", f.Path, e.Line, e.Column, e.Document,
				e.Rule, e.Reason)
		}
	}
	return b.String()
}

func at(o fleet.Origin, field []any) string {
	s := fmt.Sprintf("%s#%d", o.File, o.Document)
	for _, step := range append(append([]any{}, o.Field...), field...) {
		s += fmt.Sprintf(".%v", step)
	}
	return s
}
