package example_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// The line of a finding holds what its message names: in all trees of testdata, and in those that
// ROLLCALL_CORPUS=folder[:folder…] names.
func TestPositions(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append([]string{"../../testdata/seed", "../../testdata/fleet"},
		filepath.SplitList(os.Getenv("ROLLCALL_CORPUS"))...) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			fsys, err := loader.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			holdPositions(t, e, fsys)
		})
	}
	archives, err := filepath.Glob("../../testdata/rules/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(archives, "../../testdata/traps.txtar") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		trees, err := example.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+tree.Name, func(t *testing.T) {
				holdPositions(t, e, tree.Files)
			})
		}
	}
}

func holdPositions(t *testing.T, e *engine.Engine, fsys fs.FS) {
	c, err := config.Read(fsys, config.Name)
	if err != nil {
		t.Fatal(err)
	}
	read, err := loader.Load(context.Background(), fsys, loader.Options{Exclude: c.Exclude})
	if err != nil {
		t.Fatal(err)
	}
	found, err := e.Check(t.Context(), fleet.Build(read, c.Declared()))
	if err != nil {
		t.Fatal(err)
	}
	loader.Locate(fsys, found)
	for _, f := range found {
		if f.Place.Line == 0 {
			continue
		}
		data, err := fs.ReadFile(fsys, f.Place.File)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(data), "\n")
		if f.Place.Line > len(lines) {
			t.Errorf("%s:%d is not in the file: %s", f.Place.File, f.Place.Line, f.Rule)
		} else if !namesNothing(f) && !isFile(f) && !names(f, lines[f.Place.Line-1]) {
			t.Errorf("%s:%d %v does not hold what is named: %s [%s]", f.Place.File, f.Place.Line, f.Field, f.Message,
				f.Rule)
		}
	}
}

var (
	quotedName = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	bareName   = regexp.MustCompile(`\b[A-Z0-9_]+\b`) // of a variable, or a number
)

// names tells whether the line holds a name or a number of the message, or the field's last name.
func names(f fleet.Finding, line string) bool {
	for _, quoted := range quotedName.FindAllString(f.Message, -1) {
		name, err := strconv.Unquote(quoted)
		if err == nil && name != "" && (strings.Contains(line, name) || strings.Contains(line, path.Base(name))) {
			return true
		}
	}
	words := bareName.FindAllString(line, -1)
	if slices.ContainsFunc(bareName.FindAllString(f.Message, -1), func(n string) bool {
		return slices.Contains(words, n)
	}) {
		return true
	}
	if n := len(f.Field); n > 0 && strings.HasPrefix(strings.TrimSpace(line), "- ") {
		if _, isKey := f.Field[n-1].(string); !isKey {
			return true // an entry as a whole
		}
	}
	for _, step := range slices.Backward(f.Field) {
		if key, ok := step.(string); ok {
			return strings.Contains(line, key)
		}
	}
	return false
}

// isFile tells a message about the kustomization file of a folder as a whole: the file is what it names.
func isFile(f fleet.Finding) bool {
	return len(f.Field) == 0 && strings.Contains(f.Message, strconv.Quote(path.Dir(f.Place.File)))
}

// namesNothing tells a message that names nothing: text that does not parse, a literal without a key.
func namesNothing(f fleet.Finding) bool {
	return f.Rule == "file-parses" || !strings.Contains(f.Message, `"`)
}
