package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPullRequest holds docs/pull-request.md to what it shows.
func TestPullRequest(t *testing.T) {
	page, err := os.ReadFile("../../docs/pull-request.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "\n```text\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../testdata/fleet")); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append(
			[]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.test"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "base")
	file := filepath.Join(dir, "clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer("weight: 31", "weight: 3", "- robbinsdale\n            weight: 6",
		"- robinsdale\n            weight: 2").Replace(string(text))
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"diff", "--root", dir, "--no-cache", "main"}, strings.NewReader(""), &out, &errs,
		noEnvironment); code != clean {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if !strings.Contains(out.String(), shown) || shown == "" {
		t.Errorf("docs/pull-request.md is out of date: rollcall diff prints\n%s", out.String())
	}
	out.Reset()
	run([]string{"--base=main", "--root", dir, "--no-cache", "-o", "json", dir}, strings.NewReader(""), &out, &errs,
		noEnvironment)
	if n := len(regexp.MustCompile(`"state": "new"`).FindAllString(out.String(), -1)); n != 4 {
		t.Errorf("%d new findings, and the page says four\n%s", n, out.String())
	}
}
