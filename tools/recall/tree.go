package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// tree is one commit's tree, judged.
type tree struct {
	fleet    *fleet.Fleet
	findings []fleet.Finding
	paths    map[string]bool
}

func (t *tree) clusters() []string       { return slices.Sorted(maps.Keys(t.fleet.Clusters)) }
func (t *tree) kustomizations() []string { return slices.Sorted(maps.Keys(t.fleet.Kustomizations)) }
func (t *tree) exists(name string) bool  { return t.paths[name] }

// lint writes a commit's tree to a temporary folder and judges it as the command line does
// when it is given that folder.
func lint(ctx context.Context, e *engine.Engine, kept loader.Cache, clone, commit string) (*tree, error) {
	dir, err := os.MkdirTemp("", "rollcall-recall-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := &tree{}
	if t.paths, err = export(ctx, clone, commit, dir); err != nil {
		return nil, err
	}
	root, _, err := loader.FindRoot(dir)
	var several *loader.RootsError
	if err != nil && !errors.As(err, &several) {
		return nil, err
	}
	if physical, err := filepath.EvalSymlinks(dir); err != nil ||
		several == nil && root != dir && root != physical && !strings.HasPrefix(root, physical+"/") {
		return nil, fmt.Errorf("its root is outside of it, %s", root)
	}
	fsys, err := loader.Open(dir) // the table's paths are the clone's
	if err != nil {
		return nil, err
	}
	c, err := config.Read(fsys, config.Name)
	if err != nil {
		return nil, err
	}
	opts := loader.Options{Exclude: c.Exclude, Recipients: c.AllowedRecipients(), Cache: kept}
	read, err := loader.Load(ctx, fsys, opts)
	if err != nil {
		return nil, err
	}
	t.fleet = fleet.Build(read, c.Declared())
	t.findings, err = e.Check(ctx, t.fleet)
	return t, err
}

// A tree of more entries or bytes is refused.
const (
	maxEntries = 200_000
	maxBytes   = 4 << 30
)

// export writes the files of a commit below dir, which is then the top of a work tree without a history, and returns
// the paths of its files and folders. Files that the clone lacks are empty.
func export(ctx context.Context, clone, commit, dir string) (map[string]bool, error) {
	lacking, err := lackedFiles(ctx, clone, commit)
	if err != nil {
		return nil, err
	}
	args := []string{"archive", "--format=tar", commit, "--", "."}
	for _, name := range lacking {
		args = append(args, ":(exclude,literal)"+name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	archive := git(ctx, clone, args...)
	var stderr bytes.Buffer
	archive.Stderr = &stderr
	out, err := archive.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := archive.Start(); err != nil {
		return nil, fmt.Errorf("git archive: %w", err)
	}
	paths, err := unpack(out, dir)
	if err != nil {
		cancel()
	} else {
		_, err = io.Copy(io.Discard, io.LimitReader(out, 1<<20)) // the padding at the end
	}
	if failed := archive.Wait(); failed != nil && (err == nil || stderr.Len() > 0) {
		err = fmt.Errorf("git archive: %w: %s", failed, bytes.TrimSpace(stderr.Bytes()))
	}
	if err != nil {
		return nil, err
	}
	return paths, addEmpty(dir, lacking, paths)
}

func git(ctx context.Context, clone string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "git", append([]string{"-C", clone}, args...)...)
}

// lackedFiles are the files of a commit whose content the clone lacks, as a copy without its large files does. What may
// be YAML is an error: the tree would be another one without it.
func lackedFiles(ctx context.Context, clone, commit string) ([]string, error) {
	list, err := git(ctx, clone, "ls-tree", "-r", "-z", "--format=%(objecttype) %(objectname)%x09%(path)",
		commit).Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-tree: %w", err)
	}
	names, hashes := map[string][]string{}, strings.Builder{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		object, name, _ := strings.Cut(entry, "\t")
		hash, isBlob := strings.CutPrefix(object, "blob ")
		if !isBlob { // another repository's commit
			continue
		}
		names[hash] = append(names[hash], name)
		hashes.WriteString(hash + "\n")
	}
	check := git(ctx, clone, "cat-file", "--batch-check")
	check.Stdin = strings.NewReader(hashes.String())
	answers, err := check.Output()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	var lacking []string
	for answer := range strings.Lines(string(answers)) {
		hash, found := strings.CutSuffix(answer, " missing\n")
		if !found {
			continue
		}
		for _, name := range names[hash] {
			switch path.Ext(name) {
			case ".yaml", ".yml", ".json":
				return nil, fmt.Errorf("the clone lacks %s", name)
			}
			lacking = append(lacking, name)
		}
	}
	return lacking, nil
}

// addEmpty writes empty files below dir, and adds them to paths.
func addEmpty(dir string, names []string, paths map[string]bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := root.WriteFile(name, nil, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		paths[name] = true
	}
	return nil
}

// unpack writes an archive's files below dir and nowhere else.
func unpack(archive io.Reader, dir string) (map[string]bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := root.Mkdir(".git", 0o700); err != nil {
		return nil, err
	}
	paths, left := map[string]bool{}, int64(maxBytes)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return paths, nil
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(h.Name)
		if left -= h.Size; left < 0 || len(paths) > maxEntries {
			return nil, errors.New("the tree is too large")
		}
		if err := unpackOne(root, name, h, r); err != nil {
			return nil, fmt.Errorf("write %s: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeDir {
			paths[name] = true
		}
	}
}

func unpackOne(root *os.Root, name string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o700)
	case tar.TypeSymlink: // Flux leaves links out; what one leads to is never looked at
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
