package loader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// ConfigName is the configuration's file name; where it lies is the root of a tree.
const ConfigName = ".rollcall.yaml"

// FindRoot finds the root of the tree that name, a file or folder, belongs to: the nearest folder at or above it that
// holds a .rollcall.yaml, else from which a spec.path of the Flux Kustomizations below name resolves, else that holds
// clusters/, else such a folder below the Git work tree's top, or below name: an error where there are several. Else it
// is that top. Where there is none of them, found is false and root is name itself or the folder of the file. Where
// name does not exist, it is a file that is not saved yet, of the nearest folder that does.
func FindRoot(name string) (root string, found bool, err error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", false, fmt.Errorf("find the root of %s: %w", name, err)
	}
	start := abs
	for !isDir(start) && filepath.Dir(start) != start {
		start = filepath.Dir(start)
	}
	above := ancestors(start)
	for _, find := range []func() int{
		func() int { return slices.IndexFunc(above, isConfigured) },
		func() int { return slices.IndexFunc(above, resolvesAny(fluxPaths(abs, climb(above)))) },
		func() int { return slices.IndexFunc(above, holdsClusters(above)) },
		func() int { return slices.IndexFunc(above, leadsTo(start, above)) },
	} {
		if i := find(); i >= 0 {
			return above[i], true, nil
		}
	}
	top := above[len(above)-1]
	if !isGitTop(top) {
		if top = start; !isDir(abs) {
			return start, false, nil
		}
	}
	from := []string{start}
	if top != start {
		from = append(from, top)
	}
	for _, dir := range from {
		switch roots := rootsBelow(dir); {
		case len(roots) > 1:
			return "", false, &RootsError{Below: dir, Roots: roots}
		case len(roots) == 1 && isBelow(roots[0], start):
			return roots[0], true, nil
		case len(roots) == 1: // a fleet to which what was named does not belong
			return start, false, nil
		}
	}
	return top, isGitTop(top), nil
}

// RootsError tells that several fleets lie below a folder, and none around what was named. The paths are absolute.
type RootsError struct {
	Below string
	Roots []string
}

func (e *RootsError) Error() string {
	var names []string
	for i, root := range e.Roots {
		if i == 10 {
			names = append(names, "…")
			break
		}
		rel, err := filepath.Rel(e.Below, root)
		if err != nil {
			rel = root
		}
		names = append(names, filepath.ToSlash(rel))
	}
	return fmt.Sprintf("several fleets lie below %s: %s; name one of them, or the root with --root",
		filepath.ToSlash(e.Below), strings.Join(names, ", "))
}

func isBelow(name, dir string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// rootsBelow are the folders below one that hold a .rollcall.yaml or a clusters/ with YAML in it, or from which a
// spec.path of the Flux Kustomizations in them resolves; none that lies in another one.
func rootsBelow(top string) (roots []string) {
	entries := 0
	files := map[string][]string{} // the telling paths of Kustomizations with a source, by file
	_ = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		entries++
		name := d.Name()
		switch {
		case err != nil:
			return nil
		case entries > maxRootEntries:
			return filepath.SkipAll
		case d.IsDir() && p != top && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
			name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() && p != top && (isConfigured(p) || name != "clusters" &&
			holdsYAML(filepath.Join(p, "clusters"), &entries)):
			roots = append(roots, p)
			return filepath.SkipDir
		case d.Type().IsRegular() && isYAMLName(p):
			if paths := sourcedPathsIn(p); len(paths) > 0 {
				files[p] = paths
			}
		}
		return nil
	})
	resolving := map[string]int{}
	for file, paths := range files {
		for _, to := range paths {
			for dir := filepath.Dir(file); dir != top; dir = filepath.Dir(dir) {
				if isDir(filepath.Join(dir, filepath.FromSlash(to))) {
					resolving[dir]++
					break
				}
			}
		}
	}
	for dir, n := range resolving {
		all := 0
		for file, paths := range files {
			if isBelow(file, dir) {
				all += len(paths)
			}
		}
		if 2*n >= all { // else it is by chance
			roots = append(roots, dir)
		}
	}
	slices.Sort(roots)
	return slices.CompactFunc(roots, func(a, b string) bool { return isBelow(b, a) })
}

// holdsYAML tells whether a YAML file lies below a folder.
func holdsYAML(dir string, entries *int) (found bool) {
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		*entries++
		if err != nil || *entries > maxRootEntries {
			return filepath.SkipAll
		}
		if found = d.Type().IsRegular() && isYAMLName(p); found {
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// isConfigured is true for a configuration of a wrong name, too: where it is read, it is refused.
func isConfigured(dir string) bool {
	return slices.ContainsFunc([]string{ConfigName, ".rollcall.yml", ".rollcall.json"}, func(name string) bool {
		return isFile(filepath.Join(dir, name))
	})
}

func isGitTop(dir string) bool { return exists(filepath.Join(dir, ".git")) }

// holdsClusters says of a folder whether it holds the clusters/ of a fleet. In a Git work tree a clusters/ inside
// another one is none: it is an app's, of Karmada's Cluster objects.
func holdsClusters(above []string) func(string) bool {
	top := above[len(above)-1]
	return func(dir string) bool {
		rel, err := filepath.Rel(top, dir)
		nested := err == nil && isGitTop(top) && slices.Contains(strings.Split(filepath.ToSlash(rel), "/"), "clusters")
		return !nested && isDir(filepath.Join(dir, "clusters"))
	}
}

// leadsTo says of a folder a few levels above start, where no Git work tree tells how far a fleet may go, whether a
// Flux Kustomization in it leads from it to start or a folder around that.
func leadsTo(start string, above []string) func(string) bool {
	entries := maxRootEntries - 5_000
	return func(dir string) bool {
		if at := slices.Index(above, dir); isGitTop(above[len(above)-1]) || at == 0 || at > 4 ||
			filepath.Dir(dir) == dir {
			return false
		}
		found := false
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			entries++
			switch {
			case err != nil:
				return nil
			case entries > maxRootEntries:
				return filepath.SkipAll
			case d.IsDir() && p != dir && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			case d.Type().IsRegular() && isYAMLName(p):
				found = slices.ContainsFunc(fluxPathsIn(p), func(to string) bool {
					return isBelow(start, filepath.Join(dir, filepath.FromSlash(to)))
				})
			}
			if found {
				return filepath.SkipAll
			}
			return nil
		})
		return found
	}
}

// climb are the folders above in which Flux Kustomizations are looked for: those up to the nearest one that looks like
// a fleet's, so that no other fleet beside it tells the root. Where none does, everything above is somebody else's.
func climb(above []string) []string {
	clusters := holdsClusters(above)
	i := slices.IndexFunc(above, func(dir string) bool { return clusters(dir) || isGitTop(dir) })
	return above[:i+1]
}

// ancestors are dir and the folders above it, the nearest first, up to the top of the Git work tree where there is one.
func ancestors(dir string) []string {
	all := []string{dir}
	for !isGitTop(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return all
		}
		dir = parent
		all = append(all, dir)
	}
	return all
}

// resolvesAny says of a folder whether one of the paths leads from it to a folder.
func resolvesAny(paths []string) func(string) bool {
	return func(dir string) bool {
		for _, p := range paths {
			if isDir(filepath.Join(dir, filepath.FromSlash(p))) {
				return true
			}
		}
		return false
	}
}

// maxRootEntries bounds the search for Flux Kustomizations: the first few of them find the root, and where there are
// none the whole file system may lie below.
const maxRootEntries = 20_000

// fluxPaths are the telling spec.paths of Flux Kustomizations below name; where name has none, below the folders above
// it, so that one file of a tree finds the root of the tree; a folder without YAML is no part of one. Paths that
// resolve anywhere, and ones with variables, are not telling.
func fluxPaths(name string, above []string) []string {
	entries, files := 0, 0
	for i, from := range append([]string{name}, above...) {
		var paths []string
		_ = filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
			entries++
			switch {
			case err != nil:
				return nil
			case entries > maxRootEntries || len(paths) > 20:
				return filepath.SkipAll
			case d.IsDir() && d.Name() == ".git":
				return filepath.SkipDir
			case d.Type().IsRegular() && isYAMLName(p):
				files++
				paths = append(paths, fluxPathsIn(p)...)
			}
			return nil
		})
		if len(paths) > 0 || entries > maxRootEntries {
			return paths
		}
		if i == 0 && files == 0 && isDir(name) {
			return nil
		}
	}
	return nil
}

func fluxPathsIn(name string) []string { return pathsIn(name, false) }

// sourcedPathsIn are those of Kustomizations that name a source: no patches.
func sourcedPathsIn(name string) []string { return pathsIn(name, true) }

func pathsIn(name string, sourced bool) (paths []string) {
	defer func() { _ = recover() }() // the parser recovers its own panics only
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxYAML))
	data = decodeText(data)
	if err != nil || !bytes.Contains(data, []byte("kustomize.toolkit.fluxcd.io/")) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
			Spec       struct {
				Path      string `yaml:"path"`
				SourceRef struct {
					Name string `yaml:"name"`
				} `yaml:"sourceRef"`
			} `yaml:"spec"`
		}
		if err := dec.Decode(&doc); err != nil {
			return paths
		}
		p := inTree(doc.Spec.Path)
		if isFluxKustomization(doc.APIVersion, doc.Kind) && p != "." && p != "" && !strings.Contains(p, "$") &&
			!(sourced && doc.Spec.SourceRef.Name == "") {
			paths = append(paths, p)
		}
	}
}

// Open opens the folder as a tree that cannot be left: not by "..", not by an absolute path, not by a symbolic link.
// What is neither a regular file nor a folder cannot be opened there.
func Open(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return folder{root.FS(), root}, nil
}

type folder struct {
	fs.FS
	root *os.Root
}

var errNotRegular = errors.New("not a regular file")

// Open does not wait for the writer of a named pipe, and reads no device.
func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		_ = file.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: cmp.Or(err, errNotRegular)}
	}
	return file, nil
}

func (f folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.FS, name) }

// Only is fsys with nothing to be seen in its folders but the files of these names, relative to the root, with slashes.
// What is not seen can still be opened by its name.
func Only(fsys fs.FS, names []string) fs.FS { return only{fsys, names} }

type only struct {
	fs.FS
	names []string
}

func (o only) Stat(name string) (fs.FileInfo, error) { return fs.Stat(o.FS, name) }

func (o only) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		p := path.Join(name, e.Name())
		return !slices.ContainsFunc(o.names, func(n string) bool { return n == p || strings.HasPrefix(n, p+"/") })
	})
	return entries, err
}

// Overlay is fsys with the content of one file replaced, or the file added: an editor's buffer that is not saved yet.
// The name is relative to the root, with slashes.
func Overlay(fsys fs.FS, name string, content []byte) fs.FS {
	return overlay{FS: fsys, name: path.Clean(name), content: content}
}

type overlay struct {
	fs.FS
	name    string
	content []byte
}

func (o overlay) Open(name string) (fs.File, error) {
	if name == o.name {
		return &buffer{Reader: bytes.NewReader(o.content), info: o.info()}, nil
	}
	return o.FS.Open(name)
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if name == o.name {
		return o.info(), nil
	}
	return fs.Stat(o.FS, name)
}

// ReadDir adds the file to its folder, and the folders that only the file has to theirs.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	rest, below := o.name, name == "."
	if !below {
		rest, below = strings.CutPrefix(o.name, name+"/")
	}
	if !below {
		return entries, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	mine := fs.FileInfoToDirEntry(o.info())
	if folder, _, nested := strings.Cut(rest, "/"); nested {
		mine = fs.FileInfoToDirEntry(bufferInfo{name: folder, mode: fs.ModeDir | 0o555})
	}
	at := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == mine.Name() })
	switch {
	case at < 0:
		entries = append(entries, mine)
	case !mine.IsDir():
		entries[at] = mine
	}
	return entries, err
}

func (o overlay) info() bufferInfo {
	return bufferInfo{name: path.Base(o.name), size: int64(len(o.content)), mode: 0o444}
}

type buffer struct {
	*bytes.Reader
	info bufferInfo
}

func (b *buffer) Stat() (fs.FileInfo, error) { return b.info, nil }
func (b *buffer) Close() error               { return nil }

type bufferInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i bufferInfo) Name() string       { return i.name }
func (i bufferInfo) Size() int64        { return i.size }
func (i bufferInfo) Mode() fs.FileMode  { return i.mode }
func (i bufferInfo) ModTime() time.Time { return time.Time{} }
func (i bufferInfo) IsDir() bool        { return i.mode.IsDir() }
func (i bufferInfo) Sys() any           { return nil }

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
