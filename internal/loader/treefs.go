package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// treeFS is the artifact as kustomize sees it, rooted at "/": read only, with the texts of one build in place of the
// files' own.
type treeFS struct {
	artifact *view
	texts    map[string][]byte
}

var errReadOnly = errors.New("the tree is read only")

func inTree(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

func (t treeFS) Create(string) (filesys.File, error)  { return nil, errReadOnly }
func (t treeFS) Mkdir(string) error                   { return errReadOnly }
func (t treeFS) MkdirAll(string) error                { return errReadOnly }
func (t treeFS) RemoveAll(string) error               { return errReadOnly }
func (t treeFS) WriteFile(string, []byte) error       { return errReadOnly }
func (t treeFS) Open(string) (filesys.File, error)    { return nil, errReadOnly }
func (t treeFS) Glob(string) ([]string, error)        { return nil, nil }
func (t treeFS) Walk(string, filepath.WalkFunc) error { return errReadOnly }
func (t treeFS) IsDir(p string) bool                  { return t.artifact.isDir(inTree(p)) }
func (t treeFS) Exists(p string) bool                 { return t.IsDir(p) || t.has(inTree(p)) }
func (t treeFS) has(p string) bool {
	_, ok := t.texts[p]
	return ok || t.artifact.file(p) != nil
}

func (t treeFS) ReadDir(p string) ([]string, error) {
	p = inTree(p)
	if !t.artifact.isDir(p) {
		return nil, &fs.PathError{Op: "readdir", Path: p, Err: fs.ErrNotExist}
	}
	var names []string
	for _, child := range t.artifact.children(p) {
		if t.Exists(child) {
			names = append(names, path.Base(child))
		}
	}
	return names, nil
}

func (t treeFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	p = inTree(p)
	switch {
	case t.IsDir(p):
		return filesys.ConfirmedDir(path.Join("/", p)), "", nil
	case t.has(p):
		return filesys.ConfirmedDir(path.Join("/", path.Dir(p))), path.Base(p), nil
	}
	return "", "", fmt.Errorf("'%s' doesn't exist", p)
}

func (t treeFS) ReadFile(p string) ([]byte, error) {
	p = inTree(p)
	if text, ok := t.texts[p]; ok {
		return text, nil
	}
	f := t.artifact.file(p)
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
	}
	t.artifact.read[p] = true
	if !f.unread {
		return f.text(), nil
	}
	return t.artifact.tree.read(p, maxText)
}
