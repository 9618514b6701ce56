package loader

import (
	"path"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// lookups are questions about an artifact and their answers. What a build comes to depends on nothing else: where the
// answers are still the same, so is the build.
type lookups map[string]string

// The questions, each with a path.
const (
	askFile   = "file "   // what is the file's content?
	askFolder = "folder " // is there such a folder?
	askList   = "list "   // what is in the folder?
)

// view is an artifact that remembers what it was asked. Not safe for concurrent use.
type view struct {
	*artifact
	seen lookups
	// read are the files of which the library has read the content itself: what a generator in a file of its own names.
	read map[string]bool
}

func (a *artifact) watched() *view { return &view{a, lookups{}, map[string]bool{}} }

func (v *view) ask(question string) {
	if _, asked := v.seen[question]; !asked {
		v.seen[question] = v.answer(question)
	}
}

func (a *artifact) answer(question string) string {
	kind, p, _ := strings.Cut(question, " ")
	switch kind + " " {
	case askFile:
		f := a.tree.file(p)
		switch {
		case f == nil && a.tree.isDir(p):
			return "folder"
		case f == nil:
			return ""
		case f.symlink:
			return "link"
		case a.file(p) == nil:
			return "ignored"
		}
		if f.class == fleet.Template { // as it may be for what lies beside it: a chart
			return "template " + f.hash
		}
		return f.hash
	case askFolder:
		if a.isDir(p) {
			return "folder"
		}
	case askList:
		var names strings.Builder
		for _, child := range a.tree.dirs[p] {
			names.WriteString(path.Base(child) + "\n")
			if a.tree.isDir(child) {
				names.WriteString("/")
			}
		}
		return hash([]byte(names.String()))
	}
	return ""
}

// stillHolds tells whether all questions get the same answers.
func (a *artifact) stillHolds(seen lookups) bool {
	for question, answer := range seen {
		if a.answer(question) != answer {
			return false
		}
	}
	return true
}

func (v *view) file(p string) *file {
	v.ask(askFile + p)
	return v.artifact.file(p)
}

func (v *view) isDir(p string) bool {
	v.ask(askFolder + p)
	return v.artifact.isDir(p)
}

// children are the paths in a folder of the tree, whether or not the artifact has them.
func (v *view) children(dir string) []string {
	v.ask(askList + dir)
	return v.tree.dirs[dir]
}

// kustomizeFile is the kustomization file in a folder, as kustomize recognises it; nil where there is none.
func (v *view) kustomizeFile(dir string) *file {
	for _, name := range kustomizeFiles {
		if f := v.file(path.Join(dir, name)); f != nil {
			return f
		}
	}
	return nil
}

// kustomizeFiles are the names of a kustomization file.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 konfig/general.go RecognizedKustomizationFileNames.
var kustomizeFiles = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}
