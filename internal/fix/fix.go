// Package fix makes the edits that findings bring, in memory, and keeps those that are proven to hold.
package fix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Source is a tree whose files may be changed, and what judges it.
type Source struct {
	*checkout.Checkout
	Contents *loader.Contents
	Engine   *engine.Engine
	// Named tells whether the user has named a file: no other is changed.
	Named func(file string) bool
}

// State is a tree as it is followed, and all that the rules find in it.
type State struct {
	Loaded          *fleet.Tree
	Fleet           *fleet.Fleet
	Found, Excepted []fleet.Finding
}

// Fixes are the fixes that hold, and what they come to.
type Fixes struct {
	// After is the tree with the fixes, Files the files that they change.
	After   State
	Files   map[string]File
	Refused []fleet.Refusal
	// NewlyVisible are the findings of a fixed object that only show now: Karmada refuses a policy for its first fault,
	// and what it says once that is gone is no reason to keep the first.
	NewlyVisible []fleet.Finding

	source Source
	before State
	edits  []fleet.Edit
	fixed  []fleet.Finding
}

// File is what a file holds before and after the fixes.
type File struct{ Old, New []byte }

// Make finds out which fixes hold, of the findings that are wanted. It writes nothing.
func Make(ctx context.Context, source Source, before State, wanted func(fleet.Finding) bool) (*Fixes, error) {
	f := &Fixes{source: source, before: before, After: before, Files: map[string]File{}}
	contested := contested(before.Found)
	var possible []fleet.Finding
	for _, found := range before.Found {
		if len(found.Edits) == 0 || !wanted(found) {
			continue
		}
		if why := f.forbids(found, contested); why != nil {
			f.Refused = append(f.Refused, fleet.Refusal{Finding: found, Why: why})
		} else {
			possible = append(possible, found)
		}
	}
	return f, f.settle(ctx, possible)
}

// Gone is the number of findings that are no more.
func (f *Fixes) Gone() int { return len(f.before.Found) - len(f.After.Found) + len(f.NewlyVisible) }

// Names are the files that change, sorted.
func (f *Fixes) Names() []string { return slices.Sorted(maps.Keys(f.Files)) }

// settle makes all of the fixes if they hold together; else it looks for those that do in each half.
func (f *Fixes) settle(ctx context.Context, findings []fleet.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	next, why, err := f.try(ctx, findings)
	switch half := len(findings) / 2; {
	case err != nil:
		return err
	case why == nil:
		*f = *next
		return nil
	case half == 0:
		f.Refused = append(f.Refused, fleet.Refusal{Finding: findings[0], Why: why})
		return nil
	default:
		return errors.Join(f.settle(ctx, findings[:half]), f.settle(ctx, findings[half:]))
	}
}

// try makes further fixes, or says why they do not hold.
func (f *Fixes) try(ctx context.Context, findings []fleet.Finding) (next *Fixes, why, err error) {
	n := *f
	n.Files, n.edits, n.fixed = maps.Clone(f.Files), slices.Clone(f.edits), append(slices.Clone(f.fixed), findings...)
	for _, found := range findings {
		for _, e := range found.Edits {
			if why, err := n.make(e); why != nil || err != nil {
				return nil, why, err
			}
		}
	}
	fsys, names := n.source.FS, n.Names()
	for _, name := range names {
		fsys = loader.Overlay(fsys, name, n.Files[name].New)
	}
	contents := n.source.Contents.With(fsys, names...)
	if n.After.Loaded, err = n.source.Follow(ctx, contents); err != nil {
		return nil, nil, err
	}
	if why := edit.Verify(n.before.Loaded, n.After.Loaded, n.edits); why != nil {
		return nil, why, nil
	}
	n.After.Fleet = n.source.Build(n.After.Loaded)
	if n.After.Found, n.After.Excepted, err = n.source.Engine.CheckAll(ctx, n.After.Fleet); err != nil {
		return nil, nil, err
	}
	contents.Locate(n.After.Found)
	contents.Locate(n.After.Excepted)
	return &n, n.worse(), nil
}

// make makes one edit, unless another finding has asked for the same.
func (f *Fixes) make(e fleet.Edit) (why, err error) {
	if slices.ContainsFunc(f.edits, func(other fleet.Edit) bool {
		return target(other) == target(e) && other.Value == e.Value
	}) {
		return nil, nil
	}
	file, begun := f.Files[e.Origin.File]
	if !begun {
		if file.Old, err = fs.ReadFile(f.source.FS, e.Origin.File); err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Origin.File, checkout.Cause(err))
		}
		file.New = file.Old
	}
	if file.New, why = edit.Apply(file.New, []fleet.Edit{e}); why != nil {
		return why, nil
	}
	f.Files[e.Origin.File] = file
	f.edits = append(f.edits, e)
	return nil, nil
}

// worse says what is wrong after the fixes that should not be: what was to be fixed, or what was not there before and
// is graver, or about another object.
func (f *Fixes) worse() error {
	before, gone := map[string]int{}, map[string]bool{}
	for _, found := range f.before.Found {
		before[identity(found)]++
	}
	for _, fixed := range f.fixed {
		gone[identity(fixed)] = true
	}
	shows := func(found fleet.Finding) bool {
		return slices.ContainsFunc(f.fixed, func(fixed fleet.Finding) bool {
			return found.Object == fixed.Object && found.Severity.Rank() <= fixed.Severity.Rank()
		})
	}
	f.NewlyVisible = nil
	for _, found := range f.After.Found {
		id := identity(found)
		if gone[id] {
			return errors.New("the finding stays")
		}
		if before[id]--; before[id] >= 0 {
			continue
		}
		if f.NewlyVisible = append(f.NewlyVisible, found); !shows(found) {
			return fmt.Errorf("it brings a finding of %s: %s", found.Rule, found.Message)
		}
	}
	return nil
}

// identity is what of a finding stays when others are fixed: its words and lines may change. An entry of a list is its
// place, not its name as in fleet.Identity: a fix may change a name, and moves no entry.
func identity(f fleet.Finding) string {
	return fmt.Sprintf("%s %q %q %v %q", f.Rule, f.Object, f.Place.File, f.Place.Origin, f.Field)
}

// forbids says why a fix is not even tried.
func (f *Fixes) forbids(found fleet.Finding, contested map[string]bool) error {
	for _, e := range found.Edits {
		name := e.Origin.File
		file, known := f.before.Fleet.Files[name]
		switch {
		case !known:
			return fmt.Errorf("%q is no file of the tree", name)
		case file.Class == fleet.Template || file.Class == fleet.Text || len(file.Problems) > 0:
			return fmt.Errorf("%q cannot be read as it was meant", name)
		case !f.source.Named(name):
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
