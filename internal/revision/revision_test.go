package revision

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// git runs git in a folder, and gives what it prints.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, dir, message string) string {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	return git(t, dir, "rev-parse", "HEAD")
}

func repository(t *testing.T, dir string) *Repository {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// filesAt are the files of a revision in a folder, by their paths; a symbolic link is its target.
func filesAt(t *testing.T, r *Repository, revision, dir string) map[string]string {
	t.Helper()
	c, err := r.Resolve(revision)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := c.FS(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFiles reads a commit that is not checked out, loose and packed, from the work tree and from a second one, from a
// folder below, and from a clone that borrows its objects.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	old := map[string]string{"a.yaml": "old\n", "clusters/a/b.yaml": "b\n", "clusters/a/c/d.yaml": "",
		"gone.yaml": "gone\n",
		"big.yaml":  strings.Repeat("0123456789abcdef\n", 2_000_000)}
	write(t, dir, old)
	if err := os.Symlink("a.yaml", filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	old["link.yaml"] = "a.yaml"
	first := commit(t, dir, "first")
	git(t, dir, "tag", "-a", "-m", "v1", "v1")
	write(t, dir, map[string]string{"a.yaml": "new\n", "e.yaml": "e\n"})
	git(t, dir, "rm", "-q", "gone.yaml")
	commit(t, dir, "second")
	write(t, dir, map[string]string{"untracked.yaml": "u\n", "a.yaml": "not committed\n"})
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, dir, "worktree", "add", "-q", "-b", "other", linked)
	borrower := filepath.Join(t.TempDir(), "borrower")
	git(t, dir, "clone", "-q", "--shared", dir, borrower)
	check := func(t *testing.T, from string) {
		t.Helper()
		r := repository(t, from)
		for _, revision := range []string{first, first[:7], "v1", "main~1", "HEAD^", "@~", "main^1"} {
			if from == borrower && strings.HasPrefix(revision, "main") {
				revision = "origin/" + revision
			}
			if from == borrower && revision == first[:7] {
				continue // go-git looks for the beginning of a hash in the repository's own objects alone
			}
			if got := filesAt(t, r, revision, "."); !maps.Equal(got, old) {
				t.Errorf("%s of %s: %q", revision, from, slices.Sorted(maps.Keys(got)))
			}
		}
		if got := filesAt(t, r, "v1", "clusters/a"); !maps.Equal(
			got, map[string]string{"b.yaml": "b\n", "c/d.yaml": ""}) {
			t.Errorf("%q", got)
		}
		if got := filesAt(t, r, "v1", "no/such"); len(got) > 0 {
			t.Errorf("%q", got)
		}
	}
	for _, from := range []string{dir, filepath.Join(dir, "clusters/a"), linked, borrower} {
		check(t, from)
	}
	git(t, dir, "gc", "-q")
	git(t, dir, "pack-refs", "--all")
	for _, from := range []string{dir, linked, borrower} {
		check(t, from)
	}
	c, err := repository(t, dir).Resolve("v1")
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := c.FS("clusters")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "a/b.yaml", "a/c/d.yaml"); err != nil {
		t.Error(err)
	}
}

// TestSubmodule reads a submodule as it was, and one that the clone does not have as an empty folder.
func TestSubmodule(t *testing.T) {
	module, dir := t.TempDir(), t.TempDir()
	git(t, module, "init", "-q", "-b", "main")
	write(t, module, map[string]string{"m.yaml": "old\n"})
	commit(t, module, "first")
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--name", "mod", module,
		"deep/module")
	commit(t, dir, "first")
	write(t, filepath.Join(dir, "deep/module"), map[string]string{"m.yaml": "new\n"})
	commit(t, filepath.Join(dir, "deep/module"), "second")
	commit(t, dir, "second")
	if got := filesAt(t, repository(t, dir), "HEAD~1", "deep"); !maps.Equal(
		got, map[string]string{"module/m.yaml": "old\n"}) {
		t.Errorf("%q", got)
	}
	without := filepath.Join(t.TempDir(), "without")
	git(t, dir, "clone", "-q", dir, without)
	if got := filesAt(t, repository(t, without), "HEAD", "deep"); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// TestMergeBase holds MergeBase against git on histories made by chance.
func TestMergeBase(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		dir := t.TempDir()
		git(t, dir, "init", "-q", "-b", "main")
		commit(t, dir, "root")
		tree := git(t, dir, "rev-parse", "HEAD^{tree}")
		commits := []string{git(t, dir, "rev-parse", "HEAD")}
		for i := range 25 {
			args := []string{"commit-tree", tree, "-m", fmt.Sprint(i)}
			for range 1 + random.IntN(2) {
				parent := commits[max(0, len(commits)-1-random.IntN(5))]
				if !slices.Contains(args, parent) {
					args = append(args, "-p", parent)
				}
			}
			t.Setenv("GIT_COMMITTER_DATE", fmt.Sprintf("2026-01-01T00:%02d:00Z", i))
			commits = append(commits, git(t, dir, args...))
		}
		r := repository(t, dir)
		for range 60 {
			a, b := commits[random.IntN(len(commits))], commits[random.IntN(len(commits))]
			want := strings.Fields(git(t, dir, "merge-base", "--all", a, b))
			first, err := r.Resolve(a)
			if err != nil {
				t.Fatal(err)
			}
			second, err := r.Resolve(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.MergeBase(first, second)
			if err != nil || !slices.Contains(want, got.ID()) {
				t.Errorf("%s and %s: %s %v, git has %s", a, b, got.ID(), err, want)
			}
		}
	}
}

// TestErrors has what cannot be found, with what to do.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || err.Error() != "it lies in no Git repository" {
		t.Error(err)
	}
	git(t, dir, "init", "-q", "-b", "main")
	write(t, dir, map[string]string{"a": "1"})
	first := commit(t, dir, "first")
	commit(t, dir, "second")
	git(t, dir, "checkout", "-q", "-b", "side", first)
	side := commit(t, dir, "third")
	git(t, dir, "checkout", "-q", "--orphan", "apart")
	commit(t, dir, "apart")
	shallow := filepath.Join(t.TempDir(), "shallow")
	git(t, dir, "clone", "-q", "--depth=1", "--no-single-branch", "file://"+dir, shallow)
	base := func(dir, a, b string) error {
		r := repository(t, dir)
		first, err := r.Resolve(a)
		if err != nil {
			return err
		}
		second, err := r.Resolve(b)
		if err != nil {
			return err
		}
		_, err = r.MergeBase(first, second)
		return err
	}
	main := git(t, dir, "rev-parse", "main")
	for _, c := range []struct{ dir, a, b, want string }{
		{dir, "nowhere", "main", "nowhere: no branch, tag or commit is called that"},
		{dir, "main^{tree}", "main", "main^{tree}: no such form of a revision is known here"},
		{dir, "main~7", "main", "main~7: " + first[:10] + " has no parent 1"},
		{dir, strings.Repeat("1", 40), "main", strings.Repeat("1", 40) +
			": the commit is not in this clone; \"git fetch origin " + strings.Repeat("1", 40) + "\" brings it"},
		{dir, "main", "apart", main[:10] + " and " + git(t, dir, "rev-parse", "apart")[:10] +
			" have no commit in common"},
		{shallow, "origin/main~1", "HEAD", "origin/main~1: the parent of " + main[:10] +
			` is not in this clone; "git fetch --unshallow" brings it`},
		{shallow, "origin/main", "origin/side", "where " + main[:10] + " and " + side[:10] +
			` part is not in this clone, which is shallow; "git fetch --unshallow" brings it`},
		{shallow, "v9", "HEAD",
			`v9: no branch, tag or commit is called that; this clone is shallow: "git fetch origin v9:refs/remotes/origin/v9" brings a branch`},
	} {
		if err := base(c.dir, c.a, c.b); err == nil || err.Error() != c.want {
			t.Errorf("%s, %s: %v, want %s", c.a, c.b, err, c.want)
		}
	}
	if name, err := repository(t, shallow).Default(); err != nil || name != "origin/apart" {
		t.Errorf("%s %v", name, err)
	}
	if name, err := repository(t, dir).Default(); err != nil || name != "main" {
		t.Errorf("%s %v", name, err)
	}
}
