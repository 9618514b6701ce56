package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
)

// mending tries fixes on the tree in memory: what holds is written only then.
type mending struct {
	*tree
	*checked
	// after is the tree with the fixes that hold, files their content as it is and as it would be, and edits what makes it so.
	after   judged
	files   map[string]content
	edits   []fleet.Edit
	fixed   []fleet.Finding
	refused []report.Refusal
	// uncovered are the findings of the object that was fixed that only show now: Karmada refuses a policy for its first
	// fault, and what it says once that is gone is no reason to keep the first.
	uncovered []fleet.Finding
}

// content is what a file holds before and after the fixes.
type content struct{ old, new []byte }

// mend finds out which fixes hold, of the findings that are wanted.
func mend(ctx context.Context, t *tree, c *checked, wanted func(fleet.Finding) bool) (*mending, error) {
	m := &mending{tree: t, checked: c, after: c.judged, files: map[string]content{}}
	contested := contested(c.found)
	var possible []fleet.Finding
	for _, f := range c.found {
		if len(f.Edits) == 0 || !wanted(f) {
			continue
		}
		if why := m.forbids(f, contested); why != nil {
			m.refused = append(m.refused, report.Refusal{Finding: f, Why: why})
		} else {
			possible = append(possible, f)
		}
	}
	return m, m.settle(ctx, possible)
}

// settle makes all of the fixes if they hold together; else it looks for those that do in each half.
func (m *mending) settle(ctx context.Context, findings []fleet.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	next, why, err := m.try(ctx, findings)
	switch half := len(findings) / 2; {
	case err != nil:
		return err
	case why == nil:
		*m = *next
		return nil
	case half == 0:
		m.refused = append(m.refused, report.Refusal{Finding: findings[0], Why: why})
		return nil
	default:
		return errors.Join(m.settle(ctx, findings[:half]), m.settle(ctx, findings[half:]))
	}
}

// try makes further fixes, or says why they do not hold.
func (m *mending) try(ctx context.Context, findings []fleet.Finding) (next *mending, why, err error) {
	n := *m
	n.files, n.edits, n.fixed = maps.Clone(m.files), slices.Clone(m.edits), append(slices.Clone(m.fixed), findings...)
	for _, f := range findings {
		for _, e := range f.Edits {
			if why, err := n.make(e); why != nil || err != nil {
				return nil, why, err
			}
		}
	}
	fsys, names := n.FS, slices.Sorted(maps.Keys(n.files))
	for _, name := range names {
		fsys = loader.Overlay(fsys, name, n.files[name].new)
	}
	contents := n.contents.With(fsys, names...)
	if n.after.loaded, err = n.Follow(ctx, contents); err != nil {
		return nil, nil, err
	}
	if why := edit.Verify(n.loaded, n.after.loaded, n.edits); why != nil {
		return nil, why, nil
	}
	n.after.fleet = n.Build(n.after.loaded)
	if n.after.found, n.after.excepted, err = n.engine.CheckAll(ctx, n.after.fleet); err != nil {
		return nil, nil, err
	}
	contents.Locate(n.after.found)
	contents.Locate(n.after.excepted)
	return &n, n.worse(), nil
}

// make makes one edit, unless another finding has asked for the same.
func (m *mending) make(e fleet.Edit) (why, err error) {
	if slices.ContainsFunc(m.edits, func(other fleet.Edit) bool { return target(other) == target(e) && other.Value == e.Value }) {
		return nil, nil
	}
	file, begun := m.files[e.Origin.File]
	if !begun {
		if file.old, err = fs.ReadFile(m.FS, e.Origin.File); err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Origin.File, checkout.Cause(err))
		}
		file.new = file.old
	}
	if file.new, why = edit.Apply(file.new, []fleet.Edit{e}); why != nil {
		return why, nil
	}
	m.files[e.Origin.File] = file
	m.edits = append(m.edits, e)
	return nil, nil
}

// worse says what is wrong after the fixes that should not be: what was to be fixed, or what was not there before and is
// graver, or about another object.
func (m *mending) worse() error {
	before, gone := map[string]int{}, map[string]bool{}
	for _, f := range m.found {
		before[identity(f)]++
	}
	for _, f := range m.fixed {
		gone[identity(f)] = true
	}
	uncovers := func(f fleet.Finding) bool {
		return slices.ContainsFunc(m.fixed, func(fixed fleet.Finding) bool {
			return f.Object == fixed.Object && gravity(f) <= gravity(fixed)
		})
	}
	m.uncovered = nil
	for _, f := range m.after.found {
		id := identity(f)
		if gone[id] {
			return errors.New("the finding would stay")
		}
		if before[id]--; before[id] >= 0 {
			continue
		}
		if m.uncovered = append(m.uncovered, f); !uncovers(f) {
			return fmt.Errorf("it would bring a finding of %s: %s", f.Rule, f.Message)
		}
	}
	return nil
}

func gravity(f fleet.Finding) int {
	return slices.Index([]fleet.Severity{fleet.Info, fleet.Warning, fleet.Error}, f.Severity)
}

// identity is what of a finding stays when others are fixed: its words and lines may change. An entry of a list is its place,
// not its name as in fleet.Identity: a fix may change a name, and moves no entry.
func identity(f fleet.Finding) string {
	return fmt.Sprintf("%s %q %q %v %q", f.Rule, f.Object, f.Place.File, f.Place.Origin, f.Field)
}

// forbids says why a fix is not even tried.
func (m *mending) forbids(f fleet.Finding, contested map[string]bool) error {
	for _, e := range f.Edits {
		name := e.Origin.File
		file, known := m.fleet.Files[name]
		switch {
		case !known:
			return fmt.Errorf("%q is no file of the tree", name)
		case file.Class == fleet.Template || file.Class == fleet.Text || len(file.Problems) > 0:
			return fmt.Errorf("%q cannot be read as it was meant", name)
		case !m.names(name):
			return fmt.Errorf("%q was not named", name)
		case contested[target(e)]:
			return errors.New("another finding wants another value there")
		}
	}
	return nil
}

// contested are the places for which findings want different values.
func contested(found []fleet.Finding) map[string]bool {
	wanted, contested := map[string]any{}, map[string]bool{}
	for _, f := range found {
		for _, e := range f.Edits {
			at := target(e)
			if other, ok := wanted[at]; ok && !reflect.DeepEqual(other, e.Value) && e.Field[len(e.Field)-1] != "-" {
				contested[at] = true
			}
			wanted[at] = e.Value
		}
	}
	return contested
}

// target is the place that an edit changes.
func target(e fleet.Edit) string {
	return fmt.Sprintf("%s %d %q", e.Origin.File, e.Origin.Document, e.Path())
}

// writeDiff shows what would be written.
func (l *lint) writeDiff(m *mending) error {
	r := m.verdict().report(m.tree)
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		if err := r.Diff(l.stdout, name, m.files[name].old, m.files[name].new, l.colors()); err != nil {
			return fmt.Errorf("write to stdout: %w", checkout.Cause(err))
		}
	}
	if err := r.WriteFixes(l.stderr, m.fixes(), "would be fixed"); err != nil {
		return err
	}
	if len(m.files) > 0 {
		return errFindings
	}
	return nil
}

// writeBuffer writes the editor's buffer as it would be, as a formatter does.
func (l *lint) writeBuffer(m *mending) error {
	name := m.named[0]
	buffer, err := fs.ReadFile(m.FS, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, checkout.Cause(err))
	}
	if file, changed := m.files[name]; changed {
		buffer = file.new
	}
	if _, err := l.stdout.Write(buffer); err != nil {
		return fmt.Errorf("write to stdout: %w", checkout.Cause(err))
	}
	return nil
}

// fixes is what the mending comes to.
func (m *mending) fixes() report.Fixes {
	gone := len(m.found) - len(m.after.found) + len(m.uncovered)
	return report.Fixes{Gone: gone, Files: len(m.files), Refused: m.refused, Uncovered: m.uncovered}
}

// write writes the files, each as a whole or not at all.
func (m *mending) write() error {
	if len(m.files) == 0 {
		return nil
	}
	root, err := os.OpenRoot(m.root)
	if err != nil {
		return fmt.Errorf("open %s: %w", m.Name, checkout.Cause(err))
	}
	defer root.Close()
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		if err := replace(root, filepath.FromSlash(name), m.files[name]); err != nil {
			return fmt.Errorf("write %s: %w", m.seen(filepath.Join(m.root, name)), checkout.Cause(err))
		}
	}
	return nil
}

// replace puts a file in the place of one that is still as it was read.
func replace(root *os.Root, name string, file content) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	now, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || !bytes.Equal(now, file.old) {
		return errors.New("it has changed in the meantime")
	}
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
	out, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = out.Write(file.new)
	if err = errors.Join(err, out.Chmod(info.Mode().Perm()), out.Sync(), out.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	return err
}
