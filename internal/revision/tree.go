package revision

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// FS are the files of the commit in a folder, relative to the top of the work tree, with slashes; no files where
// the commit has no such folder. A symbolic link is one, and is not followed. A submodule is its own files, as
// far as the clone has them.
func (c Commit) FS(dir string) (fs.FS, error) {
	top, err := c.commit.Tree()
	if err != nil {
		return nil, err
	}
	t := &tree{mu: &sync.Mutex{}, repository: c.repository, folders: map[string]folder{}, modules: c.modules(top)}
	t.folders["."] = folder{c.repository, top}
	dir = path.Clean(dir)
	if dir == "." {
		return t, nil
	}
	if _, err := t.folder(dir); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		t.folders = map[string]folder{".": {c.repository, &object.Tree{}}}
		return t, nil
	}
	return fs.Sub(t, dir)
}

// modules are the names of the submodules, by their paths.
func (c Commit) modules(top *object.Tree) map[string]string {
	names := map[string]string{}
	entry, err := top.FindEntry(".gitmodules")
	if err != nil {
		return names
	}
	blob, err := object.GetBlob(c.repository.store, entry.Hash)
	if err != nil || blob.Size > inMemory {
		return names
	}
	data, err := read(blob)
	if err != nil {
		return names
	}
	modules := config.NewModules()
	if modules.Unmarshal(data) != nil {
		return names
	}
	for name, m := range modules.Submodules {
		if filepath.IsLocal(filepath.FromSlash(name)) {
			names[path.Clean(m.Path)] = name
		}
	}
	return names
}

func read(blob *object.Blob) ([]byte, error) {
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// tree is a commit's files. Safe for concurrent use, which the storage of objects is not.
type tree struct {
	mu         *sync.Mutex
	repository *Repository
	folders    map[string]folder
	modules    map[string]string
}

// folder is a folder, and the repository that has its objects: a submodule has one of its own.
type folder struct {
	repository *Repository
	tree       *object.Tree
}

func (t *tree) folder(name string) (folder, error) {
	if f, known := t.folders[name]; known {
		return f, nil
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return folder{}, err
	}
	entry, ok := find(parent.tree, path.Base(name))
	f := folder{repository: parent.repository}
	switch {
	case ok && entry.Mode == filemode.Dir:
		if f.tree, err = object.GetTree(parent.repository.store, entry.Hash); err != nil {
			return folder{}, err
		}
	case ok && entry.Mode == filemode.Submodule:
		f = t.submodule(name, entry.Hash)
	default:
		return folder{}, fs.ErrNotExist
	}
	t.folders[name] = f
	return f, nil
}

// submodule is a submodule at a commit; empty where the clone does not have that.
func (t *tree) submodule(name string, hash plumbing.Hash) folder {
	empty := folder{t.repository, &object.Tree{}}
	module, ok := t.modules[name]
	if !ok {
		return empty
	}
	r, err := open(filepath.Join(t.repository.Top, filepath.FromSlash(name)),
		filepath.Join(t.repository.commonDir, "modules", filepath.FromSlash(module)))
	if err != nil {
		return empty
	}
	commit, err := object.GetCommit(r.store, hash)
	if err != nil {
		return empty
	}
	top, err := commit.Tree()
	if err != nil {
		return empty
	}
	return folder{r, top}
}

func find(in *object.Tree, name string) (object.TreeEntry, bool) {
	for _, entry := range in.Entries {
		if entry.Name == name {
			return entry, true
		}
	}
	return object.TreeEntry{}, false
}

// Open opens a file or a folder.
func (t *tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	info, blob, err := t.look(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if info.IsDir() {
		f, err := t.folder(name)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openFolder{info: info, entries: t.entries(f)}, nil
	}
	content, err := blob.Reader()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if blob.Size > inMemory {
		return &openFile{ReadCloser: content, info: info}, nil
	}
	defer content.Close()
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{ReadCloser: io.NopCloser(bytes.NewReader(data)), info: info}, nil
}

// look is what a name stands for; the blob is nil for a folder.
func (t *tree) look(name string) (info, *object.Blob, error) {
	if name == "." {
		return info{name: ".", mode: fs.ModeDir | 0o755}, nil, nil
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return info{}, nil, err
	}
	entry, ok := find(parent.tree, path.Base(name))
	if !ok {
		return info{}, nil, fs.ErrNotExist
	}
	i := info{name: entry.Name, mode: mode(entry.Mode)}
	if i.IsDir() {
		return i, nil, nil
	}
	blob, err := object.GetBlob(parent.repository.store, entry.Hash)
	if err != nil {
		return info{}, nil, err
	}
	i.size = blob.Size
	return i, blob, nil
}

func mode(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o755
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o755
	}
	return 0o644
}

func (t *tree) entries(f folder) []fs.DirEntry {
	all := make([]fs.DirEntry, 0, len(f.tree.Entries))
	for _, entry := range f.tree.Entries {
		if entry.Name == "" || entry.Name == "." || entry.Name == ".." || strings.ContainsAny(entry.Name, "/\\") {
			continue // git makes no such name
		}
		all = append(all, dirEntry{t, f, entry})
	}
	return all
}

// dirEntry is an entry of a folder.
type dirEntry struct {
	tree  *tree
	in    folder
	entry object.TreeEntry
}

func (d dirEntry) Name() string      { return d.entry.Name }
func (d dirEntry) IsDir() bool       { return d.Type().IsDir() }
func (d dirEntry) Type() fs.FileMode { return mode(d.entry.Mode).Type() }

// Info looks up the size.
func (d dirEntry) Info() (fs.FileInfo, error) {
	i := info{name: d.entry.Name, mode: mode(d.entry.Mode)}
	if i.IsDir() {
		return i, nil
	}
	d.tree.mu.Lock()
	defer d.tree.mu.Unlock()
	size, err := d.in.repository.store.EncodedObjectSize(d.entry.Hash)
	i.size = size
	return i, err
}

// info is what is known of a file. Git keeps no time.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type openFile struct {
	io.ReadCloser
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

type openFolder struct {
	info    info
	entries []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: errors.New("is a folder")}
}

// ReadDir is that of fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(f.entries) {
		if n > 0 && len(f.entries) == 0 {
			return nil, io.EOF
		}
		n = len(f.entries)
	}
	first := f.entries[:n]
	f.entries = f.entries[n:]
	return first, nil
}
