package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// ConfigName is the configuration's file name; where it lies is the root of a tree.
const ConfigName = ".rollcall.yaml"

// FindRoot finds the root of the tree that name, a file or folder, belongs to: the nearest folder at or above it that
// holds a .rollcall.yaml, else from which a spec.path of the Flux Kustomizations below name resolves, else that holds
// clusters/, else the Git work tree's top, else name itself or the folder of the file. An error wraps fs.ErrNotExist
// where name does not exist.
func FindRoot(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find the root of %s: %w", name, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", err
	}
	start := abs
	if !info.IsDir() {
		start = filepath.Dir(abs)
	}
	above := ancestors(start)
	for _, holds := range []func(string) bool{
		func(dir string) bool { return isFile(filepath.Join(dir, ConfigName)) },
		resolvesAny(fluxPaths(abs, above)),
		func(dir string) bool { return isDir(filepath.Join(dir, "clusters")) },
		func(dir string) bool { return exists(filepath.Join(dir, ".git")) },
	} {
		for _, dir := range above {
			if holds(dir) {
				return dir, nil
			}
		}
	}
	return start, nil
}

// ancestors are dir and the folders above it, the nearest first, up to the top of the Git work tree where there is one.
func ancestors(dir string) []string {
	all := []string{dir}
	for !exists(filepath.Join(dir, ".git")) {
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
// it, so that one file of a tree finds the root of the tree. Paths that resolve anywhere, and ones with variables, are
// not telling.
func fluxPaths(name string, above []string) []string {
	entries := 0
	for _, from := range append([]string{name}, above...) {
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
				paths = append(paths, fluxPathsIn(p)...)
			}
			return nil
		})
		if len(paths) > 0 || entries > maxRootEntries {
			return paths
		}
	}
	return nil
}

func fluxPathsIn(name string) []string {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxYAML))
	if err != nil || !bytes.Contains(data, []byte("kustomize.toolkit.fluxcd.io/")) {
		return nil
	}
	var paths []string
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
			Spec       struct {
				Path string `yaml:"path"`
			} `yaml:"spec"`
		}
		if err := dec.Decode(&doc); err != nil {
			return paths
		}
		p := path.Clean(strings.TrimPrefix(doc.Spec.Path, "./"))
		if isFluxKustomization(doc.APIVersion, doc.Kind) && p != "." && p != "" && !strings.Contains(p, "$") {
			paths = append(paths, p)
		}
	}
}

// Open opens the folder as a tree that cannot be left: not by "..", not by an absolute path, not by a symbolic link.
func Open(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
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
