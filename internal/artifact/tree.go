package artifact

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// tree is a file system in memory. It never changes once it is unpacked.
type tree struct {
	nodes map[string]*node // by path
}

// node is a file or a folder, and its own fs.FileInfo and fs.DirEntry.
type node struct {
	name string
	size int64
	// data is nil for a folder, and for a file that is too large to be kept.
	data []byte
	// children are a folder's, by name; nil for a file.
	children []fs.DirEntry
	dir      bool
}

func newTree() *tree {
	return &tree{nodes: map[string]*node{".": {name: ".", dir: true}}}
}

// addDir adds a folder, and those above it. It may be there.
func (t *tree) addDir(name string) error {
	if n, ok := t.nodes[name]; ok {
		if !n.dir {
			return fmt.Errorf("%q is both a file and a folder", name)
		}
		return nil
	}
	return t.add(name, &node{name: path.Base(name), dir: true})
}

func (t *tree) addFile(name string, data []byte, size int64) error {
	if n, ok := t.nodes[name]; ok {
		if n.dir {
			return fmt.Errorf("%q is both a file and a folder", name)
		}
		return fmt.Errorf("%q is there twice", name)
	}
	return t.add(name, &node{name: path.Base(name), data: data, size: size})
}

func (t *tree) add(name string, n *node) error {
	parent := path.Dir(name)
	if err := t.addDir(parent); err != nil {
		return err
	}
	t.nodes[name] = n
	t.nodes[parent].children = append(t.nodes[parent].children, n)
	return nil
}

func (t *tree) sort() {
	for _, n := range t.nodes {
		slices.SortFunc(n.children, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
}

func (t *tree) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, ok := t.nodes[name]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Open opens a file or folder.
func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return &openDir{node: n, path: name}, nil
	}
	return &openFile{node: n, path: name, Reader: bytes.NewReader(n.data)}, nil
}

// Stat describes a file or folder.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.find("stat", name) }

// ReadDir lists a folder by name.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fmt.Errorf("not a folder")}
	}
	return slices.Clone(n.children), nil
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.dir }
func (n *node) Sys() any                   { return nil }
func (n *node) Type() fs.FileMode          { return n.Mode().Type() }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }
func (n *node) String() string             { return fs.FormatDirEntry(n) }

func (n *node) Mode() fs.FileMode {
	if n.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type openFile struct {
	*node
	*bytes.Reader
	path string
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFile) Size() int64                { return f.node.size }
func (f *openFile) Close() error               { return nil }

func (f *openFile) Read(p []byte) (int, error) {
	if f.data == nil {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: fmt.Errorf("its %d bytes were not kept", f.size)}
	}
	return f.Reader.Read(p)
}

type openDir struct {
	*node
	path string
	read int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.node, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: fmt.Errorf("a folder")}
}

// ReadDir lists the next n entries, as fs.ReadDirFile has it.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.children[d.read:]
	if n > 0 {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		rest = rest[:min(n, len(rest))]
	}
	d.read += len(rest)
	return slices.Clone(rest), nil
}
