package cli

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fix"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/report"
)

// makeFixes finds out which fixes hold, of the findings that are wanted.
func makeFixes(ctx context.Context, t *tree, c *checked, wanted func(fleet.Finding) bool) (*fix.Fixes, error) {
	source := fix.Source{Checkout: &t.Checkout, Contents: c.contents, Engine: c.engine, Named: t.names}
	return fix.Make(ctx, source, fix.State{Loaded: c.loaded, Fleet: c.fleet, Found: c.found, Excepted: c.excepted},
		wanted)
}

// fixed makes the fixes of what was named, and gives the verdict on the tree as they leave it. With --diff and
// --stdin-filename it writes them to stdout, and there is no verdict; else into the files.
func (l *lint) fixed(ctx context.Context, t *tree, p *progress) (*fix.Fixes, *verdict, error) {
	c, err := l.check(ctx, t, nil, p)
	if err = cmp.Or(err, c.stopped); err != nil {
		return nil, nil, err
	}
	p.say("trying the fixes")
	reach := reachOf(c.fleet, c.found)
	fixes, err := makeFixes(ctx, t, c, func(f fleet.Finding) bool { return l.wanted(f) && t.concerns(f, reach) })
	if err != nil {
		return nil, nil, err
	}
	after := *c
	after.loaded, after.fleet, after.found, after.excepted = fixes.After.Loaded, fixes.After.Fleet, fixes.After.Found,
		fixes.After.Excepted
	p.stop()
	switch {
	case l.diff:
		return nil, nil, l.writeDiff(after.verdict().report(t), fixes)
	case l.stdinFilename != "":
		return nil, nil, l.writeBuffer(t, fixes)
	}
	return fixes, after.verdict(), fixes.Write(t.root, func(name string) string {
		return t.seen(filepath.Join(t.root, name))
	})
}

// writeDiff shows what --fix writes.
func (l *lint) writeDiff(r *report.Report, fixes *fix.Fixes) error {
	for _, name := range fixes.Names() {
		if err := r.Diff(l.stdout, name, fixes.Files[name].Old, fixes.Files[name].New, l.colors()); err != nil {
			return fmt.Errorf("write to stdout: %w", checkout.Cause(err))
		}
	}
	if err := r.WriteFixes(l.stderr, summary(fixes), "would be fixed"); err != nil {
		return err
	}
	if len(fixes.Files) > 0 {
		return errFindings
	}
	return nil
}

// writeBuffer writes the editor's buffer with its fixes, as a formatter does.
func (l *lint) writeBuffer(t *tree, fixes *fix.Fixes) error {
	name := t.named[0]
	buffer, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, checkout.Cause(err))
	}
	if file, changed := fixes.Files[name]; changed {
		buffer = file.New
	}
	if _, err := l.stdout.Write(buffer); err != nil {
		return fmt.Errorf("write to stdout: %w", checkout.Cause(err))
	}
	return nil
}

// summary is what the fixes come to.
func summary(f *fix.Fixes) report.Fixes {
	return report.Fixes{Gone: f.Gone(), Files: len(f.Files), Refused: f.Refused, NewlyVisible: f.NewlyVisible}
}
