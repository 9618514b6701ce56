package engine_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// What a file that cannot be read was to bring is not known: the file is the only error, whatever the fleet lacks for
// want of it. Where a file is not there, what it was to bring is not there either: a member may be left without an
// agent, objects without a namespace.
func TestOneFileLost(t *testing.T) {
	e, files, c, names := testFleet(t)
	errors := func(t *testing.T, files fstest.MapFS) (found []fleet.Finding) {
		return slices.DeleteFunc(check(t, e, files, c), func(f fleet.Finding) bool { return f.Severity != fleet.Error })
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := maps.Clone(files)
			lost[name] = &fstest.MapFile{Data: append(bytes.Clone(files[name].Data), "\n}: {\n"...)}
			if found := errors(t, lost); len(found) != 1 || found[0].Rule != "file-parses" ||
				found[0].Place.File != name {
				t.Errorf("unreadable: %v", found)
			}
			delete(lost, name)
			for _, f := range errors(t, lost) {
				if !slices.Contains([]string{"kustomize-builds", "kustomization-path-exists", "member-has-agent",
					"namespace-given"}, f.Rule) {
					t.Errorf("not there: %v", f)
				}
			}
		})
	}
}
