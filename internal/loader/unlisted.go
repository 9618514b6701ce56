package loader

import (
	"path"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// unlistedIn is the kustomization file in the folder of a file that nothing reconciles, if Flux reads the former,
// it has no word for the latter (what is put aside is often still there in a comment), and no other kustomization
// file lists it. For a file with a Flux Kustomization or an object of Karmada's it is the next one above, whether
// or not another lists the file.
func (t *tree) unlistedIn(f *file, reached map[string][]string) string {
	leads := slices.ContainsFunc(f.docs, func(d document) bool {
		return isFluxKustomization(d.APIVersion, d.Kind) || d.IsKarmada()
	})
	if len(reached[f.path]) > 0 || f.class != fleet.Manifest || hidden(f.path) || inTemplate(f.path) ||
		t.lists.patches[f.path] || !leads && len(t.lists.listedIn[f.path]) > 0 {
		return ""
	}
	for dir := path.Dir(f.path); ; dir = path.Dir(dir) {
		for _, name := range kustomizeFiles {
			list := t.files[path.Join(dir, name)]
			switch {
			case list == nil || len(reached[list.path]) == 0:
			case mentions(list.text(), dir, f.path):
				return ""
			default:
				return list.path
			}
		}
		if dir == "." || !leads {
			return ""
		}
	}
}

// inTemplate tells a file in a folder that is copied for each new cluster or tenant.
func inTemplate(file string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(file), "/"), isTemplate)
}

// mentions tells whether a text in a folder names a file, or a folder on the way to it.
func mentions(text []byte, dir, name string) bool {
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool {
		return strings.ContainsRune(" \t\r\n\"'#,[]{}:", r)
	}) {
		at := path.Join(dir, word)
		if at == name || at != dir && strings.HasPrefix(name, at+"/") {
			return true
		}
	}
	return false
}
