package main

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// history is a repository's: the files that each commit adds or replaces.
var history = []string{
	`
-- clusters/a/flux-system/gotk-sync.yaml --
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {url: https://example.com/fleet, interval: 5m}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {path: ./clusters/a, interval: 5m, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
-- clusters/a/ks.yaml --
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  path: ./apps/wbe
  interval: 5m
  prune: true
  dependsOn: [{name: certificates}]
  sourceRef: {kind: GitRepository, name: flux-system}
-- apps/web/kustomization.yaml --
resources: [config.yaml, ./service]
-- apps/web/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: web}
-- apps/old/kustomization.yaml --
resources: [gone.yaml]
-- docs/logo.png --
a picture
`, `
-- clusters/a/ks.yaml --
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  path: ./apps/web
  interval: 5m
  prune: true
  dependsOn: [{name: certificates}]
  sourceRef: {kind: GitRepository, name: flux-system}
`, `
-- apps/web/kustomization.yaml --
resources: [config.yaml]
-- apps/old/kustomization.yaml --
resources: []
`,
}

// TestRecall measures one repository's history: what is found and mended, what is still wrong at the fix, what was
// never wrong, and what no cluster reads. A row of a repository without a clone is left out.
func TestRecall(t *testing.T) {
	clone := filepath.Join(t.TempDir(), "owner+fleet", "repo")
	commits := commit(t, clone, history)
	lose(t, clone, "docs/logo.png")
	short := func(i int) string { return commits[i][:8] }
	rows := [][]string{
		{"repo", "kind", "broken_commit", "fix_commit", "file", "old", "new", "date"},
		{"owner/fleet", "ks-path", commits[0], commits[1], "clusters/a/ks.yaml", "./apps/wbe", "./apps/web",
			"2026-01-02"},
		{"owner/fleet", "depends-on?", commits[0], commits[1], "clusters/a/ks.yaml", "certificates", "certs",
			"2026-01-02"},
		{"owner/fleet", "kustomize-resource", commits[1], commits[2], "apps/web/kustomization.yaml", "./service", "",
			"2026-01-02"},
		{"owner/fleet", "kustomize-resource", commits[1], commits[2], "apps/web/kustomization.yaml", "config.yaml", "",
			"2026-01-02"},
		{"owner/fleet", "kustomize-resource", commits[1], commits[2], "apps/old/kustomization.yaml", "gone.yaml", "",
			"2026-01-02"},
		{"another/fleet", "ks-path", commits[0], commits[1], "clusters/a/ks.yaml", "./apps/wbe", "./apps/web",
			"2026-01-02"},
	}
	var table strings.Builder
	for _, row := range rows {
		table.WriteString(strings.Join(row, "\t") + "\n")
	}
	name := filepath.Join(t.TempDir(), "defects.tsv")
	if err := os.WriteFile(name, []byte(table.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-defects", name, clone}, &out); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"                 kind   rows   reconciled   found   silent after    recall",
		"          depends-on?      1            1       1              0   100.0 %",
		"              ks-path      1            1       1              1   100.0 %",
		"   kustomize-resource      3            2       1              2    50.0 %",
		"still reported\tdepends-on?\towner/fleet@" + short(1) + "\tclusters/a/ks.yaml\tcertificates\t" +
			`there is no Kustomization "flux-system/certificates" in Git, which does not show all of this Flux cluster`,
		"missed\tkustomize-resource\towner/fleet@" + short(1) + "\tapps/web/kustomization.yaml\tconfig.yaml\t" +
			`apps/web/config.yaml exists; kustomize-builds: the build fails: "./service" does not exist`,
		"not reconciled\tkustomize-resource\towner/fleet@" + short(1) + "\tapps/old/kustomization.yaml\tgone.yaml\t" +
			"no cluster reads the file; there are a",
		"",
	}, "\n")
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// lose takes the content of a file out of a clone, as a copy without its large files lacks it.
func lose(t *testing.T, clone, name string) {
	t.Helper()
	hash, err := git(t.Context(), clone, "rev-parse", "HEAD:"+name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(clone, ".git", "objects", string(hash[:2]),
		strings.TrimSpace(string(hash[2:])))); err != nil {
		t.Fatal(err)
	}
}

// commit makes a repository with a commit for each txtar archive, and returns their hashes.
func commit(t *testing.T, dir string, history []string) (hashes []string) {
	t.Helper()
	git := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "git",
			append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	for _, archive := range history {
		for _, f := range txtar.Parse([]byte(archive)).Files {
			name := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		git("add", "-A")
		git("commit", "-q", "-m", "a change")
		hashes = append(hashes, git("rev-parse", "HEAD"))
	}
	return hashes
}

// TestUnpackStaysInside holds a hostile archive to its folder.
func TestUnpackStaysInside(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"dots":     {{Name: "../escaped", Typeflag: tar.TypeReg, Mode: 0o600}},
		"absolute": {{Name: "/escaped", Typeflag: tar.TypeReg, Mode: 0o600}},
		"through a link": {{Name: "up", Linkname: "..", Typeflag: tar.TypeSymlink},
			{Name: "up/escaped", Typeflag: tar.TypeReg, Mode: 0o600}},
		"larger than told": {{Name: "large", Typeflag: tar.TypeReg, Size: maxBytes + 1, Mode: 0o600}},
	} {
		t.Run(name, func(t *testing.T) {
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, h := range headers {
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			outer := t.TempDir()
			inner := filepath.Join(outer, "inner")
			if err := os.Mkdir(inner, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := unpack(&archive, inner); err == nil {
				t.Error("no error")
			}
			if _, err := os.Lstat(filepath.Join(outer, "escaped")); err == nil {
				t.Error("a file outside of the folder")
			}
		})
	}
}
