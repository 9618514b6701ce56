package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestColors(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		noColor  bool
		env      map[string]string
		want     bool
	}{
		{"a terminal", true, false, nil, true},
		{"no terminal", false, false, nil, false},
		{"--no-color", true, true, nil, false},
		{"NO_COLOR", true, false, map[string]string{"NO_COLOR": "1"}, false},
		{"an empty NO_COLOR", true, false, map[string]string{"NO_COLOR": ""}, true},
		{"a terminal without colours", true, false, map[string]string{"TERM": "dumb"}, false},
	} {
		a := &app{
			noColor:    c.noColor,
			getenv:     func(name string) string { return c.env[name] },
			isTerminal: func(io.Writer) bool { return c.terminal },
		}
		if got := a.colors(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestOpensLinks(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm-256color"}, false},
		{map[string]string{"TERM": "xterm-256color", "VTE_VERSION": "7600"}, true},
		{map[string]string{"VTE_VERSION": "4999"}, false},
		{map[string]string{"VTE_VERSION": "new"}, false},
		{map[string]string{"TERM_PROGRAM": "iTerm.app"}, true},
		{map[string]string{"TERM_PROGRAM": "Apple_Terminal"}, false},
		{map[string]string{"TERM": "tmux-256color", "TERM_PROGRAM": "WezTerm"}, false},
		{map[string]string{"TERM": "xterm-kitty"}, true},
		{map[string]string{"TERM": "tmux-256color", "FORCE_HYPERLINK": "1"}, true},
		{map[string]string{"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, false},
	} {
		a := &app{getenv: func(name string) string { return c.env[name] }}
		if got := a.opensLinks(); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		took     time.Duration
		want     string
	}{
		{"no terminal", false, 10 * time.Second, ""},
		{"a short run", true, 900 * time.Millisecond, ""},
		{"a long run", true, 2500 * time.Millisecond, "\r\x1b[Kreading, 1s\r\x1b[Kreading, 2s\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			p := (&app{stderr: &b, isTerminal: func(io.Writer) bool { return c.terminal }}).startProgress()
			p.say("reading")
			time.Sleep(c.took)
			p.stop()
			p.stop()
			if got := b.String(); got != c.want {
				t.Errorf("%s: %q", c.name, got)
			}
		})
	}
}

// TestLoneFile lints files that belong to no fleet, beside others that are nobody's business.
func TestLoneFile(t *testing.T) {
	t.Chdir(t.TempDir()) // in no Git work tree
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: correct horse battery staple\n"
	for _, name := range []string{"a.yaml", "b.yaml", "below/c.yaml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(secret), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const clean = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	for _, c := range []struct {
		args, stdin, stderr string
		code                int
		files               []string // that have findings
	}{
		{"a.yaml", "", "1 error\n", findings, []string{"a.yaml"}},
		{"a.yaml b.yaml", "", "2 errors\n", findings, []string{"a.yaml", "b.yaml"}},
		{".", "", "3 errors\n", unfinished, []string{"a.yaml", "b.yaml", "below/c.yaml"}},
		{"--stdin-filename a.yaml", clean, "no findings\n", 0, nil},
		{"--stdin-filename new/new.yaml", secret, "1 error\n", findings, []string{"new/new.yaml"}},
	} {
		var out, stderr bytes.Buffer
		code := run(append(strings.Fields(c.args), "-o", "github"), strings.NewReader(c.stdin), &out, &stderr,
			func(string) string {
				return ""
			})
		var files []string
		for _, m := range regexp.MustCompile(`file=([^,]+),`).FindAllStringSubmatch(out.String(), -1) {
			files = append(files, m[1])
		}
		if code != c.code || !slices.Equal(files, c.files) || !strings.HasPrefix(stderr.String(), c.stderr) {
			t.Errorf("%s: exit code %d, findings in %q\n%s", c.args, code, files, stderr.String())
		}
	}
}

func TestPanic(t *testing.T) {
	for name, c := range map[string]struct {
		cause func()
		want  string
	}{
		"text":  {func() { panic("hunter2") }, "rollcall: internal error: string\n"},
		"error": {func() { panic(errors.New("hunter2")) }, "rollcall: internal error: *errors.errorString\n"},
		"runtime error": {func() { _ = []int{}[len(name(t))] },
			"rollcall: internal error: runtime error: index out of range ["},
	} {
		var b bytes.Buffer
		func() {
			defer func() { sayPanic(&b, recover()) }()
			c.cause()
		}()
		got := b.String()
		if !strings.HasPrefix(got, c.want) || strings.Contains(got, "hunter2") ||
			!strings.Contains(got, "please report it") || !strings.Contains(got, "TestPanic") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func name(t *testing.T) string { return t.Name() }
