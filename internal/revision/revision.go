// Package revision reads what a Git repository holds at a commit: from its objects, without the work tree, a network or
// another program. It changes nothing.
package revision

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// ErrNoRepository is the error of a folder that lies in no Git repository.
var ErrNoRepository = errors.New("it lies in no Git repository")

// Repository is a Git repository with a work tree.
type Repository struct {
	// Top is the folder of the work tree, absolute.
	Top string
	// gitDir is that of the work tree, commonDir the one that all work trees of the repository share.
	gitDir, commonDir string
	store             *filesystem.Storage
}

// inMemory is the size of the largest object that is read into memory at once, in bytes.
const inMemory = 16 << 20

// Open is the repository of the work tree that a folder lies in; the folder is an absolute path.
func Open(dir string) (*Repository, error) {
	top, ok := Top(dir)
	if !ok {
		return nil, ErrNoRepository
	}
	gitDir := filepath.Join(top, ".git")
	info, err := os.Stat(gitDir)
	if err == nil && !info.IsDir() { // a further work tree, or a submodule
		gitDir, err = pathIn(gitDir, "gitdir: ")
	}
	if err != nil {
		return nil, err
	}
	return open(top, gitDir)
}

// Top is the top of the work tree that a folder lies in; false where it lies in none. Both are absolute paths.
func Top(dir string) (string, bool) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		if filepath.Dir(dir) == dir {
			return "", false
		}
	}
}

func open(top, gitDir string) (*Repository, error) {
	r := &Repository{Top: top, gitDir: gitDir, commonDir: gitDir}
	switch common, err := pathIn(filepath.Join(gitDir, "commondir"), ""); {
	case err == nil:
		r.commonDir = common
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if info, err := os.Stat(filepath.Join(r.commonDir, "objects")); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no Git repository: it has no objects", r.commonDir)
	}
	dirs := dotgit.NewRepositoryFilesystem(osfs.New(gitDir), osfs.New(r.commonDir))
	r.store = filesystem.NewStorageWithOptions(dirs, cache.NewObjectLRUDefault(),
		filesystem.Options{ExclusiveAccess: true, LargeObjectThreshold: inMemory, AlternatesFS: osfs.New("/")})
	return r, nil
}

// pathIn is the path that a file holds after a prefix; a relative one leads from the file's folder.
//
// Source: git's Documentation/gitrepository-layout.adoc, "gitfile" and "commondir".
func pathIn(file, prefix string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(data)), prefix)
	if !ok || text == "" {
		return "", fmt.Errorf("%s names no folder", file)
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(filepath.Dir(file), text)
	}
	return filepath.Clean(text), nil
}

// Commit is a commit of a repository.
type Commit struct {
	repository *Repository
	commit     *object.Commit
}

// ID is the commit's hash, in hexadecimal.
func (c Commit) ID() string { return c.commit.Hash.String() }

// Resolve is the commit that a revision names: a branch, a tag, a branch of a remote repository, a hash or the
// beginning of one, HEAD, and any of these with ~N and ^N behind it. The beginning of a hash is not looked for in the
// objects of another repository.
//
// Source: git's Documentation/revisions.adoc.
func (r *Repository) Resolve(revision string) (Commit, error) {
	name, steps := revision, ""
	if i := strings.IndexAny(revision, "~^"); i >= 0 {
		name, steps = revision[:i], revision[i:]
	}
	hash, ok := r.named(name)
	if !ok {
		return Commit{}, r.missing(revision)
	}
	c, err := r.peel(hash)
	if err != nil {
		return Commit{}, fmt.Errorf("%s: %w", revision, err)
	}
	for _, step := range step.FindAllStringSubmatch(steps, -1) {
		n, err := 1, error(nil)
		if step[2] != "" {
			n, err = strconv.Atoi(step[2])
		}
		if err != nil || n > maxSteps || step[1] == "" {
			return Commit{}, fmt.Errorf("%s: no such form of a revision is known here", revision)
		}
		if c, err = r.step(c, step[1], n); err != nil {
			return Commit{}, fmt.Errorf("%s: %w", revision, err)
		}
	}
	return Commit{r, c}, nil
}

// step is a step from a commit to an ancestor; its first group is empty for what is none.
var step = regexp.MustCompile(`([~^])([0-9]*)|.+`)

// maxSteps bounds the N of ~N.
const maxSteps = 100_000

func (r *Repository) step(c *object.Commit, kind string, n int) (*object.Commit, error) {
	if kind == "^" {
		if n == 0 {
			return c, nil
		}
		return r.parent(c, n-1)
	}
	for range n {
		parent, err := r.parent(c, 0)
		if err != nil {
			return nil, err
		}
		c = parent
	}
	return c, nil
}

func (r *Repository) parent(c *object.Commit, i int) (*object.Commit, error) {
	if i >= len(c.ParentHashes) {
		return nil, fmt.Errorf("%s has no parent %d", short(c.Hash), i+1)
	}
	parent, err := object.GetCommit(r.store, c.ParentHashes[i])
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("the parent of %s is not in this clone; %s", short(c.Hash), deepen)
	}
	return parent, err
}

func short(h plumbing.Hash) string { return h.String()[:10] }

// deepen is what brings the commits that a shallow clone lacks.
const deepen = `"git fetch --unshallow" brings it`

// named is the hash that a name stands for, as git looks for it.
func (r *Repository) named(name string) (plumbing.Hash, bool) {
	if name == "@" {
		name = "HEAD"
	}
	for _, form := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s",
		"refs/remotes/%s/HEAD"} {
		if ref, err := storer.ResolveReference(r.store, plumbing.ReferenceName(fmt.Sprintf(form, name))); err == nil {
			return ref.Hash(), true
		}
	}
	if !beginsHash.MatchString(name) {
		return plumbing.ZeroHash, false
	}
	if len(name) == len(plumbing.ZeroHash)*2 {
		return plumbing.NewHash(name), true
	}
	var found []plumbing.Hash
	prefix := plumbing.NewHash(name + strings.Repeat("0", len(plumbing.ZeroHash)*2-len(name)))
	candidates, err := r.store.HashesWithPrefix(prefix[:len(name)/2])
	if err != nil {
		return plumbing.ZeroHash, false
	}
	for _, hash := range candidates {
		if _, err := object.GetCommit(r.store, hash); err == nil &&
			strings.HasPrefix(hash.String(), strings.ToLower(name)) {
			found = append(found, hash)
		}
	}
	if len(found) != 1 {
		return plumbing.ZeroHash, false
	}
	return found[0], true
}

// beginsHash is the shortest beginning that git takes, and the whole.
var beginsHash = regexp.MustCompile(`^[0-9a-fA-F]{4,40}$`)

// peel is the commit that a hash or a tag is of.
func (r *Repository) peel(hash plumbing.Hash) (*object.Commit, error) {
	for range 10 {
		if tag, err := object.GetTag(r.store, hash); err == nil {
			hash = tag.Target
			continue
		}
		break
	}
	c, err := object.GetCommit(r.store, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("the commit is not in this clone; \"git fetch origin %s\" brings it", hash)
	}
	return c, err
}

func (r *Repository) missing(revision string) error {
	hint := ""
	if r.isShallow() {
		hint = fmt.Sprintf("; this clone is shallow: \"git fetch origin %s:refs/remotes/origin/%s\" brings a branch",
			revision, revision)
	}
	return fmt.Errorf("%s: no branch, tag or commit is called that%s", revision, hint)
}

func (r *Repository) isShallow() bool {
	commits, err := r.store.Shallow()
	return err == nil && len(commits) > 0
}

// Default is the branch that changes are merged into: the default one of the remote repository, else main or master.
func (r *Repository) Default() (string, error) {
	if ref, err := r.store.Reference("refs/remotes/origin/HEAD"); err == nil &&
		ref.Type() == plumbing.SymbolicReference {
		return ref.Target().Short(), nil
	}
	for _, name := range []string{"origin/main", "origin/master", "main", "master"} {
		if _, ok := r.named(name); ok {
			return name, nil
		}
	}
	return "", errors.New("no default branch is known: there is no origin/HEAD, main or master")
}

// MergeBase is the newest commit that both descend from; one of them, where the other one descends from it.
func (r *Repository) MergeBase(a, b Commit) (Commit, error) {
	const both = 3
	seen := map[plumbing.Hash]int{}
	var open byDate
	visit := func(c *object.Commit, from int) {
		if seen[c.Hash]|from != seen[c.Hash] {
			seen[c.Hash] |= from
			heap.Push(&open, c)
		}
	}
	visit(a.commit, 1)
	visit(b.commit, 2)
	cut := false
	for open.Len() > 0 {
		c := heap.Pop(&open).(*object.Commit)
		if seen[c.Hash] == both {
			return Commit{r, c}, nil
		}
		for _, hash := range c.ParentHashes {
			parent, err := object.GetCommit(r.store, hash)
			switch {
			case errors.Is(err, plumbing.ErrObjectNotFound):
				cut = true
			case err != nil:
				return Commit{}, err
			default:
				visit(parent, seen[c.Hash])
			}
		}
	}
	if cut {
		return Commit{}, fmt.Errorf("where %s and %s part is not in this clone, which is shallow; %s",
			short(a.commit.Hash), short(b.commit.Hash), deepen)
	}
	return Commit{}, fmt.Errorf("%s and %s have no commit in common", short(a.commit.Hash), short(b.commit.Hash))
}

// byDate are commits, the newest first.
type byDate []*object.Commit

func (d byDate) Len() int { return len(d) }
func (d byDate) Less(i, j int) bool {
	return cmp.Or(d[j].Committer.When.Compare(d[i].Committer.When),
		strings.Compare(d[i].Hash.String(), d[j].Hash.String())) < 0
}
func (d byDate) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *byDate) Push(c any)   { *d = append(*d, c.(*object.Commit)) }
func (d *byDate) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// maxHistory is how many commits are looked at for the age of a file's content.
const maxHistory = 20_000

// Since is the day, UTC, of the oldest commit that has content in a file of which has holds, and since which each
// commit that leads to HEAD by its first parent has. There is none where HEAD has no such file. A clone that is
// shallow, or history without an end, has no older day.
func (r *Repository) Since(file string, has func(content []byte) bool) (day string, ok bool) {
	head, err := r.Resolve("HEAD")
	if err != nil {
		return "", false
	}
	known := map[plumbing.Hash]bool{}
	c := head.commit
	for range maxHistory {
		top, err := c.Tree()
		if err != nil {
			return day, ok
		}
		entry, err := top.FindEntry(file)
		if err != nil {
			return day, ok
		}
		holds, seen := known[entry.Hash]
		if !seen {
			if blob, err := object.GetBlob(r.store, entry.Hash); err == nil && blob.Size <= inMemory {
				content, err := read(blob)
				holds = err == nil && has(content)
			}
			known[entry.Hash] = holds
		}
		if !holds {
			return day, ok
		}
		day, ok = c.Committer.When.UTC().Format(time.DateOnly), true
		if len(c.ParentHashes) == 0 {
			return day, ok
		}
		if c, err = object.GetCommit(r.store, c.ParentHashes[0]); err != nil {
			return day, ok
		}
	}
	return day, ok
}
